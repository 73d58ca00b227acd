"""Temperatures, laboratory values, scores: units, ranges, dates."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why


@pytest.fixture
def observation(coded):
    def build(code, when="2026-11-05", status="final", own_id="o", category="laboratory", **more):
        return {
            "resourceType": "Observation",
            "id": own_id,
            "status": status,
            "category": [{"coding": [{"code": category}]}],
            "code": coded("loinc", code),
            "effectiveDateTime": when,
            **more,
        }

    return build


SNOMED = "http://snomed.info/sct"


def quantity(value, unit=None):
    return {"valueQuantity": {"value": value, **({"code": unit} if unit else {})}}


@pytest.mark.parametrize(
    ("change", "degf", "fever"),
    [
        (quantity(100.0, "[degF]"), 100.0, True),
        (quantity(99.9, "[degF]"), 99.9, None),
        (quantity(37.8, "Cel"), 100.04, True),
        (quantity(37.7, "Cel"), 99.86, None),
        ({**quantity(39.0, "Cel"), "status": "preliminary"}, 102.2, True),
        ({**quantity(39.0, "Cel"), "status": "cancelled"}, Why.NOT_DOCUMENTED, Why.NOT_DOCUMENTED),
        (quantity(39.0), Why.UNREADABLE, Why.UNREADABLE),  # without a unit it may be anything
        (quantity(39.0, "K"), Why.UNREADABLE, Why.UNREADABLE),
        (quantity(390, "Cel"), Why.UNREADABLE, Why.UNREADABLE),  # nobody is as hot as that
        (quantity(38.5, "[degF]"), Why.UNREADABLE, Why.UNREADABLE),
        ({"valueQuantity": {"value": 101, "code": "Cel", "unit": "degF"}}, Why.UNREADABLE, Why.UNREADABLE),
        ({"valueQuantity": {"value": 39, "code": "Cel", "unit": "degF"}}, Why.UNREADABLE, Why.UNREADABLE),
        ({"valueQuantity": {"value": 101, "code": "[degF]", "unit": "degF"}}, 101.0, True),
        ({"valueQuantity": {"value": 101, "code": "[degF]", "unit": "deg F"}}, 101.0, True),
        ({**quantity(39.0, "Cel"), "effectiveDateTime": "2025-11-05"}, Why.NOT_DOCUMENTED, Why.NOT_DOCUMENTED),
        ({**quantity(39.0, "Cel"), "subject": {"reference": "Patient/you"}}, Why.NOT_DOCUMENTED, Why.NOT_DOCUMENTED),
    ],
)
def test_temperature(sheet, observation, change, degf, fever):
    facts = sheet(observation("8310-5", category="vital-signs") | change)
    for ref, expected in (("body_temperature_f", degf), ("fever", fever)):
        found = facts.read(ref)
        if isinstance(expected, Why):
            assert found.why is expected
        else:
            assert found.value == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_the_highest_temperature_of_the_episode(sheet, observation, condition):
    readings = [
        observation("8310-5", when, own_id=when, category="vital-signs") | quantity(value, "Cel")
        for when, value in (("2026-09-30", 40.0), ("2026-10-02", 38.5), ("2026-10-03", 37.0))
    ]
    facts = sheet(*readings, condition("M54.50", onset="2026-10-01"))
    assert facts.read("body_temperature_f").value == pytest.approx(101.3)
    assert facts.read("fever").sources[0].reference == "Observation/2026-10-02"


@pytest.mark.parametrize(("code", "value"), [("R50.9", True), ("R50.83", None)])
def test_a_diagnosis_of_fever(sheet, condition, code, value):
    assert sheet(condition(code, onset="2026-11-01")).read("fever").value is value


RANGE = {"referenceRange": [{"high": {"value": 20, "code": "mm/h"}}]}
HIGH, NORMAL = ({"interpretation": [{"coding": [{"code": code}]}]} for code in ("H", "N"))


@pytest.mark.parametrize(
    ("code", "change", "value"),
    [
        ("30341-2", quantity(30, "mm/h") | RANGE, True),
        ("30341-2", quantity(20, "mm/h") | RANGE, False),
        ("30341-2", quantity(30, "mm") | RANGE, True),
        ("30341-2", quantity(30, "mm/h") | HIGH, True),
        ("30341-2", quantity(3, "mm/h") | NORMAL, False),
        ("30341-2", quantity(300, "mm/h"), None),  # shown, and no evidence
        ("30341-2", quantity(300, "g") | RANGE, None),
        ("1988-5", quantity(2, "mg/dL") | {"referenceRange": [{"high": {"value": 5, "code": "mg/L"}}]}, True),
        ("1988-5", quantity(0.4, "mg/dL") | {"referenceRange": [{"high": {"value": 5, "code": "mg/L"}}]}, False),
        ("6690-2", quantity(15000, "/uL") | {"referenceRange": [{"high": {"value": 11, "code": "10*3/uL"}}]}, True),
        ("6690-2", quantity(15, "10*9/L") | {"referenceRange": [{"high": {"value": 11}}]}, True),
        ("33959-8", quantity(9, "ng/mL") | HIGH, None),  # procalcitonin only supports
    ],
)
def test_raised_laboratory_values(sheet, observation, code, change, value):
    assert sheet(observation(code) | change).read("infection_labs_abnormal").value is value


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "3092008"}]}}, True),
        ({"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "264868006"}]}}, False),
        ({"interpretation": [{"coding": [{"code": "POS"}]}]}, True),
        ({"interpretation": [{"coding": [{"code": "NEG"}]}]}, False),
        ({"valueString": "Staphylococcus aureus"}, None),
    ],
)
def test_blood_culture(sheet, observation, change, value):
    assert sheet(observation("600-7") | change).read("infection_labs_abnormal").value is value


def valued(*codes):
    return {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": code} for code in codes]}}


def marked(code):
    return {"interpretation": [{"coding": [{"code": code}]}]}


@pytest.mark.parametrize(
    "change",
    [
        valued("385660001"),  # not done
        valued("82334004"),  # indeterminate
        valued("999999999"),
        {"valueCodeableConcept": {"text": "contaminated"}},
        valued("264868006", "3092008"),
        valued("3092008") | marked("N"),
        valued("264868006") | marked("IND"),
        marked("IND"),
    ],
)
def test_a_culture_that_says_neither_is_not_judged(sheet, observation, change):
    found = sheet(observation("600-7") | change).read("infection_labs_abnormal")
    assert (found.why, found.sources[0].reference) == (Why.UNREADABLE, "Observation/o")
    normal = observation("30341-2", own_id="n") | quantity(3, "mm/h") | NORMAL
    high = observation("1988-5", own_id="h") | quantity(90, "mg/L") | HIGH
    assert sheet(observation("600-7") | change, normal).read("infection_labs_abnormal").why is Why.UNREADABLE
    assert sheet(observation("600-7") | change, high).read("infection_labs_abnormal").value is True


@pytest.mark.parametrize("code", ["10828004", "260373001", "3092008", "115329001", "112283007", "53326005"])
def test_growth_in_a_culture(sheet, observation, code):
    assert sheet(observation("600-7") | valued(code)).read("infection_labs_abnormal").value is True


def test_a_culture_that_was_never_taken_is_no_result(sheet, observation):
    absent = {"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}
    assert sheet(observation("600-7") | absent).read("infection_labs_abnormal").why is Why.NOT_DOCUMENTED


def ranges(*highs, unit="mm/h", kind=None):
    kinds = {"type": {"coding": [{"code": kind}]}} if kind else {}
    return {"referenceRange": [{"high": {"value": high, "code": unit}, **kinds} for high in highs]}


@pytest.mark.parametrize(
    ("highs", "value"),
    [((100, 10), None), ((10, 100), None), ((10, 20), True), ((60, 100), False)],
)
def test_ranges_that_disagree_do_not_decide(sheet, observation, highs, value):
    found = sheet(observation("30341-2") | quantity(50, "mm/h") | ranges(*highs)).read("infection_labs_abnormal")
    assert found.value is value
    if value is None:
        assert (found.sources[0].reference, found.note) == ("Observation/o", "its reference ranges disagree")


def test_a_range_that_is_not_the_normal_one_does_not_decide(sheet, observation):
    found = sheet(observation("30341-2") | quantity(50, "mm/h") | ranges(100, kind="treatment"))
    assert found.read("infection_labs_abnormal").value is None
    found = sheet(observation("30341-2") | quantity(50, "mm/h") | ranges(20, kind="normal"))
    assert found.read("infection_labs_abnormal").value is True


def test_a_value_in_two_units_is_not_compared(sheet, observation):
    both = {"valueQuantity": {"value": 2, "code": "mg/L", "unit": "mg/dL"}}
    limit = {"referenceRange": [{"high": {"value": 5, "code": "mg/L"}}]}
    assert sheet(observation("1988-5") | both | limit).read("infection_labs_abnormal").value is None


def test_one_abnormal_value_of_the_episode_is_enough_and_one_unranged_value_leaves_it_open(sheet, observation):
    normal = observation("30341-2", own_id="n") | quantity(3, "mm/h") | NORMAL
    high = observation("1988-5", own_id="h", when="2026-10-25") | quantity(90, "mg/L") | HIGH
    unranged = observation("6690-2", own_id="u") | quantity(12, "10*3/uL")
    assert sheet(normal, high, unranged).read("infection_labs_abnormal").value is True
    found = sheet(normal, unranged).read("infection_labs_abnormal")
    assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "Observation/u")


def test_the_lowest_coma_score_of_the_event(sheet, observation):
    drowsy = observation("9269-2", "2026-11-09", own_id="a", category="exam") | {"valueInteger": 13}
    awake = observation("9269-2", "2026-11-10", own_id="b", category="exam") | quantity(15, "{score}")
    found = sheet(drowsy, awake).read("glasgow_coma_scale")
    assert found.value == 13.0
    assert "latest is 15" in found.note
    absurd = observation("9269-2", category="exam") | {"valueInteger": 2}
    assert sheet(absurd).read("glasgow_coma_scale").why is Why.UNREADABLE


@pytest.mark.parametrize(("score", "value"), [(1, True), (4, False), (9, None)])
def test_eye_opening(sheet, observation, score, value):
    eyes = observation("9267-6", category="exam") | {"valueInteger": score}
    assert sheet(eyes).read("exam_finding(no_eye_opening)").value is value


def test_a_pain_score_counts_as_radicular_only_when_it_says_so(sheet, observation, coded, condition):
    general = observation("72514-3", category="survey") | {"valueInteger": 9}
    found = sheet(general).read("radicular_pain_vas")
    assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "Observation/o")
    root = condition("M54.16", own_id="root")
    assert sheet(root, general | {"focus": [{"reference": "Condition/root"}]}).read("radicular_pain_vas").value == 9.0
    in_mm = general | {"focus": [{"reference": "Condition/root"}]} | quantity(92, "mm")
    del in_mm["valueInteger"]
    assert sheet(root, in_mm).read("radicular_pain_vas").value == pytest.approx(9.2)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (quantity(-1.0, "{T-score}"), True),
        (quantity(-0.9, "{T-score}"), None),
        (quantity(-2.6), True),
        (quantity(-2.6, "g/cm2"), None),
    ],
)
def test_bone_density(sheet, observation, change, value):
    scan = observation("38267-1", "2024-01-01") | change
    assert sheet(scan).read("condition(low_bone_mineral_density)").value is value


def test_the_latest_bone_density_decides(sheet, observation):
    before = observation("38267-1", "2020-01-01", own_id="a") | quantity(-2.6)
    after = observation("38267-1", "2026-01-01", own_id="b") | quantity(-0.5)
    assert sheet(before, after).read("condition(low_bone_mineral_density)").value is None
