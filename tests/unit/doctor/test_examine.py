"""The doctor names what is missing, what was dropped and what nobody understood, and repeats nothing from the chart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.config import Settings
from cds_service.doctor import Findings, as_json, examine, in_words
from cds_service.doctor.findings import Key, Open, Role, State, code_shown, system_shown
from cds_service.facts.settings import Settings as FactSettings
from cds_service.guidelines.load import load
from cds_service.hooks.chart_keys import TABLE
from cds_service.hooks.request import read_request
from cds_service.web.desk import chart_reader
from tests.hook_requests import BACK_PAIN, a_request, an_order, replaced, without
from tests.stub_fhir import StubFhir, bundle, stub_fhir

TODAY = date(2026, 11, 20)
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
ME = {"reference": "Patient/p1"}


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


def doctor(request: dict[str, Any], **changed: int) -> Findings:
    settings = FactSettings(**changed)
    return examine(read_request(orjson.dumps(request)), chart_reader(Settings()), load(), TODAY, settings)


def key(found: Findings, name: str) -> Key:
    return next(each for each in found.keys if each.key == name)


def open_fact(found: Findings, ref: str) -> Open:
    return next(each for each in found.orders[0].open if each.ref == ref)


@pytest.mark.parametrize(
    ("sent", "state", "reason", "settled"),
    [
        (bundle(BACK_PAIN), State.FILLED, None, True),
        (bundle(), State.EMPTY, None, True),
        (None, State.NULL, None, True),
        (OUTCOME, State.FAILED, "operation outcome", False),
        ("nonsense", State.FAILED, "not fhir", False),
        (bundle(BACK_PAIN, total=7), State.TRUNCATED, None, False),
        (bundle(BACK_PAIN, next_link="https://ehr.example/page2"), State.TRUNCATED, None, False),
    ],
)
def test_the_states_of_a_key(sent: Any, state: State, reason: str | None, settled: bool) -> None:
    found = key(doctor(replaced(a_request(), "prefetch.conditions", sent)), "conditions")
    assert (found.state, found.reason, found.settled) == (state, reason, settled)


def test_an_absent_key_without_a_server() -> None:
    found = doctor(without(a_request(), "prefetch.conditions"))
    assert key(found, "conditions") == Key("conditions", "Condition", State.ABSENT, settled=False)
    assert "no FHIR server" in found.server
    assert "Device" in found.not_asked
    assert any(line.startswith("conditions: send it") for line in found.needed)


def test_an_absent_key_that_the_server_fills(fhir: StubFhir) -> None:
    fhir.resources = [BACK_PAIN]
    found = doctor(without(a_request(fhirServer=fhir.base_url), "prefetch.conditions"))
    assert key(found, "conditions") == Key("conditions", "Condition", State.ABSENT, fetched=1)
    assert not any(line.startswith("conditions") for line in found.needed)
    assert not found.not_asked


def test_an_absent_key_that_the_server_refuses(fhir: StubFhir) -> None:
    fhir.answer = lambda kind, ident: (403, b"no") if kind == "Condition" else None
    found = doctor(without(a_request(fhirServer=fhir.base_url), "prefetch.conditions"))
    assert key(found, "conditions").fetch_failed == "http 403"
    assert not key(found, "conditions").settled
    assert open_fact(found, "known_cancer_history").why == "not_retrieved"
    assert "Condition: http 403" in in_words(found)


def test_a_server_that_may_not_be_read() -> None:
    found = doctor(without(a_request(fhirServer="https://ehr.example/fhir"), "prefetch.conditions"))
    assert "not on the list" in found.server


def test_a_patient_who_cannot_be_had() -> None:
    found = doctor(a_request(prefetch=None))
    assert found.problem is not None
    assert found.orders == ()
    assert {each.state for each in found.keys} == {State.ABSENT}


def test_dropped_resources_are_named_with_the_reason() -> None:
    conditions = bundle(
        BACK_PAIN,
        {"resourceType": "Condition", "id": "theirs", "subject": {"reference": "Patient/p2"}},
        {**BACK_PAIN, "id": "wrong", "verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
        {**BACK_PAIN, "id": "refuted", "verificationStatus": {"coding": [{"code": "refuted"}]}},
    )
    encounters = bundle({"resourceType": "Encounter", "id": "later", "status": "planned", "subject": ME})
    request = replaced(replaced(a_request(), "prefetch.conditions", conditions), "prefetch.encounters", encounters)
    assert {(each.reference, each.why) for each in doctor(request).dropped} == {
        ("Condition/theirs", "another patient"),
        ("Condition/wrong", "entered in error"),
        ("Encounter/later", "status planned does not count"),
    }


def test_codes_that_nobody_knows_are_counted() -> None:
    def coded(ident: str, *codings: tuple[str, str]) -> dict[str, Any]:
        concept = {"coding": [{"system": system, "code": code} for system, code in codings]}
        return {**BACK_PAIN, "id": ident, "code": concept}

    local, icd = "urn:oid:1.2.3.4", "http://hl7.org/fhir/sid/icd-10-cm"
    conditions = bundle(
        coded("a", (local, "LBP7")),
        coded("b", (local, "LBP7")),
        coded("c", (local, "LBP7"), (icd, "M54.50")),  # understood by its second coding
        coded("d"),
    )
    found = doctor(replaced(a_request(), "prefetch.conditions", conditions))
    assert [(each.resource_type, each.element, each.system, each.code, each.count) for each in found.unmapped] == [
        ("Condition", "code", local, "LBP7", 2)
    ]
    assert [(each.resource_type, each.element, each.count) for each in found.uncoded] == [("Condition", "code", 1)]
    assert f"2 x Condition.code {local}|LBP7" in in_words(found)


def test_an_order_that_is_not_recognised() -> None:
    order = {**an_order(), "code": {"coding": [{"system": "urn:oid:1.2.3.4", "code": "MRLS"}], "text": "MRI L-spine"}}
    found = doctor(a_request(order, an_order("other")))
    assert [each.understood for each in found.orders] == ["not_recognised", "reviewed"]
    assert any("code the order" in line for line in found.needed)


def test_orders_of_other_kinds_only() -> None:
    found = doctor(a_request(an_order(code="99999")))
    assert found.problem is not None
    assert [each.understood for each in found.orders] == ["left_alone"]


def long_standing() -> dict[str, Any]:
    """A request in which the six weeks of treatment are what is open."""
    condition = {**BACK_PAIN, "onsetDateTime": "2026-06-01"}
    return replaced(a_request(), "prefetch.conditions", bundle(condition))


def test_open_facts_say_what_they_would_do() -> None:
    found = doctor(long_standing())
    asked = [each for each in found.orders[0].open if each.role is Role.ASKED]
    assert asked
    assert all(each.why == "not_documented" for each in asked)
    assert any(each.role is Role.WOULD_CHANGE for each in found.orders[0].open)
    assert found.orders[0].silent > 0
    assert any(line.startswith(asked[0].ref) for line in found.needed)


def answered(**items: Any) -> dict[str, Any]:
    answers = [{"linkId": ref, "answer": [value]} for ref, value in items.items()]
    response = {
        "resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed", "subject": ME,
        "authored": "2026-11-18", "item": answers,
    }  # fmt: skip
    return replaced(long_standing(), "prefetch.questionnaireResponses", bundle(response))


def test_an_unreadable_answer_is_named() -> None:
    found = doctor(answered(conservative_treatment_failed={"valueString": "somewhat"}))
    fact = open_fact(found, "conservative_treatment_failed")
    assert (fact.why, fact.sources) == ("unreadable", ("QuestionnaireResponse/qr",))
    assert any("QuestionnaireResponse/qr" in line for line in found.needed)


def test_an_unreadable_number_is_named_beside_the_bounds_from_the_chart() -> None:
    found = doctor(answered(conservative_treatment_weeks={"valueString": "about six or so"}))
    fact = open_fact(found, "conservative_treatment_weeks")
    assert fact.role is Role.ASKED
    assert fact.sources[0] == "QuestionnaireResponse/qr"
    assert fact.note == "the answer cannot be read"


def test_facts_are_read_by_the_settings_of_the_installation() -> None:
    """An answer holds as long as they say."""
    request = answered(conservative_treatment_failed={"valueBoolean": True})
    open_by_default = {each.ref for each in doctor(request).orders[0].open}
    strict = open_fact(doctor(request, answer_days_adult=1), "conservative_treatment_failed")
    assert "conservative_treatment_failed" not in open_by_default
    assert strict.note == "answered too long ago"


def test_nothing_that_a_person_wrote_is_repeated() -> None:
    secret = "Zelda Quimby"
    condition = {
        **BACK_PAIN,
        "code": {"text": secret, "coding": [{"system": secret, "code": secret, "display": secret}]},
        "note": [{"text": secret}],
        "status": secret,
    }
    visit = {"resourceType": "Encounter", "id": "e", "status": secret, "subject": {**ME, "display": secret}}
    request = replaced(a_request(), "prefetch.conditions", bundle(condition))
    request = replaced(request, "prefetch.encounters", bundle(visit))
    request = replaced(request, "prefetch.patient", {"resourceType": "Patient", "id": "p1", "name": [{"text": secret}]})
    request["prefetch"][secret] = {}
    found = doctor(request)
    assert found.unknown_keys == 1
    for said in (in_words(found), orjson.dumps(as_json(found)).decode()):
        assert "Zelda" not in said
        assert "Quimby" not in said


@pytest.mark.parametrize("code", ["a\x1b[31m", "MRI of Mrs. X", "", "x" * 50, "é"])
def test_a_code_that_is_none_is_not_shown(code: str) -> None:
    assert code_shown(code) == "(not shaped like a code)"


def test_a_system_that_is_none_is_not_shown() -> None:
    assert system_shown("her own") == "(not a URI)"
    assert system_shown("urn:oid:1.2.3") == "urn:oid:1.2.3"


def test_json_leaves_out_what_is_empty() -> None:
    said = as_json(doctor(a_request()))
    assert said["hook"] == "order-sign"
    assert "dropped" not in said
    assert [each["key"] for each in said["keys"]] == [row.key for row in TABLE]


def test_the_command_line(tmp_path: Any) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(without(a_request(), "prefetch.conditions")))
    plain = CliRunner().invoke(main, ["doctor", str(file)])
    assert plain.exit_code == 0
    assert "conditions: absent" in plain.output
    assert orjson.loads(CliRunner().invoke(main, ["doctor", "--json", str(file)]).output)["keys"]
    file.write_bytes(b"[]")
    assert CliRunner().invoke(main, ["doctor", str(file)]).exit_code == 3
