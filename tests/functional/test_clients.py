"""Recorded client traffic, answered in the profile of the client that sent it, and all that this client then does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from markdown_it import MarkdownIt
from werkzeug.test import TestResponse

from cds_service.card_builder.suggestions import PAMA_RATING, PAMA_SYSTEM, prune
from cds_service.config import Settings
from cds_service.resources import fixtures_dir
from cds_service.web.demo.moved import moved
from cds_service.web.demo.stories import load_stories
from tests.hook_requests import BACK_PAIN, PATIENT, an_order
from tests.serving import NOON, REVIEWS, SELECT, SIGN, Serving, serving
from tests.stub_fhir import StubFhir

RECORDED = Path(__file__).parents[1] / "recorded"
SANDBOX_ORIGIN = {"Origin": "https://sandbox.cds-hooks.org"}
CODE_AND_REASON = "sandbox-pama-order-select-code-and-reason"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, Settings(client_profile="sandbox")) as running:
        yield running


@pytest.fixture
def crd(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, Settings(client_profile="crd")) as running:
        yield running


@pytest.fixture
def chart(fhir: StubFhir) -> StubFhir:
    """The recorded patient, with back pain since 1 November."""
    fhir.resources = [PATIENT, BACK_PAIN]
    return fhir


def recorded(name: str, fhir: StubFhir) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads((RECORDED / f"{name}.json").read_bytes())
    return body | {"fhirServer": fhir.base_url}


def ordering(body: dict[str, Any], *orders: dict[str, Any]) -> dict[str, Any]:
    """The same request about other drafts."""
    changed = deepcopy(body)
    changed["context"]["draftOrders"]["entry"] = [{"resource": order} for order in orders]
    return changed


def draft_of(body: Mapping[str, Any]) -> dict[str, Any]:
    draft: dict[str, Any] = body["context"]["draftOrders"]["entry"][0]["resource"]
    return draft


def sandbox_takes(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What the sandbox's imaging screen makes of an `update`. It fails, as the screen does, without what it reads."""
    [rating] = [item for item in resource["extension"] if item["url"] == PAMA_RATING]
    assert rating["valueCodeableConcept"]["coding"][0]["code"]
    coding = resource["code"]["coding"][0]
    reasons = [reason["coding"][0] for reason in resource["reasonCode"]]
    return {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [coding], "text": coding["display"]},
        "subject": resource["subject"],
        "reasonCode": [{"coding": [coding], "text": coding["display"]} for coding in reasons],
    }


def rating_shown(response: TestResponse) -> str:
    """The badge of the imaging screen: only `extension.systemActions`, first resource, is looked at."""
    actions = response.json.get("extension", {}).get("systemActions", [])
    if not actions or actions[0]["type"] != "update":
        return "unknown"
    [rating] = [item for item in actions[0]["resource"]["extension"] if item["url"] == PAMA_RATING]
    coding = rating["valueCodeableConcept"]["coding"][0]
    assert coding["system"] == PAMA_SYSTEM
    return str(coding["code"])


# -- the CDS Hooks sandbox --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sandbox-pama-order-select-blank", "sandbox-pama-order-select-no-prefetch-key"])
def test_an_empty_screen_has_neither_cards_nor_a_rating(sandbox: Serving, chart: StubFhir, name: str) -> None:
    assert sandbox.post(SELECT, recorded(name, chart)).json == {"cards": []}


def test_the_chosen_study_is_rated(sandbox: Serving, chart: StubFhir) -> None:
    """MRI with contrast only for low back pain of three weeks."""
    response = sandbox.post(SELECT, recorded(CODE_AND_REASON, chart), **SANDBOX_ORIGIN)
    assert rating_shown(response) == "not-appropriate"
    assert response.json["systemActions"] == response.json["extension"]["systemActions"]


@pytest.mark.parametrize(
    ("slug", "code", "offered"),
    [
        ("infant-dermal-sinus", "72158", "76800"),
        ("disc-with-contrast", "72158", "72148"),
        ("ct-instead-of-mri", "72131", "72148"),
        ("foot-drop-neck-mri", "72141", "72148"),
    ],
)
def test_our_suggestion_can_be_taken_and_ends_the_matter(
    sandbox: Serving, chart: StubFhir, slug: str, code: str, offered: str
) -> None:
    """The screen keeps code and reasons of the update, drops the rest, and asks again about what is left."""
    [story] = [story for story in load_stories(fixtures_dir()) if story.slug == slug]
    story = moved(story, NOON.date())
    chart.resources = [resource for resource in story.resources if resource not in story.drafts]
    body = recorded(CODE_AND_REASON, chart)
    body["context"]["patientId"] = story.patient["id"]
    body["prefetch"] = {}
    draft = {**draft_of(body), "subject": {"reference": f"Patient/{story.patient['id']}"}}
    draft["code"] = {"coding": [{**draft["code"]["coding"][0], "code": code}]}
    draft["reasonCode"] = story.drafts[0].get("reasonCode", [])
    body = ordering(body, draft)

    before = sandbox.post(SELECT, body, **SANDBOX_ORIGIN)
    assert rating_shown(before) == "not-appropriate"
    [suggestion] = [s for card in before.json["cards"] for s in card.get("suggestions", []) if s["isRecommended"]]
    [action] = suggestion["actions"]
    assert action["type"] == "update"
    taken = sandbox_takes(action["resource"])
    assert taken["code"]["coding"][0]["code"] == offered
    assert [reason["coding"] for reason in taken["reasonCode"]] == [r["coding"][:1] for r in draft["reasonCode"]]

    after = sandbox.post(SELECT, ordering(body, taken), **SANDBOX_ORIGIN)
    assert rating_shown(after) != "not-appropriate"
    assert {review["determination"] for review in after.json["extension"][REVIEWS]} != {"not_supported"}


@pytest.mark.proves("CH-SYS-04", "CH-JSON-04")
def test_the_rated_order_is_the_order_as_sent_but_for_the_extension(sandbox: Serving, chart: StubFhir) -> None:
    body = recorded(CODE_AND_REASON, chart)
    [action] = sandbox.post(SELECT, body).json["systemActions"]
    assert action["description"]
    resource = dict(action["resource"])
    del resource["extension"]
    assert resource == prune(draft_of(body))


def test_each_call_has_a_consult_id_of_its_own(sandbox: Serving, chart: StubFhir) -> None:
    body = recorded(CODE_AND_REASON, chart)
    answers = [sandbox.post(SELECT, body).json["systemActions"][0]["resource"]["extension"] for _ in range(2)]
    first, second = ([item["valueUri"] for item in answer if "valueUri" in item] for answer in answers)
    assert first != second
    kept = {row["consultation"] for row in sandbox.rows("issued_cards")}
    assert {uri.removeprefix("urn:uuid:") for uri in (*first, *second)} == kept


def test_insufficient_information_shows_no_rating_but_a_card(sandbox: Serving, chart: StubFhir) -> None:
    chart.resources = [PATIENT]
    response = sandbox.post(SELECT, recorded("sandbox-pama-order-select-code-no-reason", chart))
    [review] = response.json["extension"][REVIEWS]
    if review["determination"] == "needs_information":
        assert rating_shown(response) == "unknown"
        assert "systemActions" not in response.json
    assert response.json["cards"]


def test_the_reference_case_of_the_imaging_guide(sandbox: Serving, chart: StubFhir) -> None:
    """CT of the lumbar spine without and with contrast for low back pain: not appropriate."""
    body = recorded(CODE_AND_REASON, chart)
    draft = deepcopy(draft_of(body))
    draft["code"]["coding"][0]["code"] = "72133"
    assert rating_shown(sandbox.post(SELECT, ordering(body, draft))) == "not-appropriate"


def test_cards_can_be_dismissed_and_reported_as_the_sandbox_does(sandbox: Serving, chart: StubFhir) -> None:
    response = sandbox.post(SELECT, recorded(CODE_AND_REASON, chart))
    for card in response.json["cards"]:
        assert card["uuid"]
        assert card["source"]["label"]
        assert all(suggestion["uuid"] and suggestion["label"] for suggestion in card.get("suggestions", []))
        assert "links" not in card or "suggestions" not in card
        for reason in card["overrideReasons"]:
            sent = {"code": reason["code"], "system": reason["system"]}  # it strips the display
            report = {
                "card": card["uuid"],
                "outcome": "overridden",
                "outcomeTimestamp": "2026-11-20T17:40:19.204Z",
                "overrideReason": {"reason": sent},
            }
            answer = sandbox.post(f"{SELECT}/feedback", {"feedback": [report]}, **SANDBOX_ORIGIN)
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/cds-services", "authorization"),
        (SELECT, "authorization,content-type"),
        (f"{SELECT}/feedback", "authorization,content-type"),
    ],
)
def test_the_browser_may_call(sandbox: Serving, path: str, asked: str) -> None:
    headers = {**SANDBOX_ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
    answer = sandbox.client.options(path, headers=headers)
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in asked.split(","))


def test_a_configured_address_with_a_slash_at_its_end_works(sandbox: Serving, chart: StubFhir) -> None:
    """The sandbox adds "/" + id to what was typed."""
    body = recorded(CODE_AND_REASON, chart)
    assert sandbox.post(SELECT.replace("/cds-services/", "/cds-services//"), body).status_code == 200


def test_nothing_is_said_as_all_clear_when_the_record_cannot_be_read(sandbox: Serving, chart: StubFhir) -> None:
    chart.answer = lambda kind, ident: (500, b"oops") if kind == "Condition" else None
    body = recorded("sandbox-pama-order-select-code-no-reason", chart)
    response = sandbox.post(SELECT, body)
    assert response.json["cards"]
    assert rating_shown(response) == "unknown"


# -- the Da Vinci CRD request generator -------------------------------------------------------------------------------


def executed(order: Mapping[str, Any], suggestion: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(method, path) of what the generator sends to its FHIR server. It fails, as the server would, on fragments."""
    sent = []
    for action in suggestion["actions"]:
        assert action["description"]
        if action["type"] == "delete":
            sent.append(("DELETE", action["resourceId"]))
            assert action["resourceId"] == f"ServiceRequest/{order['id']}"
            assert any(other["type"] == "create" for other in suggestion["actions"]), "a delete has its create"
            continue
        ServiceRequest.model_validate(action["resource"])
        assert action["resource"]["subject"] == order["subject"]
        if action["type"] == "update":
            assert action["resource"]["id"] == order["id"]
            sent.append(("PUT", f"ServiceRequest/{order['id']}"))
        else:
            sent.append(("POST", "ServiceRequest"))
    return sent


def crd_answer(crd: Serving, chart: StubFhir, code: str) -> tuple[dict[str, Any], TestResponse]:
    body = recorded("crd-request-generator-order-sign", chart)
    order = deepcopy(draft_of(body))
    order["code"]["coding"][0] = {"system": "http://www.ama-assn.org/go/cpt", "code": code}
    return order, crd.post(SIGN, ordering(body, order))


@pytest.mark.parametrize("code", ["72148", "72149", "72131", "72133"])
def test_the_generator_can_execute_every_suggestion(crd: Serving, chart: StubFhir, code: str) -> None:
    order, response = crd_answer(crd, chart, code)
    assert response.status_code == 200
    assert "systemActions" not in response.json
    suggestions = [suggestion for card in response.json["cards"] for suggestion in card.get("suggestions", [])]
    for suggestion in suggestions:
        assert executed(order, suggestion)


def test_it_reads_plain_commonmark(crd: Serving, chart: StubFhir) -> None:
    """Tables, HTML and strikethrough would show as raw text there."""
    _, response = crd_answer(crd, chart, "72149")
    assert response.json["cards"]
    for card in response.json["cards"]:
        plain = {token.type for token in MarkdownIt("commonmark").parse(card["detail"])}
        rich = {token.type for token in MarkdownIt("gfm-like", {"linkify": False}).parse(card["detail"])}
        assert plain == rich
        assert "html_block" not in plain
        assert card["source"]["topic"]["display"]


@pytest.mark.proves("CH-SYS-03", "CH-JSON-03")
def test_ratings_are_off_until_a_client_agrees_to_them(service: Serving, tmp_path: Path, chart: StubFhir) -> None:
    body = recorded(CODE_AND_REASON, chart)
    body = ordering(
        body, an_order(code="72149", reasonCode=draft_of(body)["reasonCode"]) | {"id": "example-request-id"}
    )
    assert "systemActions" not in service.post(SELECT, body).json
    (tmp_path / "rated").mkdir()
    with serving(tmp_path / "rated", Settings(client_profile="epic+ratings")) as rated:
        answer = rated.post(SELECT, body).json
    assert answer["systemActions"][0]["type"] == "update"
    assert "systemActions" not in answer["extension"]
