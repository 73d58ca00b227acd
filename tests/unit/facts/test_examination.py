"""What was examined, when, and what follows from graded results."""

from __future__ import annotations

import pytest


@pytest.fixture
def grade(coded):
    def build(value, when, site="quadriceps", own_id=None, **more):
        return {
            "resourceType": "Observation",
            "id": own_id or when,
            "status": "final",
            "code": coded("fact", "muscle_strength_grade"),
            "effectiveDateTime": when,
            **({"bodySite": {"text": site}} if site else {}),
            **({"valueInteger": value} if isinstance(value, int) else {"valueString": value}),
            **more,
        }

    return build


@pytest.mark.parametrize(
    ("first", "second", "worse"),
    [
        ((5, "2026-10-01", "quadriceps"), (3, "2026-11-01", "quadriceps"), True),
        (("5", "2026-10-01", "quadriceps"), ("4-", "2026-11-01", "quadriceps"), True),
        ((3, "2026-10-01", "quadriceps"), (5, "2026-11-01", "quadriceps"), None),
        ((5, "2026-10-01", "quadriceps"), (3, "2026-11-01", "deltoid"), None),  # another muscle
        ((5, "2026-10-01", None), (3, "2026-11-01", None), None),  # of what?
        ((5, "2025-10-01", "quadriceps"), (3, "2025-11-01", "quadriceps"), None),  # long ago
        ((5, "2026", "quadriceps"), (3, "2026-11-01", "quadriceps"), None),  # which came first?
        ((9, "2026-10-01", "quadriceps"), (3, "2026-11-01", "quadriceps"), None),
    ],
)
def test_a_deficit_progresses_between_two_examinations_of_one_muscle(sheet, grade, first, second, worse):
    facts = sheet(grade(*first, own_id="a"), grade(*second, own_id="b"))
    assert facts.read("progressive_neuro_deficit").value is worse


def test_the_grade_itself_is_an_answer(sheet, grade):
    assert sheet(grade(3, "2026-11-01")).read("muscle_strength_grade").value == 3.0


@pytest.mark.parametrize(
    ("answers", "argument", "value"),
    [
        ({"muscle_strength_grade": 5}, "motor_testing", True),
        ({"concordant_root_finding(reflex)": False}, "reflexes", True),
        ({"babinski_sign": False, "hoffmann_sign": False}, "pathologic_reflexes", True),
        ({"babinski_sign": False}, "pathologic_reflexes", None),
        ({"new_bowel_bladder_incontinence": False}, "bowel_bladder_status", True),
        ({"night_pain": True}, "motor_testing", None),
        ({"documented(other_pain_causes_excluded)": True}, "other_pain_causes_excluded", True),
    ],
)
def test_what_is_documented_once_its_results_are(sheet, stated, answers, argument, value):
    assert sheet(stated(answers)).read(f"documented({argument})").value is value


def test_months_since_the_examination(sheet, stated, grade):
    assert sheet(grade(5, "2026-08-10")).read("months_since_neuro_exam").value == 3.0
    newer = stated({"babinski_sign": False}, when="2026-10-10")
    assert sheet(grade(5, "2026-08-10"), newer).read("months_since_neuro_exam").value == 1.0
    assert sheet(stated({"night_pain": True})).read("months_since_neuro_exam").value is None


def test_nerve_tests(sheet, coded):
    done = {
        "resourceType": "DiagnosticReport",
        "id": "emg",
        "status": "final",
        "code": coded("cpt", "95886"),
        "effectiveDateTime": "2026-05-10",
    }
    ref = "concordant_root_finding(electrodiagnostics)"
    assert sheet(done).read("months_since_electrodiagnostics").value == 6.0
    assert sheet(done).read(ref).value is None  # done, but what did it show?
    found = {**done, "conclusionCode": [coded("icd10cm", "M54.16")]}
    assert sheet(found).read(ref).value is True
    later = {**done, "id": "normal", "effectiveDateTime": "2026-08-10"}
    assert sheet(found, later).read(ref).value is None  # the latest one counts
    assert sheet({**done, "status": "registered"}).read("months_since_electrodiagnostics").value is None


@pytest.mark.parametrize(
    ("code", "more", "regions"),
    [
        ("S22.070A", {}, {"thoracic"}),
        ("M47.12", {}, {"cervical"}),
        ("M21.371", {}, set()),
        ("M54.50", {}, set()),  # pain is the symptomatic region, no stated level
        ("M47.12", {"clinical": "resolved"}, set()),
    ],
)
def test_the_level_of_a_red_flag(sheet, condition, code, more, regions):
    facts = sheet(condition(code, onset="2026-11-01", **more))
    met = {region for region in ("cervical", "thoracic", "lumbar") if facts.read(f"relevant_level({region})").value}
    assert met == regions


def test_a_body_site_gives_the_level(sheet, condition, coded):
    weak = condition("M62.81", onset="2026-11-01", bodySite=[coded("snomed", "122494005")])
    assert sheet(weak).read("relevant_level(cervical)").value is True
