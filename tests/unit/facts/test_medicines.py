"""Long-term steroids, immunosuppressants, transplants."""

from __future__ import annotations

import pytest

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
