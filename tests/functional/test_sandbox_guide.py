"""docs/sandbox.md: every command in it runs, every address leads somewhere, and every row of its table comes true."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cds_service.card_builder import PROFILES
from cds_service.card_builder.suggestions import PAMA_RATING

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:8080"
SANDBOX = {"Origin": "https://sandbox.cds-hooks.org"}
COMMANDS = [block.strip() for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL)]
STARTS = [block for block in COMMANDS if block.endswith("make run")]
CALLS = [
    line
    for block in COMMANDS
    if block not in STARTS
    for line in re.split(r"(?<!\\)\n", block)
    if line.startswith("curl")
]
ROWS = [
    dict(zip(("patient", "study", "reason", "card", "rating", "suggestion"), cells, strict=True))
    for row in re.findall(r"^\| (`pat-.*) \|$", GUIDE, re.MULTILINE)
    for cells in [[cell.strip(" `") for cell in row.split("|")]]
]


@contextmanager
def started(command: str, folder: Path) -> Iterator[str]:
    """The service as the guide's command starts it, but for the environment that make would set up and the port."""
    [profile] = re.findall(r"^SPINE_CDS_CLIENT_PROFILE=(\S+) make run$", command)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = os.environ | {
        "SPINE_CDS_CLIENT_PROFILE": profile,
        "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}",
    }
    main = [sys.executable, "-c", "from cds_service.cli import main; main()", "demo", "--port", str(port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(main, env=environ, stdout=log, stderr=log) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, process)
            yield address
        finally:
            process.terminate()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the service stopped"
        try:
            if requests.get(f"{address}/readyz", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail("the service did not start")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(STARTS[0], tmp_path_factory.mktemp("sandbox")) as address:
        yield address


def order_of(row: dict[str, str]) -> dict[str, Any]:
    """What the imaging screen drafts for a study and a reason."""
    reasons = [{"coding": [{"system": "http://snomed.info/sct", "code": row["reason"]}]}] if row["reason"] else []
    return {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": row["study"]}]},
        "subject": {"reference": f"Patient/{row['patient']}"},
        "reasonCode": reasons,
    }


def ask(service: str, order: dict[str, Any], patient: str) -> dict[str, Any]:
    """As the sandbox asks; the service reads the chart itself."""
    context = {
        "userId": "Practitioner/COREPRACTITIONER1",
        "patientId": patient,
        "selections": ["ServiceRequest/example-request-id"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
    }
    body = {
        "hook": "order-select",
        "hookInstance": "ed77b8c0-be65-4bc5-b43d-2912e34d6ff1",
        "fhirServer": f"{service}/today/fhir",
        "context": context,
    }
    address = f"{service}/cds-services/spine-imaging-order-select"
    answer = requests.post(address, json=body, headers=SANDBOX, timeout=30)
    assert answer.status_code == 200
    read: dict[str, Any] = answer.json()
    return read


def rating_in(answer: dict[str, Any]) -> str:
    actions = answer.get("extension", {}).get("systemActions", [])
    ratings = [item for action in actions for item in action["resource"]["extension"] if item["url"] == PAMA_RATING]
    return ratings[0]["valueCodeableConcept"]["coding"][0]["code"] if ratings else "none"


def test_the_guide_has_commands_and_rows() -> None:
    assert [re.search(r"PROFILE=(\S+)", start)[1] for start in STARTS] == ["sandbox", "crd"]  # type: ignore[index]
    assert len(CALLS) == 3
    assert len(ROWS) >= 8
    assert set(re.findall(r"`(\w+\+ratings)`", GUIDE)) <= set(PROFILES)


@pytest.mark.slow
@pytest.mark.parametrize("command", CALLS)
def test_every_call_of_the_guide_answers(service: str, command: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace(WRITTEN, service).replace("curl -s", "curl -sf")],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith(b"{")


@pytest.mark.slow
def test_the_address_to_paste_opens_what_the_guide_says(service: str) -> None:
    [address] = re.findall(r"^https://sandbox\S+$", GUIDE, re.MULTILINE)
    parameters = {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", GUIDE, re.MULTILINE))
    assert parameters == {name: listed[name] for name in parameters}
    assert (parameters["screen"], parameters["hook"]) == ("pama", "order-select")
    fhir = parameters["fhirServiceUrl"].replace(WRITTEN, service)
    first_calls = [f"{fhir}/metadata", f"{fhir}/Patient", f"{fhir}/Condition?patient={parameters['patientId']}"]
    first_calls += [f"{fhir}/Patient/{parameters['patientId']}"]
    first_calls += [parameters["serviceDiscoveryURL"].replace(WRITTEN, service)]
    for call in first_calls:
        answer = requests.get(call, headers={**SANDBOX, "Accept": "application/json+fhir"}, timeout=10)
        assert answer.status_code == 200, call
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert requests.get(f"{fhir}/metadata", timeout=10).json()["rest"][0]["security"]


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["patient"])
def test_every_row_of_the_table_comes_true(service: str, row: dict[str, str]) -> None:
    answer = ask(service, order_of(row), row["patient"])
    said = [card["indicator"] for card in answer["cards"] if "links" not in card]
    assert said == ([] if row["card"] == "none" else [row["card"]])
    assert any("links" in card for card in answer["cards"]) == (row["card"] != "none" and row["rating"] == "none")
    assert rating_in(answer) == row["rating"]
    suggestions = [suggestion for card in answer["cards"] for suggestion in card.get("suggestions", [])]
    recommended = [suggestion for suggestion in suggestions if suggestion["isRecommended"]]
    offered = [s["actions"][0]["resource"]["code"]["coding"][0]["code"] for s in recommended]
    assert offered == ([row["suggestion"]] if row["suggestion"] else [])


@pytest.mark.slow
def test_a_smart_link_can_be_launched(service: str) -> None:
    """The sandbox greys a link out unless the FHIR server gives it a launch."""
    launch = {"launchUrl": f"{service}/document", "parameters": {"patient": "pat-foot-drop", "appContext": "c1"}}
    address = f"{service}/today/fhir/_services/smart/Launch"
    asked = {**SANDBOX, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert requests.options(address, headers=asked, timeout=10).status_code in (200, 204)
    answer = requests.post(address, json=launch, headers=SANDBOX, timeout=10)
    assert answer.status_code == 200
    assert answer.json()["launch_id"]


@pytest.mark.slow
def test_the_request_generator_finds_orders_and_carries_out_what_we_suggest(tmp_path: Path) -> None:
    with started(STARTS[1], tmp_path) as service:
        names = dict(re.findall(r"^(REACT_APP_\w+)=(\S+)$", GUIDE, re.MULTILINE))
        fhir = names["REACT_APP_EHR_SERVER"].replace(WRITTEN, service)
        for query in ("Patient?_summary=count", "Patient?_sort=identifier&_count=12"):
            assert requests.get(f"{fhir}/{query}", timeout=10).json()["resourceType"] == "Bundle"
        patient = "pat-ct-instead-of-mri"
        for kind in ("DeviceRequest", "MedicationRequest", "MedicationDispense"):
            found = requests.get(f"{fhir}/{kind}?subject=Patient/{patient}", timeout=10)
            assert found.json()["resourceType"] == "Bundle"
        stored = requests.get(f"{fhir}/ServiceRequest?subject=Patient/{patient}", timeout=10).json()["entry"]
        order = stored[0]["resource"]
        body = {
            "hook": "order-sign",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "fhirServer": fhir,
            "fhirAuthorization": {"access_token": "", "token_type": "Bearer", "expires_in": 300},
            "context": {
                "userId": "Practitioner/example",
                "patientId": patient,
                "encounterId": "enc89284",
                "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]},
            },
        }
        address = f"{names['REACT_APP_CDS_SERVICE'].replace(WRITTEN, service)}/{names['REACT_APP_ORDER_SIGN']}"
        [card] = requests.post(address, json=body, timeout=30).json()["cards"]
        delete, create = card["suggestions"][0]["actions"]
        assert requests.delete(f"{fhir}/{delete['resourceId']}", timeout=10).status_code == 204
        made = requests.post(f"{fhir}/ServiceRequest", json=create["resource"], timeout=10)
        assert made.status_code == 201
        body["context"]["draftOrders"]["entry"] = [{"resource": made.json()}]  # type: ignore[index]
        assert requests.post(address, json=body, timeout=30).json()["cards"] == []
