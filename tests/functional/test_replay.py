"""What real clients sent, and what we answer to each of them (`tests/recorded/README.md`)."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.hook_requests import PATIENT, an_order
from tests.serving import REVIEWS, SELECT, SIGN, Serving
from tests.stub_fhir import StubFhir

RECORDED = Path(__file__).parents[1] / "recorded"
RECORDINGS = sorted(path.name for path in RECORDED.glob("*.json"))


def recorded(name: str, fhir: StubFhir | None = None) -> dict[str, Any]:
    """A recording, with its FHIR server replaced by ours when one is given."""
    body: dict[str, Any] = orjson.loads((RECORDED / f"{name}.json").read_bytes())
    if fhir is not None and "fhirServer" in body:
        body["fhirServer"] = fhir.base_url
    return body


def test_every_recording_is_played() -> None:
    played = Path(__file__).read_text(encoding="utf-8")

    assert [name for name in RECORDINGS if f'"{name.removesuffix(".json")}"' not in played] == []


@pytest.mark.proves("CH-REQ-09")
@pytest.mark.parametrize("name", ["sandbox-pama-order-select-blank", "sandbox-pama-order-select-no-prefetch-key"])
def test_a_screen_just_opened_has_no_study_yet(service: Serving, fhir: StubFhir, name: str) -> None:
    """The sandbox asks before a study is chosen. That is no error, and nobody's chart is read."""
    response = service.post(SELECT, recorded(name, fhir))

    assert response.status_code == 200
    assert response.json == {"cards": []}
    assert fhir.seen == []


@pytest.mark.proves("CH-FHIR-05")
@pytest.mark.parametrize(
    "name", ["sandbox-pama-order-select-code-no-reason", "sandbox-pama-order-select-code-and-reason"]
)
def test_a_chosen_study_is_reviewed_with_what_the_server_adds(service: Serving, fhir: StubFhir, name: str) -> None:
    """Only the patient came under a key of ours: everything else is read from the server."""
    response = service.post(SELECT, recorded(name, fhir))

    assert response.status_code == 200
    (review,) = response.json["extension"][REVIEWS]
    assert review["order"] == "ServiceRequest/example-request-id"
    assert review["study"] == {"id": "mr_lumbar_w", "code": "72149"}
    assert "not_read" not in review
    assert "/fhir/Condition" in fhir.asked
    assert "/fhir/Patient/p1" not in fhir.asked


def test_a_chosen_study_with_an_unreachable_server_says_what_was_not_checked(service: Serving) -> None:
    """The sandbox shows an empty list as "all clear", so a chart that could not be read must be a card."""
    body = recorded("sandbox-pama-order-select-code-and-reason") | {"fhirServer": "http://127.0.0.1:9/fhir"}

    response = service.post(SELECT, body)

    assert response.status_code == 200
    assert response.json["cards"]
    assert response.json["extension"][REVIEWS][0]["not_read"]


def test_a_prescription_is_none_of_ours(service: Serving, fhir: StubFhir) -> None:
    response = service.post(SIGN, recorded("sandbox-rx-sign-order-sign-medicationrequest", fhir))

    assert response.status_code == 200
    assert response.json == {"cards": []}
    assert fhir.seen == []


def test_the_request_generator_sends_other_keys_and_an_empty_token(service: Serving, fhir: StubFhir) -> None:
    """Its encounter and practitioner do not exist on the server, its hookInstance is a constant."""
    fhir.resources = [PATIENT]
    body = recorded("crd-request-generator-order-sign", fhir)

    first, second = service.post(SIGN, body), service.post(SIGN, body)

    for response in (first, second):
        assert response.status_code == 200
        (review,) = response.json["extension"][REVIEWS]
        assert review["order"] == "ServiceRequest/sr1"
        assert "not_read" not in review
    assert {request.authorization for request in fhir.seen} == {None}
    assert len(fhir.asked) == 2 * len(set(fhir.asked)), "each call reads the chart afresh"


def test_the_request_generator_without_a_server_gets_412(service: Serving) -> None:
    body = recorded("crd-request-generator-order-sign") | {"fhirServer": "http://127.0.0.1:9/fhir"}

    assert service.post(SIGN, body).status_code == 412


@pytest.mark.proves("CH-FB-05", "CH-FB-07")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sandbox-feedback-accepted", {"outcome": "accepted", "reason_code": None}),
        ("sandbox-feedback-dismissed-no-reason", {"outcome": "overridden", "reason_code": None}),
        (
            "sandbox-feedback-overridden-with-reason",
            {"outcome": "overridden", "reason_code": "red-flag", "reason_system": "http://example.org/or"},
        ),
    ],
)
def test_feedback_on_a_card_we_never_issued_is_kept(service: Serving, name: str, expected: dict[str, Any]) -> None:
    body = recorded(name)

    for _ in range(2):  # the sandbox's buttons can be pressed again
        response = service.post(f"{SELECT}/feedback", body)
        assert (response.status_code, response.data) == (200, b"")

    (row,) = service.rows("feedback")
    assert row["card"] == body["feedback"][0]["card"]
    assert {name: row[name] for name in expected} == expected


def test_an_echo_of_our_suggestion_is_an_order_like_any_other(service: Serving, fhir: StubFhir) -> None:
    """Taking a suggestion makes the sandbox send it back, stripped to code and reasons."""
    body = recorded("sandbox-pama-order-select-code-and-reason", fhir)
    stripped = an_order("example-request-id", "72148", reasonCode=[])
    body["context"]["draftOrders"]["entry"] = [{"resource": stripped}]

    assert service.post(SELECT, body).json["extension"][REVIEWS][0]["study"]["code"] == "72148"
