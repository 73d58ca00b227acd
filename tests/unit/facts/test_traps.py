"""The traps of real charts, sprung on every family of facts: evidence that counts, and the same evidence spoiled."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from cds_service.core.quantity import Range

Resource = dict[str, Any]

OTHER = {"reference": "Patient/somebody-else"}
LONG_AGO = "2019-10-20"


def code(system: str, value: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": value}]}


def problem(value: str, **more: Any) -> Resource:
    return {
        "resourceType": "Condition", "id": "e", "code": code("icd10cm", value), "onsetDateTime": "2026-10-20",
        "clinicalStatus": code("clinical", "active"), "verificationStatus": code("verification", "confirmed"), **more,
    }  # fmt: skip


def measured(system: str, value: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation", "id": "e", "status": "final", "code": code(system, value),
        "effectiveDateTime": "2026-11-05", **more,
    }  # fmt: skip


def done(value: str, when: str = "2026-10-25", own_id: str = "e", **more: Any) -> Resource:
    return {
        "resourceType": "Procedure", "id": own_id, "status": "completed", "code": code("cpt", value),
        "performedDateTime": when, **more,
    }  # fmt: skip


def answered(ref: str, **value: Any) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse", "id": "e", "status": "completed", "authored": "2026-11-05",
        "item": [{"linkId": ref, "answer": [value]}],
    }  # fmt: skip


# The symptoms began on 1 October 2026; the review is on 10 November.
ONSET = problem("M54.50", id="onset", onsetDateTime="2026-10-01")

VISIT = {
    "resourceType": "Encounter", "id": "e", "status": "finished", "period": {"start": "2026-11-05"},
    "class": {"system": "actcode", "code": "AMB"}, "reasonCode": [code("icd10cm", "M54.50")],
}  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "e", "status": "final", "code": code("cpt", "72100"),
    "effectiveDateTime": "2026-10-15",
}  # fmt: skip
STEROID = {
    "resourceType": "MedicationRequest", "id": "e", "status": "active", "intent": "order", "authoredOn": "2026-06-01",
    "medicationCodeableConcept": code("rxnorm", "8640"),
    "dosageInstruction": [{"route": code("snomed", "26643006")}],
    "dispenseRequest": {"validityPeriod": {"start": "2026-06-01", "end": "2026-11-30"}},
}  # fmt: skip
PLAN = {
    "resourceType": "ServiceRequest", "id": "e", "status": "active", "intent": "order", "code": code("cpt", "62284"),
    "authoredOn": "2026-11-01",
}  # fmt: skip
DEVICE = {
    "resourceType": "Device", "id": "e", "status": "active", "patient": {"reference": "Patient/me"},
    "safety": [code("devsafety", "C106047")],
}  # fmt: skip

# family -> (fact, evidence that settles it)
FAMILIES: dict[str, tuple[str, Resource]] = {
    "presentation": ("spine_pain(thoracic)", problem("M54.6")),
    "red flag": ("new_foot_drop", problem("M21.371")),
    "infection": ("recent_bacterial_infection", problem("A41.9")),
    "cancer": ("known_cancer_history", problem("C50.911")),
    "vital sign": ("fever", measured("loinc", "8310-5", valueQuantity={"value": 38.6, "code": "Cel"})),
    "laboratory": (
        "infection_labs_abnormal",
        measured("loinc", "30341-2", valueQuantity={"value": 60, "code": "mm/h"}, interpretation=[code("i", "H")]),
    ),
    "examination": ("night_pain", measured("fact", "night_pain", valueBoolean=True)),
    "imaging done": ("plain_xray_available(lumbar)", REPORT),
    "evaluation": ("in_person_evaluation", VISIT),
    "medicine": ("long_term_glucocorticoids", STEROID),
    "surgery": ("recent_spinal_intervention", done("63030")),
    "device": ("implanted_device_not_mr_conditional", DEVICE),
    "trauma": ("spine_trauma(cervical)", problem("S12.100A", onsetDateTime="2026-11-02")),
    "congenital": ("condition(achondroplasia)", problem("Q77.4")),
    "skin": ("skin_lesion(sacral_dimple)", problem("Q82.6")),
    "planned care": ("planned(myelogram)", PLAN),
    "answer": ("night_pain", answered("night_pain", valueBoolean=True)),
}
LASTING = {"cancer", "congenital", "skin", "device", "presentation"}
CODED_PROBLEMS = {name for name, (_, found) in FAMILIES.items() if found["resourceType"] == "Condition"}


def dated(resource: Resource, when: str) -> Resource:
    """The same evidence at another time."""
    moved = deepcopy(resource)
    for element in ("onsetDateTime", "effectiveDateTime", "performedDateTime", "authoredOn", "authored"):
        if element in moved:
            moved[element] = when
    if "period" in moved:
        moved["period"] = {"start": when}
    if "dispenseRequest" in moved:
        moved["dispenseRequest"] = {"validityPeriod": {"start": when, "end": when}}
        moved["status"] = "completed"
    return moved


def read(sheet: Any, coded: Any, ref: str, *resources: Resource) -> Any:
    return sheet(*(coded.fix(each) for each in (ONSET, *resources))).read(ref).value


each_family = pytest.mark.parametrize("family", FAMILIES)


@each_family
def test_the_evidence_counts(sheet, coded, family):
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, evidence) is True
    assert read(sheet, coded, ref) is not True


@each_family
def test_wrong_patient(sheet, coded, family):
    ref, evidence = FAMILIES[family]
    theirs = {**evidence, "subject": OTHER} | ({"patient": OTHER} if "patient" in evidence else {})
    assert read(sheet, coded, ref, theirs) is not True


@each_family
def test_entered_in_error(sheet, coded, family):
    ref, evidence = FAMILIES[family]
    spoiled = {"verificationStatus": code("v", "entered-in-error")} if family in CODED_PROBLEMS else {}
    assert read(sheet, coded, ref, {**evidence, "status": "entered-in-error", **spoiled}) is not True


@pytest.mark.parametrize("family", sorted(CODED_PROBLEMS))
def test_refuted(sheet, coded, family):
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, {**evidence, "verificationStatus": code("v", "refuted")}) is not True


@pytest.mark.parametrize(
    ("family", "status"),
    [
        ("vital sign", "cancelled"),
        ("laboratory", "registered"),
        ("examination", "preliminary"),
        ("imaging done", "registered"),
        ("evaluation", "planned"),
        ("medicine", "draft"),
        ("surgery", "not-done"),
        ("device", "inactive"),
        ("planned care", "revoked"),
        ("answer", "in-progress"),
    ],
)
def test_unfit_status(sheet, coded, family, status):
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, {**evidence, "status": status}) is not True


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in LASTING])
def test_too_old(sheet, coded, family):
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, dated(evidence, LONG_AGO)) is not True


@pytest.mark.parametrize(
    "family", [name for name in FAMILIES if name not in LASTING | {"planned care", "medicine", "trauma"}]
)
def test_a_year_is_too_vague(sheet, coded, family):
    """All of 2026 lies neither within the episode nor within any look-back of it.

    The code of an injury under first treatment speaks of the present unless its date says otherwise.
    """
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, dated(evidence, "2026")) is not True


@pytest.mark.parametrize(
    "family", [name for name in FAMILIES if name not in {"device", "planned care", "examination", "answer"}]
)
def test_still_to_come(sheet, coded, family):
    """What a chart dates after the day of the review has not happened.

    Answers are given to orders, which keep the day on which they were written: those may be younger.
    """
    ref, evidence = FAMILIES[family]
    assert read(sheet, coded, ref, dated(evidence, "2027-01-15")) is not True


@pytest.mark.parametrize(
    ("ref", "evidence"),
    [
        ("spine_pain(thoracic)", problem("M54.2")),
        ("spine_pain(cervical)", problem("M50.16", code=code("icd10cm", "M54.6"))),
        ("plain_xray_available(lumbar)", {**REPORT, "code": code("cpt", "72040")}),
        ("in_person_evaluation", {**VISIT, "reasonCode": [code("icd10cm", "M54.2")]}),
        ("spine_trauma(cervical)", problem("S32.010A", onsetDateTime="2026-11-02")),
        ("planned(lumbar_puncture)", PLAN),
        ("wound_over_spine", problem("L89.610")),  # a heel
        ("saddle_anesthesia", problem("R20.0", bodySite=[code("snomed", "56459004")])),  # a foot
    ],
)
def test_wrong_region(sheet, coded, ref, evidence):
    assert read(sheet, coded, ref, evidence) is not True


@pytest.mark.parametrize(
    "change",
    [
        {"class": {"system": "actcode", "code": "VR"}},
        {"type": [code("cpt", "98004")]},
        {"type": [code("snomed", "185317003")]},
    ],
)
def test_telehealth(sheet, coded, change):
    assert read(sheet, coded, "in_person_evaluation", {**VISIT, **change}) is not True


@pytest.mark.parametrize(
    ("quantity", "fever"),
    [
        ({"value": 38.6, "code": "Cel"}, True),
        ({"value": 101.5, "code": "[degF]"}, True),
        ({"value": 37.8, "code": "Cel"}, True),
        ({"value": 37.7, "code": "Cel"}, None),
        ({"value": 38.6}, None),
        ({"value": 38.6, "code": "K"}, None),
        ({"value": "38.6", "code": "Cel"}, None),
        ({"value": 38.6, "code": "Cel", "comparator": "<"}, None),
    ],
)
def test_units(sheet, coded, quantity, fever):
    found = read(sheet, coded, "fever", measured("loinc", "8310-5", valueQuantity=quantity))
    assert found is True if fever else found is not True


@pytest.mark.parametrize(
    ("spoil", "least"),
    [
        (lambda session: session, 4.0),
        (lambda session: {**session, "subject": OTHER}, 0.0),
        (lambda session: {**session, "status": "not-done"}, 0.0),
        (lambda session: {**session, "performedDateTime": LONG_AGO}, 0.0),
        (lambda session: {**session, "performedDateTime": "2026"}, 0.0),
        (lambda session: {**session, "code": code("cpt", "36415")}, 0.0),
    ],
)
def test_the_treatment_clock(sheet, coded, spoil: Callable[[Resource], Resource], least):
    """A chart gives a lower bound: the run of what really happened since the symptoms began."""
    days = ("2026-10-05", "2026-10-12", "2026-10-19", "2026-10-26", "2026-11-02")
    sessions = [spoil(done("97110", day, day)) for day in days]
    weeks = read(sheet, coded, "conservative_treatment_weeks", *sessions)
    assert isinstance(weeks, Range)
    assert weeks.low == pytest.approx(least)
