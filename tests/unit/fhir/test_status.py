"""Which statuses count as evidence."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.status import (
    Verification,
    current,
    in_error,
    negates,
    preliminary,
    suspected,
    usable,
    verification,
)


@pytest.mark.parametrize(
    ("resource_type", "used", "ignored"),
    [
        ("Observation", ["final", "amended", "corrected"], ["registered", "cancelled", "unknown", "preliminary"]),
        ("DiagnosticReport", ["final", "amended", "corrected", "appended"], ["registered", "partial", "preliminary"]),
        ("Procedure", ["completed", "in-progress"], ["preparation", "not-done", "on-hold", "stopped"]),
        ("ImagingStudy", ["available"], ["registered", "cancelled"]),
        ("Encounter", ["finished", "in-progress", "arrived", "triaged", "onleave"], ["planned", "cancelled"]),
        ("MedicationRequest", ["active", "completed", "stopped", "on-hold"], ["draft", "cancelled"]),
        ("MedicationStatement", ["active", "completed", "stopped"], ["not-taken", "intended", "unknown"]),
        ("MedicationAdministration", ["completed", "in-progress"], ["not-done"]),
        ("MedicationDispense", ["completed"], ["declined", "cancelled"]),
        ("ServiceRequest", ["active", "completed"], ["draft", "revoked", "on-hold"]),
        ("Device", ["active"], ["inactive"]),
        ("QuestionnaireResponse", ["completed", "amended"], ["in-progress", "stopped"]),
        ("CarePlan", ["active", "revoked"], []),
    ],
)
def test_status_filters(resource_type: str, used: list[str], ignored: list[str]) -> None:
    assert [s for s in used if not usable({"resourceType": resource_type, "status": s})] == []
    assert [s for s in [*ignored, "entered-in-error"] if usable({"resourceType": resource_type, "status": s})] == []
    assert usable({"resourceType": resource_type})  # nothing is said against it
    assert not usable({"resourceType": resource_type, "status": ["final"]})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("confirmed", Verification.CONFIRMED),
        (None, Verification.CONFIRMED),
        ("unconfirmed", Verification.SUSPECTED),
        ("provisional", Verification.SUSPECTED),
        ("differential", Verification.SUSPECTED),
        ("perhaps", Verification.SUSPECTED),
        ("refuted", Verification.REFUTED),
        ("entered-in-error", Verification.ENTERED_IN_ERROR),
    ],
)
def test_only_confirmed_conditions_are_evidence_of_the_disease(code: str | None, expected: Verification) -> None:
    condition: dict[str, Any] = {"resourceType": "Condition"}
    if code:
        condition["verificationStatus"] = {"coding": [{"code": code}]}

    assert verification(condition) is expected
    assert usable(condition) is (expected is Verification.CONFIRMED)
    assert suspected(condition) is (expected is Verification.SUSPECTED)
    assert negates(condition) is (expected is Verification.REFUTED)
    assert in_error(condition) is (expected is Verification.ENTERED_IN_ERROR)


@pytest.mark.parametrize(
    ("condition", "now"),
    [
        ({"clinicalStatus": {"coding": [{"code": "active"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "recurrence"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "relapse"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "inactive"}]}}, False),
        ({"clinicalStatus": {"coding": [{"code": "remission"}]}}, False),
        ({}, True),
        ({"abatementDateTime": "2025-01-01"}, False),
        ({"clinicalStatus": 7}, True),
    ],
)
def test_current_conditions(condition: dict[str, Any], now: bool) -> None:
    assert current(condition) is now


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"intent": "order"}, True),
        ({"intent": "proposal"}, False),
        ({"intent": "plan"}, False),
        ({"intent": "plan", "reportedBoolean": True}, True),
        ({"intent": "plan", "reportedBoolean": "true"}, False),
        ({"intent": "plan", "reportedReference": {"reference": "Patient/p1"}}, True),
        ({"intent": "order", "doNotPerform": True}, False),
    ],
)
def test_a_medicine_counts_when_it_was_ordered_or_reported(change: dict[str, Any], counts: bool) -> None:
    assert usable({"resourceType": "MedicationRequest", "status": "active", **change}) is counts


def test_preliminary_results_count_where_they_are_safe_to_use() -> None:
    lab = {"resourceType": "Observation", "status": "preliminary", "category": [{"coding": [{"code": "laboratory"}]}]}
    report = {"resourceType": "DiagnosticReport", "status": "preliminary"}

    assert usable(lab)
    assert preliminary(lab)
    assert not usable({**lab, "category": [{"coding": [{"code": "exam"}]}]})
    assert not usable(report)
    assert usable(report, urgent=True)


def test_what_was_not_done_is_evidence_against() -> None:
    assert negates({"resourceType": "Procedure", "status": "not-done"})
    assert negates({"resourceType": "MedicationStatement", "status": "not-taken"})
    assert not negates({"resourceType": "Procedure", "status": "completed"})
    assert not negates({"resourceType": "Encounter", "status": "not-done"})


def test_an_allergy_counts_while_it_lasts() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "verificationStatus": {"coding": [{"code": "unconfirmed"}]}}

    assert usable(allergy)
    assert not usable({**allergy, "clinicalStatus": {"coding": [{"code": "resolved"}]}})
    assert not usable({**allergy, "verificationStatus": {"coding": [{"code": "refuted"}]}})
