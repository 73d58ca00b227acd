"""What clients rely on, asked from outside: discovery, the forms of requests, versions, speed, sameness."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.hook_requests import BACK_PAIN, PATIENT, a_request, an_order
from tests.house import source_tree
from tests.serving import SELECT, SIGN, Serving, serving
from tests.stub_fhir import StubFhir, stub_fhir

UUIDS = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORDER = orjson.dumps(a_request())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("conformance")) as running:
        yield running


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


def same(response: Any) -> bytes:
    """The body without what is new every time."""
    assert response.status_code == 200
    return UUIDS.sub(b"-", response.data)


@pytest.mark.proves("CH-DISC-01", "CH-STATE-01")
def test_discovery_is_the_same_from_every_worker_at_any_time(service: Serving, tmp_path: Path) -> None:
    first = service.client.get("/cds-services")
    service.post(SIGN, ORDER)
    with serving(tmp_path) as another:
        assert another.client.get("/cds-services").data == first.data == service.client.get("/cds-services").data
    assert first.status_code == 200


@pytest.mark.proves("CH-DISC-02", "CH-DISC-03", "CH-DISC-04", "CH-DISC-05", "CH-DISC-06", "CH-DISC-07")
def test_what_discovery_says_of_each_service(service: Serving) -> None:
    body = service.client.get("/cds-services").json

    assert set(body) == {"services"}
    assert len(body["services"]) == 2
    for offered in body["services"]:
        for name in ("hook", "id", "title", "description", "usageRequirements"):
            assert isinstance(offered[name], str)
            assert offered[name]
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", offered["version"])
        assert "hookVersion" not in offered
        assert all(re.match(r"[A-Z][A-Za-z]+[/?]", template) for template in offered["prefetch"].values())


@pytest.mark.proves("CH-DISC-08", "CH-FB-01")
def test_every_service_can_be_called_and_told(service: Serving) -> None:
    feedback = {"card": "1981d7cb-a2cc-4872-a0ef-b16b93836623", "outcome": "overridden",
                "outcomeTimestamp": "2026-11-20T17:40:19Z"}  # fmt: skip
    for offered in service.client.get("/cds-services").json["services"]:
        path = f"/cds-services/{offered['id']}"
        assert service.post(path, a_request(hook=offered["hook"])).status_code == 200
        assert service.post(f"{path}/feedback", {"feedback": [feedback]}).status_code == 200


@pytest.mark.proves("CH-DISC-12")
def test_the_guide_names_each_service_and_what_it_needs(service: Serving) -> None:
    guide = source_tree.text("docs/integrate.md")
    for offered in service.client.get("/cds-services").json["services"]:
        assert f"`{offered['id']}`" in guide
        assert f"`{offered['hook']}`" in guide
    assert "openapi.yaml" in guide


@pytest.mark.proves("CH-REQ-10")
def test_an_order_not_to_do_something_gets_no_advice(service: Serving) -> None:
    body = service.post(SIGN, a_request(an_order(doNotPerform=True))).json

    assert body == {"cards": []}


@pytest.mark.proves("CH-REQ-11", "CH-STATE-01")
def test_the_same_call_twice_is_answered_twice_and_alike(service: Serving) -> None:
    first, second = service.post(SIGN, ORDER), service.post(SIGN, ORDER)

    assert same(first) == same(second)
    assert first.json["cards"][0]["uuid"] != second.json["cards"][0]["uuid"]


@pytest.mark.proves("CH-ERR-01")
@pytest.mark.parametrize("order", [an_order(code="73721"), {"resourceType": "MedicationRequest", "id": "m1"}])
def test_nothing_to_say_is_200_with_an_empty_list(service: Serving, order: dict[str, Any]) -> None:
    response = service.post(SIGN, a_request(order))

    assert (response.status_code, response.json) == (200, {"cards": []})


@pytest.mark.proves("CH-EXT-02", "CH-REQ-05")
@pytest.mark.parametrize(
    "extension",
    [{"davinci-crd.requestedVersion": "2.2", "davinci-crd.configuration": {"coverage-info": False, "max-cards": 0}},
     {"com.epic.cdshooks.request.bpa-trigger-action": 23}, {}, [], None, "x"],
)  # fmt: skip
def test_extensions_of_clients_change_nothing(service: Serving, extension: Any) -> None:
    request = a_request() | {"extension": extension}
    assert same(service.post(SIGN, request)) == same(service.post(SIGN, ORDER))


@pytest.mark.proves("CH-VER-01")
@pytest.mark.parametrize(("path", "hook"), [(SIGN, "order-sign"), (SELECT, "order-select")])
def test_both_versions_of_the_specification_get_the_same_answer(
    service: Serving, fhir: StubFhir, path: str, hook: str
) -> None:
    """2.0: no type of the Bundle, null for an empty search. 3.0: typed Bundles, empty ones for an empty search."""
    older, newer = (a_request(hook=hook, fhirServer=fhir.base_url) for _ in range(2))
    older["prefetch"] = {
        key: None if isinstance(value, dict) and value.get("total") == 0 else value
        for key, value in older["prefetch"].items()
    }
    newer["context"]["draftOrders"]["type"] = "collection"
    newer["extension"] = {"org.example.version": "3.0.0"}
    newer["fhirAuthorization"] = {
        "access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/Condition.rs", "subject": "s"
    }  # fmt: skip
    assert same(service.post(path, older)) == same(service.post(path, newer))


@pytest.mark.proves("CH-FHIR-04")
def test_scopes_in_any_notation_change_nothing(service: Serving, fhir: StubFhir) -> None:
    fhir.resources = [PATIENT, BACK_PAIN]
    answers = set()
    for scope in (None, "", "patient/Condition.read", "user/*.*", "patient/*.rs?category=x", "user/Condition.Read",
                  "EPIC.FHIR.R4.Condition.Read", "nonsense ;;", "launch openid"):  # fmt: skip
        granted = {"access_token": "t", "token_type": "Bearer", "expires_in": 60}
        granted |= {} if scope is None else {"scope": scope}
        request = a_request(prefetch=None, fhirServer=fhir.base_url, fhirAuthorization=granted)
        answers.add(same(service.post(SIGN, request)))

    assert len(answers) == 1


@pytest.mark.proves("CH-FHIR-06")
def test_a_server_that_ignores_the_search_is_filtered_here(service: Serving, fhir: StubFhir) -> None:
    """It returns everybody's conditions, and resources of other types among them."""
    strangers = [deepcopy(BACK_PAIN) | {"id": f"x{number}", "subject": {"reference": f"Patient/x{number}"}}
                 for number in range(5)]  # fmt: skip
    fhir.resources = [PATIENT, BACK_PAIN]
    alone = service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url))
    fhir.resources = [PATIENT, *strangers, BACK_PAIN]
    among = service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url))

    (wanted,), (found,) = (answer.json["extension"]["org.spine-imaging-cds.reviews"] for answer in (alone, among))
    assert found.pop("foreign") == [f"Condition/x{number}" for number in range(5)]
    assert found == wanted


@pytest.mark.proves("CH-PERF-01")
@pytest.mark.slow
def test_an_answer_takes_far_less_than_half_a_second(service: Serving) -> None:
    """Computing time, which is what this machine's load does not change; the benchmark measures the rest."""
    spent = []
    for _ in range(30):
        began = time.thread_time()
        service.post(SIGN, ORDER)
        spent.append(time.thread_time() - began)

    assert statistics.median(spent) < 0.25
