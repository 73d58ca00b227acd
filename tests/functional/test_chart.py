"""The chart over HTTP: whichever part comes as prefetch, the answer is the same; what cannot be read is said."""

import re
import time
from typing import Any

import orjson
import pytest

from cds_service.hooks.chart_keys import TABLE
from tests.hook_requests import BACK_PAIN, PATIENT, a_request, an_order, full_prefetch, replaced, without
from tests.serving import REVIEWS, SIGN, Serving
from tests.stub_fhir import StubFhir, bundle

CHART = [PATIENT, BACK_PAIN]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def body_without_uuids(response: Any) -> bytes:
    assert response.status_code == 200
    return UUID.sub(b"-", response.data)


def paths_of(*keys: str) -> list[str]:
    rows = [row for row in TABLE if row.key in keys]
    return sorted("/fhir/Patient/p1" if row.key == "patient" else f"/fhir/{row.resource_type}" for row in rows)


def of_keys(asked: list[str]) -> list[str]:
    """The requests for types with a prefetch key; rarer types are read besides."""
    keyed = {row.resource_type for row in TABLE}
    return [path for path in asked if path.split("/")[2] in keyed]


@pytest.mark.proves("CH-PF-09", "CH-PF-10")
@pytest.mark.parametrize("key", [row.key for row in TABLE])
def test_a_missing_key_is_fetched_and_changes_nothing(service: Serving, fhir: StubFhir, key: str) -> None:
    fhir.resources = CHART
    complete = service.post(SIGN, a_request(fhirServer=fhir.base_url))
    fhir.seen.clear()

    partial = service.post(SIGN, without(a_request(fhirServer=fhir.base_url), f"prefetch.{key}"))

    assert of_keys(fhir.asked) == paths_of(key)
    assert body_without_uuids(partial) == body_without_uuids(complete)


@pytest.mark.proves("CH-PF-09", "CH-FHIR-02")
def test_no_prefetch_at_all_gives_the_same_answer(service: Serving, fhir: StubFhir) -> None:
    fhir.resources = CHART
    complete = service.post(SIGN, a_request(fhirServer=fhir.base_url))
    fhir.seen.clear()

    bare = service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url))

    assert of_keys(fhir.asked) == paths_of(*(row.key for row in TABLE))
    assert body_without_uuids(bare) == body_without_uuids(complete)


@pytest.mark.proves("CH-PF-11")
@pytest.mark.parametrize(
    ("sent", "fetches"),
    [("absent", 1), (None, 0), (OUTCOME, 0), (bundle(), 0), (bundle(BACK_PAIN, total=2), 1)],
)
def test_the_states_of_a_key(service: Serving, fhir: StubFhir, sent: Any, fetches: int) -> None:
    fhir.resources = CHART
    request = a_request(fhirServer=fhir.base_url)
    request = (
        without(request, "prefetch.conditions") if sent == "absent" else replaced(request, "prefetch.conditions", sent)
    )

    response = service.post(SIGN, request)

    assert response.status_code == 200
    assert of_keys(fhir.asked) == ["/fhir/Condition"] * fetches
    not_read = response.json["extension"][REVIEWS][0].get("not_read", [])
    assert ("Condition" in not_read) == (sent is OUTCOME)


@pytest.mark.proves("CH-PF-14")
def test_unknown_keys_are_ignored(service: Serving) -> None:
    known = service.post(SIGN, a_request())
    request = replaced(a_request(), "prefetch.foo", {"resourceType": "Condition"})

    assert body_without_uuids(service.post(SIGN, request)) == body_without_uuids(known)


@pytest.mark.proves("CH-ERR-02", "CH-ERR-06")
@pytest.mark.parametrize(
    "request_members",
    [
        {},
        {"fhirServer": "http://127.0.0.1:9/fhir"},
        {"fhirServer": "http://10.255.255.1/fhir"},
        {"fhirServer": "https://ehr.example/fhir"},
    ],
)
def test_nothing_to_read_from_is_412_with_an_outcome(service: Serving, request_members: dict[str, str]) -> None:
    response = service.post(SIGN, a_request(prefetch=None, **request_members))

    assert response.status_code == 412
    assert response.json["resourceType"] == "OperationOutcome"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.proves("CH-ERR-02")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"oops"),
        (401, b"Invalid token: jwt malformed"),
        (403, b"{}"),
        (404, b"<html>"),
        (200, b"not json"),
        (302, b""),
    ],
)
def test_a_server_that_answers_nothing_usable_is_412(
    service: Serving, fhir: StubFhir, status: int, body: bytes
) -> None:
    fhir.answer = lambda kind, ident: (status, body)

    assert service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url)).status_code == 412


def test_a_failed_search_is_a_card_and_not_an_error(service: Serving, fhir: StubFhir) -> None:
    fhir.answer = lambda kind, ident: (500, b"oops") if kind == "Condition" else None
    request = without(a_request(fhirServer=fhir.base_url), "prefetch.conditions")

    response = service.post(SIGN, request)

    assert response.status_code == 200
    assert response.json["cards"]
    assert response.json["extension"][REVIEWS][0]["not_read"] == ["Condition"]


@pytest.mark.proves("CH-ERR-03", "CH-REQ-08")
def test_a_patient_without_birth_date_is_not_412(service: Serving) -> None:
    response = service.post(SIGN, without(a_request(), "prefetch.patient.birthDate"))

    assert response.status_code == 200
    assert response.json["cards"]


@pytest.mark.proves("CH-FHIR-01", "CH-FHIR-03")
def test_the_token_goes_to_the_server_as_it_came_and_is_not_kept(service: Serving, fhir: StubFhir) -> None:
    fhir.resources = CHART
    token = {"access_token": "secret-1", "token_type": "Bearer", "expires_in": 300, "scope": "user/Condition.Read"}
    request = without(a_request(fhirServer=fhir.base_url), "prefetch.conditions")

    service.post(SIGN, request | {"fhirAuthorization": token})
    assert {seen.authorization for seen in fhir.seen} == {"Bearer secret-1"}
    fhir.seen.clear()

    service.post(SIGN, request)
    assert {seen.authorization for seen in fhir.seen} == {None}


@pytest.mark.proves("CH-FHIR-03", "CH-REQ-03")
def test_an_expired_token_is_not_used_and_neither_is_the_server(service: Serving, fhir: StubFhir) -> None:
    token = {"access_token": "secret-1", "token_type": "Bearer", "expires_in": 0}

    response = service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url, fhirAuthorization=token))

    assert (response.status_code, fhir.seen) == (412, [])


@pytest.mark.proves("CH-FRESH-01")
def test_changed_data_changes_the_answer(service: Serving, fhir: StubFhir) -> None:
    """Nothing clinical is kept from one call to the next."""
    cauda_equina = BACK_PAIN | {
        "id": "c2",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "192970008"}]},
    }
    request = without(a_request(fhirServer=fhir.base_url), "prefetch.conditions")
    fhir.resources = [PATIENT]
    before = service.post(SIGN, request).json["extension"][REVIEWS][0]

    fhir.resources = [PATIENT, cauda_equina]
    after = service.post(SIGN, request).json["extension"][REVIEWS][0]

    assert before["determination"] != "supported"
    assert after["determination"] == "supported"


@pytest.mark.proves("CH-PERF-02", "CH-PERF-03")
def test_a_server_that_never_answers_costs_no_more_than_the_deadline(service: Serving, fhir: StubFhir) -> None:
    def never(kind: str, ident: str | None) -> None:
        time.sleep(4)

    fhir.answer = never
    started = time.monotonic()

    response = service.post(SIGN, a_request(prefetch=None, fhirServer=fhir.base_url))

    assert response.status_code == 412
    assert time.monotonic() - started < 4


def test_other_drafts_are_not_reviewed_by_order_select(service: Serving) -> None:
    request = a_request(an_order("mri"), an_order("ct", "72131"), hook="order-select")
    request["context"]["selections"] = ["ServiceRequest/ct"]

    response = service.post("/cds-services/spine-imaging-order-select", request)

    assert [review["order"] for review in response.json["extension"][REVIEWS]] == ["ServiceRequest/ct"]


@pytest.mark.proves("CH-REQ-07")
def test_another_patients_order_gets_no_advice(service: Serving) -> None:
    order = an_order(subject={"reference": "Patient/p2"})

    assert service.post(SIGN, a_request(order)).json == {"cards": []}


@pytest.mark.proves("CH-REQ-07")
def test_an_absolute_subject_is_the_same_patient(service: Serving) -> None:
    order = an_order(subject={"reference": "https://ehr.example/fhir/Patient/p1"})

    assert service.post(SIGN, a_request(order)).json["extension"][REVIEWS]


def test_awful_resources_are_data_and_not_errors(service: Serving) -> None:
    """Whatever stands in a chart, the answer is a 200."""
    awful: list[Any] = [
        {"resourceType": kind, "id": 5, "code": [1], "subject": "x", "status": {}, "value": None, "item": [[{}]]}
        for kind in ("Condition", "Observation", "Procedure", "DiagnosticReport", "Encounter", "QuestionnaireResponse")
    ]
    prefetch = full_prefetch(*awful)
    for value in list(prefetch):
        if value != "patient":
            prefetch[value]["entry"] += [{"resource": 1}, {}, {"resource": {"resourceType": []}}]

    assert service.post(SIGN, a_request(prefetch=prefetch)).status_code == 200


@pytest.mark.proves("ENG-SSRF-05")
def test_a_chart_nested_without_end_is_refused(service: Serving) -> None:
    deep = b'{"item":[' * 400 + b"{}" + b"]}" * 400
    request = orjson.dumps(a_request()).replace(b'"onsetDateTime"', b'"contained":[' + deep + b'],"onsetDateTime"')

    assert service.post(SIGN, request).status_code in (200, 400)
