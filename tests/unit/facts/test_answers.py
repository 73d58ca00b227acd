"""Structured documentation: what counts as an answer, how it is read, how long it holds."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range

V2_0136 = "http://terminology.hl7.org/CodeSystem/v2-0136"
AT_LEAST_SIX = {"valueQuantity": {"value": 6, "comparator": ">=", "code": "wk"}}
FACT_VALUE = "urn:spine-imaging-review:fact-value"


def observed(coded, ref, when="2026-11-01", own_id="o", status="final", **value):
    return {
        "resourceType": "Observation",
        "id": own_id,
        "status": status,
        "code": coded("fact", ref),
        "effectiveDateTime": when,
        **value,
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"valueBoolean": True}, True),
        ({"valueBoolean": False}, False),
        ({"valueCoding": {"system": V2_0136, "code": "Y"}}, True),
        ({"valueCoding": {"system": "urn:oid:2.16.840.1.113883.12.136", "code": "N"}}, False),
        ({"valueCoding": {"code": "Y"}}, Why.UNREADABLE),  # a letter without its system says nothing
        ({"valueString": "yes"}, Why.UNREADABLE),
        ({"valueInteger": 1}, Why.UNREADABLE),
        ({"valueBoolean": "true"}, Why.UNREADABLE),
        ({}, Why.NOT_DOCUMENTED),  # an item without an answer was not answered
    ],
)
def test_yes_and_no(sheet, stated, answer, expected):
    found = sheet(stated({"night_pain": answer})).read("night_pain")
    assert (found.why if isinstance(expected, Why) else found.value) is expected
    if expected is Why.UNREADABLE:
        assert found.sources[0].reference == "QuestionnaireResponse/qr"


@pytest.mark.parametrize(
    ("ref", "answer", "expected"),
    [
        ("conservative_treatment_weeks", {"valueInteger": 6}, 6.0),
        ("conservative_treatment_weeks", {"valueDecimal": 6.5}, 6.5),
        ("conservative_treatment_weeks", {"valueQuantity": {"value": 42, "code": "d"}}, 6.0),
        ("conservative_treatment_weeks", AT_LEAST_SIX, Range(6, float("inf"))),
        ("conservative_treatment_weeks", {"valueQuantity": {"value": 6}}, Why.UNREADABLE),  # six of what?
        ("conservative_treatment_weeks", {"valueQuantity": {"value": 2, "code": "mo"}}, Why.UNREADABLE),
        ("conservative_treatment_weeks", {"valueString": "six"}, Why.UNREADABLE),
        ("conservative_treatment_weeks", {"valueInteger": -1}, Why.UNREADABLE),
        ("conservative_treatment_weeks", {"valueBoolean": True}, Why.UNREADABLE),
        ("body_temperature_f", {"valueQuantity": {"value": 38, "code": "Cel"}}, pytest.approx(100.4)),
        ("muscle_strength_grade", {"valueInteger": 3}, 3.0),
        ("muscle_strength_grade", {"valueInteger": 6}, Why.UNREADABLE),
        ("radicular_pain_vas", {"valueInteger": 11}, Why.UNREADABLE),
        ("glasgow_coma_scale", {"valueInteger": 2}, Why.UNREADABLE),
        ("dimple_diameter_mm", {"valueQuantity": {"value": 0.8, "code": "cm"}}, 8.0),
    ],
)  # fmt: skip
def test_numbers_come_in_the_unit_of_the_fact(sheet, stated, ref, answer, expected):
    found = sheet(stated({ref: answer})).read(ref)
    if isinstance(expected, Why):
        assert found.why is expected
    else:
        assert found.value == expected
        assert found.stated


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"valueString": "equivocal"}, "equivocal"),
        ({"valueCoding": {"system": FACT_VALUE, "code": "equivocal"}}, "equivocal"),
        ({"valueCoding": {"code": "equivocal"}}, "equivocal"),
        ({"valueString": "none"}, "none"),  # asked, and none
        ({"valueString": "Equivocal"}, Why.UNREADABLE),
        ({"valueString": "unsure"}, Why.UNREADABLE),
        ({"valueBoolean": True}, Why.UNREADABLE),
    ],
)
def test_codes(sheet, stated, answer, expected):
    found = sheet(stated({"xray_result(lumbar)": answer})).read("xray_result(lumbar)")
    assert (found.why if isinstance(expected, Why) else found.value) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"valueDate": "2026-10-01"}, date(2026, 10, 1)),
        ({"valueDateTime": "2026-10-01T08:00:00Z"}, date(2026, 10, 1)),
        ({"valueDate": "2026-10"}, Why.UNREADABLE),
        ({"valueString": "2026-10-01"}, Why.UNREADABLE),
    ],
)
def test_dates(sheet, stated, answer, expected):
    found = sheet(stated({"episode_onset_date": answer})).read("episode_onset_date")
    assert (found.why if isinstance(expected, Why) else found.value) == expected


def test_items_are_found_at_any_depth_and_below_answers(sheet):
    inner = {"linkId": "night_pain", "answer": [{"valueBoolean": True}]}
    below = {"linkId": "saddle_anesthesia", "answer": [{"valueBoolean": True}]}
    response = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2026-11-09",
        "item": [
            {"linkId": "group", "item": [{"linkId": "more", "item": [inner]}]},
            {"linkId": "question", "answer": [{"valueBoolean": True, "item": [below]}]},
        ],
    }
    facts = sheet(response)
    assert facts.read("night_pain").value is True
    assert facts.read("saddle_anesthesia").value is True


@pytest.mark.parametrize(
    "change",
    [
        {"status": "in-progress"},
        {"status": "stopped"},
        {"status": "entered-in-error"},
        {"subject": {"reference": "Patient/someone-else"}},
    ],
)
def test_answers_that_do_not_count(sheet, stated, change):
    assert sheet(stated({"night_pain": True}, **change)).read("night_pain").why is Why.NOT_DOCUMENTED


def test_an_observation_in_our_own_code_is_an_answer(sheet, coded):
    assert sheet(observed(coded, "night_pain", valueBoolean=True)).read("night_pain").value is True
    missing = observed(coded, "night_pain", valueBoolean=True, dataAbsentReason={"coding": [{"code": "unknown"}]})
    assert sheet(missing).read("night_pain").why is Why.NOT_DOCUMENTED
    assert sheet(observed(coded, "night_pain", status="registered", valueBoolean=True)).read("night_pain").value is None


def test_a_fact_code_may_stand_beside_another_coding_or_in_a_component(sheet, coded):
    beside = observed(coded, "radicular_pain_vas", valueInteger=9)
    beside["code"]["coding"].insert(0, {"system": "http://loinc.org", "code": "72514-3"})
    assert sheet(beside).read("radicular_pain_vas").value == 9.0
    part = {
        "resourceType": "Observation",
        "status": "final",
        "code": coded("loinc", "29545-1"),
        "effectiveDateTime": "2026-11-01",
        "component": [{"code": coded("fact", "muscle_strength_grade"), "valueInteger": 2}],
    }
    assert sheet(part).read("muscle_strength_grade").value == 2.0


def test_the_body_site_stands_for_the_region_of_an_observation(sheet, coded):
    here = observed(coded, "spine_pain", valueBoolean=True, bodySite=coded("snomed", "122496007"))
    assert sheet(here).read("spine_pain(lumbar)").value is True
    assert sheet(here).read("spine_pain(cervical)").value is None


def test_answers_travel_inside_the_order_too(sheet, stated):
    inside = {**stated({"night_pain": True}), "subject": {"reference": "Patient/me"}}
    other = {**inside, "subject": {"reference": "Patient/you"}}
    assert sheet(order={"contained": [inside]}).read("night_pain").value is True
    assert sheet(order={"contained": [other]}).read("night_pain").value is None


@pytest.mark.parametrize(
    ("earlier", "later", "expected"), [(True, False, False), (False, True, True), (True, {}, True)]
)  # fmt: skip
def test_the_newest_answer_wins_and_silence_is_no_answer(sheet, stated, earlier, later, expected):
    first = stated({"symptom(morning_stiffness)": earlier}, when="2026-10-01", own_id="a")
    second = stated({"symptom(morning_stiffness)": later}, when="2026-11-01", own_id="b")
    assert sheet(second, first).read("symptom(morning_stiffness)").value is expected
    assert sheet(first, second).read("symptom(morning_stiffness)").value is expected


def test_the_hour_decides_between_answers_of_one_day_and_without_it_they_contradict(sheet, stated):
    morning = stated({"night_pain": True}, when="2026-11-01T08:00:00Z", own_id="a")
    evening = stated({"night_pain": False}, when="2026-11-01T20:00:00Z", own_id="b")
    assert sheet(morning, evening).read("night_pain").value is False
    morning, evening = stated({"night_pain": True}, "2026-11-01", "a"), stated({"night_pain": False}, "2026-11-01", "b")
    assert sheet(morning, evening).read("night_pain").why is Why.UNREADABLE


@pytest.mark.parametrize(
    ("ref", "answer", "when", "expected"),
    [
        ("months_since_prior_imaging(lumbar)", 3, "2026-11-10", 3.0),
        ("months_since_prior_imaging(lumbar)", 3, "2026-09-10", 5.0),
        ("months_since_prior_imaging(lumbar)", {"valueDate": "2026-05-10"}, "2026-09-10", 6.0),
        ("days_since_in_person_evaluation", 2, "2026-11-01", 11.0),
        ("weeks_since_spinal_ultrasound", 1, "2026-10-27", 3.0),
        ("hours_since_vertebral_augmentation", 12, "2026-11-09", 36.0),
        ("months_since_prior_imaging(lumbar)", 3, "2026-09", Range(4 + 11 / 31, 5.3)),
        ("months_since_prior_imaging(lumbar)", 3, None, Why.UNREADABLE),  # nobody knows since when
        ("conservative_treatment_weeks", 3, "2026-10-20", 6.0),
    ],
)  # fmt: skip
def test_durations_count_on_from_the_day_of_the_answer(sheet, stated, ref, answer, when, expected):
    found = sheet(stated({ref: answer}, when=when)).read(ref)
    if isinstance(expected, Why):
        assert found.why is expected
    elif isinstance(expected, Range):
        assert (found.value.low, found.value.high) == pytest.approx((expected.low, expected.high))
    else:
        assert found.value == pytest.approx(expected)


def test_a_stated_length_of_treatment_carries_the_day_it_is_counted_from(sheet, stated):
    found = sheet(stated({"conservative_treatment_weeks": 3}, when="2026-11-09")).read("conservative_treatment_weeks")
    assert found.since == date(2026, 10, 19)
    assert sheet(stated({"conservative_treatment_weeks": 1})).read("conservative_treatment_days").value == 7.0


@pytest.mark.parametrize(
    ("ref", "born", "when", "holds"),
    [
        ("night_pain", "1980-01-01", "2025-11-10", True),
        ("night_pain", "1980-01-01", "2025-11-09", False),
        ("night_pain", "2015-01-01", "2026-09-11", True),
        ("night_pain", "2015-01-01", "2026-09-10", False),  # a child: sixty days
        ("spine_surgery_history", "1980-01-01", "2019-01-01", True),  # history does not expire
        ("skin_lesion(sacral_dimple)", "2026-07-01", "2026-07-01", True),
    ],
)
def test_how_long_an_answer_holds(sheet, stated, ref, born, when, holds):
    found = sheet(stated({ref: True}, when=when), born=born).read(ref)
    assert found.known is holds
    if not holds:  # shown, and asked again
        assert found.why is Why.NOT_DOCUMENTED
        assert found.sources[0].reference == "QuestionnaireResponse/qr"


def test_an_answer_from_before_the_symptoms_does_not_speak_for_them(sheet, stated, condition):
    pain = condition("M54.50", onset="2026-10-01")
    assert sheet(pain, stated({"night_pain": True}, when="2026-09-30")).read("night_pain").value is None
    assert sheet(pain, stated({"night_pain": True}, when="2026-10-01")).read("night_pain").value is True
    undated = sheet(pain, stated({"night_pain": True}, when=None)).read("night_pain")
    assert undated.note == "the answer has no date"


# -- answers against the chart ------------------------------------------------------------------------------------


def test_an_answer_wins_over_an_inference(sheet, stated, condition):
    pain = condition("M54.50", recordedDate="2026-10-01")
    denied = sheet(pain, stated({"spine_pain(lumbar)": False})).read("spine_pain(lumbar)")
    assert denied.value is False
    assert denied.stated


def test_a_no_never_erases_a_coded_red_flag(sheet, stated, condition):
    drop = condition("M21.371", onset="2026-11-01")
    found = sheet(drop, stated({"new_foot_drop": False})).read("new_foot_drop")
    assert found.value is True
    assert found.note == "an answer says no, the chart says yes"
    assert {source.reference for source in found.sources} == {"Condition/c", "QuestionnaireResponse/qr"}


def test_evidence_that_came_after_a_no_counts(sheet, stated, coded):
    film = {
        "resourceType": "DiagnosticReport",
        "id": "film",
        "status": "final",
        "code": coded("cpt", "72100"),
        "effectiveDateTime": "2026-11-05",
    }
    facts = {"plain_xray_available(lumbar)": False, "episode_onset_date": {"valueDate": "2026-09-01"}}
    assert sheet(film, stated(facts, when="2026-10-01")).read("plain_xray_available(lumbar)").value is True
    assert sheet(film, stated(facts, when="2026-11-06")).read("plain_xray_available(lumbar)").value is False


def test_what_the_chart_shows_stands_in_for_an_answer_that_cannot_be_read(sheet, stated, condition):
    odd = stated({"spine_pain(lumbar)": "very much"})
    assert sheet(odd).read("spine_pain(lumbar)").why is Why.UNREADABLE
    assert sheet(odd, condition("M54.50")).read("spine_pain(lumbar)").value is True
