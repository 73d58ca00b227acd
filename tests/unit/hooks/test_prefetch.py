"""Four states of a prefetch key, what is fetched in each, and what is a failure afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from cds_service.core.errors import RequestError
from cds_service.fhir.bundle import Answer, nothing, read_answer
from cds_service.fhir.client import Query
from cds_service.fhir.record import PatientRecord
from cds_service.hooks.chart_keys import TABLE, keys_for
from cds_service.hooks.fhir_servers import FhirServers
from cds_service.hooks.prefetch import ChartReader
from cds_service.hooks.request import FhirAccess, read_request
from tests.hook_requests import BACK_PAIN, PATIENT, a_request, full_prefetch, replaced, without
from tests.stub_fhir import bundle

SERVER = "http://127.0.0.1:1/fhir"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
MORE_PAIN = BACK_PAIN | {"id": "c2", "onsetDateTime": "2026-10-01"}


@dataclass
class FakeServer:
    """Answers by resource type; a type it does not hold is an empty answer, an exception-free failure a Failure."""

    holds: dict[str, Answer] = field(default_factory=dict)
    asked: list[Query] = field(default_factory=list)

    def __call__(self, fhir: FhirAccess, patient_id: str) -> Any:
        assert patient_id == "p1"
        return self

    def fetch(self, queries: Sequence[Query], seconds: float) -> tuple[Answer, ...]:
        self.asked += queries
        return tuple(self.holds.get(query.resource_type, Answer(query.resource_type)) for query in queries)


def read(server: FakeServer, request: dict[str, Any], needed: frozenset[str] = frozenset()) -> PatientRecord:
    reader = ChartReader(
        keys_for(row.resource_type for row in TABLE), FhirServers(loopback=True, plain_http=True), server, 1.0
    )
    return reader(read_request(orjson.dumps(request)), needed)


def failures(record: PatientRecord, *types: str) -> set[tuple[str, str]]:
    return {(failure.resource_type, failure.reason) for failure in record.failures(types or ALL_TYPES)}


ALL_TYPES = (*(row.resource_type for row in TABLE), "Device")


def test_a_complete_prefetch_is_read_and_nothing_is_fetched() -> None:
    server = FakeServer()

    record = read(server, a_request(fhirServer=SERVER))

    assert server.asked == []
    assert failures(record) == set()
    assert [found["id"] for found in record.all("Condition")] == ["c1"]
    assert record.patient == PATIENT


@pytest.mark.proves("CH-PF-10", "CH-PF-11")
def test_an_absent_key_is_fetched_and_no_other() -> None:
    server = FakeServer({"Condition": read_answer(bundle(BACK_PAIN), "Condition")})

    record = read(server, without(a_request(fhirServer=SERVER), "prefetch.conditions"))

    assert [query.resource_type for query in server.asked] == ["Condition"]
    assert failures(record) == set()
    assert [found["id"] for found in record.all("Condition")] == ["c1"]


@pytest.mark.proves("CH-PF-11")
def test_null_means_that_the_client_looked_and_found_nothing() -> None:
    server = FakeServer({"Condition": read_answer(bundle(BACK_PAIN), "Condition")})

    record = read(server, replaced(a_request(fhirServer=SERVER), "prefetch.conditions", None))

    assert server.asked == []
    assert failures(record) == set()
    assert not record.all("Condition")


@pytest.mark.proves("CH-PF-11", "CH-PF-12")
@pytest.mark.parametrize("sent", [OUTCOME, bundle(OUTCOME, total=1)])
def test_an_operation_outcome_means_that_the_client_failed(sent: dict[str, Any]) -> None:
    server = FakeServer({"Condition": read_answer(bundle(BACK_PAIN), "Condition")})

    record = read(server, replaced(a_request(fhirServer=SERVER), "prefetch.conditions", sent))

    assert server.asked == []
    assert failures(record) == {("Condition", "operation outcome")}


@pytest.mark.parametrize("sent", ["text", 5, [], {}, {"resourceType": "Basic"}, bundle(PATIENT)])
def test_a_key_filled_with_something_else_is_a_failure(sent: Any) -> None:
    record = read(FakeServer(), replaced(a_request(), "prefetch.conditions", sent))

    assert failures(record) == {("Condition", "not fhir")}


@pytest.mark.proves("CH-PF-13")
@pytest.mark.parametrize(
    "sent", [bundle(BACK_PAIN, total=2), bundle(BACK_PAIN, next_link=f"{SERVER}/Condition?page=2")]
)
def test_a_first_page_is_completed_from_the_server(sent: dict[str, Any]) -> None:
    server = FakeServer({"Condition": read_answer(bundle(BACK_PAIN, MORE_PAIN), "Condition")})

    record = read(server, replaced(a_request(fhirServer=SERVER), "prefetch.conditions", sent))

    assert [query.resource_type for query in server.asked] == ["Condition"]
    assert failures(record) == set()
    assert [found["id"] for found in record.all("Condition")] == ["c1", "c2"]


@pytest.mark.parametrize(("server", "reason"), [(None, "truncated"), (SERVER, "timeout")])
def test_a_first_page_that_cannot_be_completed_is_evidence_but_not_of_absence(server: str | None, reason: str) -> None:
    request = replaced(a_request(fhirServer=server), "prefetch.conditions", bundle(BACK_PAIN, total=2))

    record = read(FakeServer({"Condition": nothing("Condition", "timeout")}), request)

    assert failures(record) == {("Condition", reason)}
    assert [found["id"] for found in record.all("Condition")] == ["c1"]


@pytest.mark.parametrize("server", [None, "http://10.0.0.1/fhir", "https://ehr.example/fhir", "nonsense"])
def test_without_a_server_we_may_use_an_absent_key_was_not_asked(server: str | None) -> None:
    fake = FakeServer()

    record = read(fake, without(a_request(fhirServer=server), "prefetch.conditions"))

    assert fake.asked == []
    assert failures(record) == {("Condition", "not asked")}


@pytest.mark.proves("CH-PF-08")
def test_rarer_types_are_fetched_when_needed() -> None:
    device = {"resourceType": "Device", "id": "d1", "patient": {"reference": "Patient/p1"}}
    server = FakeServer({"Device": read_answer(bundle(device), "Device")})

    record = read(server, a_request(fhirServer=SERVER), frozenset({"Device", "Condition"}))

    assert [query.resource_type for query in server.asked] == ["Device"]
    assert [*record.all("Device")] == [device]


def test_a_rarer_type_that_fails_is_a_failure_and_one_without_server_is_not() -> None:
    failing = FakeServer({"Device": nothing("Device", "http 403")})

    assert failures(read(failing, a_request(fhirServer=SERVER), frozenset({"Device"}))) == {("Device", "http 403")}
    assert failures(read(failing, a_request(), frozenset({"Device"}))) == set()


def test_a_patient_who_cannot_be_had_stops_the_review() -> None:
    for server, holds in (
        (None, {}),
        ("https://elsewhere.example/fhir", {}),
        (SERVER, {"Patient": nothing("Patient", "http 401")}),
    ):
        request = without(a_request(fhirServer=server), "prefetch.patient")
        with pytest.raises(RequestError) as raised:
            read(FakeServer(holds), request)
        assert raised.value.status == 412


@pytest.mark.parametrize("sent", [None, OUTCOME])
def test_a_patient_whom_the_client_could_not_find_does_not(sent: Any) -> None:
    record = read(FakeServer(), replaced(a_request(), "prefetch.patient", sent))

    assert record.patient is None


def test_the_patient_is_fetched_when_only_he_is_missing() -> None:
    server = FakeServer({"Patient": read_answer(PATIENT, "Patient")})

    record = read(server, without(a_request(fhirServer=SERVER), "prefetch.patient"))

    assert server.asked == [Query("Patient", "p1")]
    assert record.patient == PATIENT


@pytest.mark.proves("CH-PF-15")
def test_another_patients_resource_is_dropped_and_named() -> None:
    stranger = BACK_PAIN | {"id": "c9", "subject": {"reference": "Patient/p2"}}

    record = read(FakeServer(), a_request(prefetch=full_prefetch(stranger)))

    assert not record.all("Condition")
    assert record.foreign == ("Condition/c9",)


def test_answers_among_the_drafts_count_as_prefetch_and_orders_do_not() -> None:
    answers = {"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed"}
    request = a_request()
    request["context"]["draftOrders"]["entry"].append({"resource": answers})

    record = read(FakeServer(), request)

    assert [*record.all("QuestionnaireResponse")] == [answers]
    assert not record.all("ServiceRequest")
