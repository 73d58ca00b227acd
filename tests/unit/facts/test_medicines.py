"""Long-term steroids, immunosuppressants, transplants."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why
from cds_service.facts.settings import Settings


@pytest.fixture
def course(coded):
    def build(
        ingredient="8640",
        start="2026-05-01",
        end=None,
        status="active",
        route="26643006",
        kind="MedicationRequest",
        **more,
    ):
        bounds = {"timing": {"repeat": {"boundsPeriod": {"start": start, **({"end": end} if end else {})}}}}
        dosage = [{**bounds, **({"route": coded("snomed", route)} if route else {})}]
        return {
            "resourceType": kind,
            "id": "m",
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": coded("rxnorm", ingredient),
            "dosageInstruction" if kind == "MedicationRequest" else "dosage": dosage,
            **more,
        }

    return build


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({}, True),  # active, no end: taken since May
        ({"kind": "MedicationStatement"}, True),
        ({"end": "2026-07-30"}, None),  # ninety days, ended long ago
        ({"start": "2026-07-01", "end": "2026-09-29"}, True),
        ({"start": "2026-07-01", "end": "2026-09-28"}, None),  # one day short
        ({"start": "2026-11-01", "end": "2026-11-07"}, None),  # a pack of six days
        ({"status": "completed"}, None),  # no end known: nobody can say how long
        ({"route": "447694001"}, None),  # inhaled
        ({"route": "46713006"}, None),  # nasal
        ({"ingredient": "10759", "route": None}, None),
        ({"kind": "MedicationStatement", "status": "not-taken"}, None),
        ({"subject": {"reference": "Patient/you"}}, None),
    ],
)
def test_long_term_steroids(sheet, course, change, value):
    assert sheet(course(**change)).read("long_term_glucocorticoids").value is value


@pytest.fixture
def prednisone(coded):
    """Ordered in May and still active: what else is said tells how long it runs."""

    def build(dosage=None, supply=None, authored="2026-05-01", **more):
        return {
            "resourceType": "MedicationRequest",
            "id": "m",
            "status": "active",
            "intent": "order",
            "authoredOn": authored,
            "medicationCodeableConcept": coded("rxnorm", "8640"),
            **({"dosageInstruction": dosage} if dosage else {}),
            **({"dispenseRequest": {"expectedSupplyDuration": supply}} if supply else {}),
            **more,
        }

    return build


def bounded(**bounds):
    return [{"timing": {"repeat": bounds}}]


@pytest.mark.parametrize(
    ("dosage", "supply", "value"),
    [
        (None, None, True),  # active, without an end
        (bounded(boundsDuration={"value": 6, "code": "d"}), None, None),
        (bounded(boundsDuration={"value": 144, "code": "h"}), None, None),
        (bounded(boundsDuration={"value": 6, "unit": "days"}), None, None),
        (bounded(boundsDuration={"value": 6, "unit": "fortnights"}), None, None),  # bounded, nobody can say how far
        (bounded(boundsDuration={"value": 6, "code": "mo"}), None, True),
        (bounded(boundsDuration={"value": 1, "code": "a"}), None, True),
        (bounded(boundsRange={"low": {"value": 5, "code": "d"}, "high": {"value": 7, "code": "d"}}), None, None),
        (bounded(boundsRange={"low": {"value": 1, "code": "wk"}, "high": {"value": 1, "code": "a"}}), None, None),
        (bounded(boundsRange={"low": {"value": 4, "code": "mo"}, "high": {"value": 6, "code": "mo"}}), None, True),
        (bounded(boundsPeriod={"start": "2026-05-01"}), {"value": 6, "code": "d"}, None),
        (None, {"value": 1, "code": "mo"}, None),
        (None, {"value": 6, "code": "mo"}, True),
        (None, {"value": 6, "code": "[foo]"}, None),
        ([{"asNeededBoolean": True}], None, None),
        ([{"asNeededCodeableConcept": {"text": "flare"}}], None, None),
        ([{"asNeededBoolean": False}], None, True),
        ([{"asNeededBoolean": True}, {"text": "5 mg every morning"}], None, True),  # one more when needed
    ],
)
def test_short_courses_and_those_taken_when_needed(sheet, prednisone, dosage, supply, value):
    assert sheet(prednisone(dosage, supply)).read("long_term_glucocorticoids").value is value


def test_a_course_taken_when_needed_is_shown(sheet, prednisone):
    found = sheet(prednisone([{"asNeededBoolean": True}])).read("long_term_glucocorticoids")
    assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "MedicationRequest/m")
    assert found.note == "taken when needed, or for a time that is not on record"


def test_a_course_with_a_vague_end_counts_as_far_as_it_surely_ran(sheet, course):
    assert sheet(course(start="2026-07-15", end="2026-10")).read("long_term_glucocorticoids").value is None
    assert sheet(course(start="2026-07-01", end="2026-10")).read("long_term_glucocorticoids").value is True


def test_the_length_is_a_policy(sheet, course):
    short = course(start="2026-10-01")
    assert sheet(short).read("long_term_glucocorticoids").value is None
    assert sheet(short, settings=Settings(long_term_steroid_days=40)).read("long_term_glucocorticoids").value is True


def test_the_status_code(sheet, condition):
    assert sheet(condition("Z79.52")).read("long_term_glucocorticoids").value is True
    assert sheet(condition("E24.2")).read("long_term_glucocorticoids").value is None


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({}, True),
        ({"end": "2026-06-01"}, True),
        ({"end": "2026-05-10"}, None),  # over six months ago
        ({"route": "6064005"}, None),  # ointment
    ],
)
def test_immunosuppressants(sheet, course, change, value):
    drug = course("42316", start="2026-01-01", **change)
    assert sheet(drug).read("immunosuppressant_therapy").value is value


def test_a_transplant_needs_its_medicine(sheet, course, condition):
    graft, drug = condition("Z94.0"), course("42316")
    ref = "organ_transplant_on_antirejection"
    assert sheet(graft, drug).read(ref).value is True
    assert sheet(graft).read(ref).value is None
    assert sheet(drug).read(ref).value is None
    assert sheet(condition("Z94.7"), drug).read(ref).value is None  # a cornea


def test_steroids_weaken_bone(sheet, course):
    assert sheet(course()).read("predisposed_to_insufficiency_fracture").value is True
