"""A fact that is told to be silent from signals is one whose reader finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.core.fact import NOT_DOCUMENTED, Fact, Why
from cds_service.core.value_set import CodeSet
from cds_service.facts.sheet import FactSheet

ME = {"reference": "Patient/me"}
DAY = "2026-11-01"


def silent_of(sheet: FactSheet) -> dict[str, Fact]:
    """What the sheet took for silent before anything was read, against what the readers say."""
    told = dict(sheet.facts)
    sheet.facts.clear()
    return {ref: sheet.read(ref) for ref in told}


def coded_everywhere(codes: CodeSet) -> list[dict[str, Any]]:
    """The first code of a value set in every place where readers look."""
    member = codes.members[0]
    concept = {"coding": [{"system": member.system, "code": member.code}]}
    pain = {"coding": [{"system": "http://snomed.info/sct", "code": "52101004"}]}
    return [
        {"resourceType": "Condition", "id": "c", "code": concept, "onsetDateTime": DAY},
        {"resourceType": "Procedure", "id": "p", "status": "completed", "code": concept, "performedDateTime": DAY},
        {"resourceType": "Observation", "id": "o", "status": "final", "code": concept, "effectiveDateTime": DAY,
         "valueCodeableConcept": pain},
        {"resourceType": "Observation", "id": "v", "status": "final", "effectiveDateTime": DAY,
         "code": {"text": "finding"}, "valueCodeableConcept": concept},
        {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order", "authoredOn": DAY,
         "medicationCodeableConcept": concept},
        {"resourceType": "Encounter", "id": "e", "status": "finished", "type": [concept], "reasonCode": [concept],
         "period": {"start": DAY}},
        {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": concept, "effectiveDateTime": DAY,
         "conclusionCode": [concept]},
        {"resourceType": "ServiceRequest", "id": "s", "status": "active", "code": concept, "authoredOn": DAY},
        {"resourceType": "CarePlan", "id": "cp", "status": "active", "period": {"start": DAY},
         "activity": [{"detail": {"status": "in-progress", "code": concept}}]},
        {"resourceType": "Device", "id": "d", "status": "active", "type": concept, "safety": [concept]},
        {"resourceType": "Appointment", "id": "a", "status": "booked", "start": "2026-12-01", "serviceType": [concept],
         "reasonCode": [concept]},
    ]  # fmt: skip


def test_no_reader_finds_what_no_signal_told(sheet, value_sets) -> None:
    """Each value set, in every place and in one place alone."""
    for codes in value_sets.values():
        everywhere = coded_everywhere(codes)
        for resources in (everywhere, everywhere[:1], everywhere[1:2], everywhere[3:4], everywhere[5:6]):
            found = silent_of(sheet(*resources))
            assert {ref: fact for ref, fact in found.items() if fact != NOT_DOCUMENTED} == {}, codes.id


def test_no_reader_finds_what_no_signal_of_the_order_told(sheet, value_sets) -> None:
    for codes in value_sets.values():
        member = codes.members[0]
        concept = {"coding": [{"system": member.system, "code": member.code}]}
        inside = {"resourceType": "Condition", "id": "in", "code": concept, "onsetDateTime": DAY}
        for order in ({"reasonCode": [concept]}, {"contained": [inside], "reasonReference": [{"reference": "#in"}]}):
            found = silent_of(sheet(order=order))
            assert {ref: fact for ref, fact in found.items() if fact != NOT_DOCUMENTED} == {}, codes.id


def test_an_empty_chart_is_silent_about_nearly_everything(sheet, vocabulary) -> None:
    refs = sum(len(definition.arguments) or 1 for definition in vocabulary.values())
    assert len(sheet().facts) > 0.9 * refs
    assert silent_of(sheet()) == sheet().facts


@pytest.mark.parametrize(
    ("resource", "ref"),
    [
        ({"resourceType": "Condition", "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm",
                                                            "code": "M21.371"}]}}, "new_foot_drop"),
        ({"resourceType": "QuestionnaireResponse", "status": "completed", "authored": DAY,
          "item": [{"linkId": "night_pain", "answer": [{"valueBoolean": True}]}]}, "night_pain"),
        ({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": "2026-01-01",
          "contained": [{"resourceType": "Medication", "id": "med", "code": {"coding": [
              {"system": "http://www.whocc.no/atc", "code": "H02AB06"}]}}],
          "medicationReference": {"reference": "#med"}}, "long_term_glucocorticoids"),
    ],
)  # fmt: skip
def test_a_signal_wakes_the_facts_that_may_hold(sheet, resource, ref) -> None:
    quiet = sheet()
    assert ref in quiet.facts
    assert ref not in sheet(resource).facts


def test_a_failed_query_leaves_no_fact_silent_that_it_might_have_told(sheet) -> None:
    chart = sheet(failures=["Condition"])
    assert "night_pain" not in chart.facts
    assert chart.read("night_pain").why is Why.NOT_RETRIEVED
    assert chart.read("months_since_electrodiagnostics").why is Why.NOT_DOCUMENTED
