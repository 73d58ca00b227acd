"""Age and prematurity. Age bounds are calendar dates: both sides of each are here."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range, at_least, more_than
from cds_service.core.truth import MET, NOT_MET, UNKNOWN

PRETERM = {"coding": [{"system": "icd10cm", "code": "P07.32"}]}


@pytest.mark.parametrize(
    ("born", "today", "months"),
    [
        ("2026-05-10", date(2026, 11, 9), 5 + 30 / 31),
        ("2026-05-10", date(2026, 11, 10), 6.0),
        ("2026-05-10", date(2026, 11, 11), 6 + 1 / 30),
        ("2026-11-10", date(2026, 11, 10), 0.0),
        ("2026-08-31", date(2027, 2, 28), 6.0),  # no 31 February: the month is completed on its last day
    ],
)
def test_months_are_completed_on_their_day_and_exceeded_the_day_after(sheet, born, today, months):
    assert sheet(born=born, today=today).read("age_months").value == pytest.approx(months)


@pytest.mark.parametrize(
    ("born", "over_six_months", "eighteen"),
    [
        ("2026-05-09", MET, NOT_MET),
        ("2026-05-10", NOT_MET, NOT_MET),
        ("2008-11-10", MET, MET),
        ("2008-11-11", MET, NOT_MET),
        ("2008-11", MET, UNKNOWN),  # the birthday may still be ahead
        ("2008", MET, UNKNOWN),
        ("2009", MET, NOT_MET),
        ("2007", MET, MET),
        ("2026", UNKNOWN, NOT_MET),
    ],
)
def test_age_bounds(sheet, born, over_six_months, eighteen):
    facts = sheet(born=born)
    assert more_than(facts.read("age_months").value, 6) is over_six_months
    assert at_least(facts.read("age_years").value, 18) is eighteen


@pytest.mark.parametrize("born", ["2027-01-01", "2026-02-30", "last spring", 2008, ["2008"]])
def test_an_impossible_birth_date_is_unreadable_and_names_the_patient(sheet, born):
    age = sheet(born=born).read("age_years")
    assert age.why is Why.UNREADABLE
    assert age.sources[0].reference == "Patient/me"


def test_no_birth_date_is_not_documented_and_a_patient_not_read_is_not_retrieved(sheet):
    assert sheet(born=None).read("age_years").why is Why.NOT_DOCUMENTED
    assert sheet(born=None, failures=["Patient"]).read("age_months").why is Why.NOT_RETRIEVED


def test_a_stated_age_fills_in_for_a_missing_birth_date_only(sheet, stated):
    given = stated({"age_years": 15}, when="2026-11-10")
    assert sheet(given, born=None).read("age_months").value == Range(180.0, pytest.approx(192.0))
    assert at_least(sheet(given, born=None).read("age_years").value, 16) is NOT_MET
    assert sheet(given, born="1980-11-10").read("age_years").value == 46.0


def test_a_stated_age_grows_with_the_time_since_the_answer(sheet, stated):
    age = sheet(stated({"age_years": 15}, when="2024-11-10"), born=None).read("age_years").value
    assert at_least(age, 17) is MET
    assert at_least(age, 18) is NOT_MET


@pytest.mark.parametrize(
    ("resource", "born", "expected"),
    [
        ({"resourceType": "Condition", "code": PRETERM}, "2026-08-10", True),
        (
            {
                "resourceType": "Condition",
                "code": PRETERM,
                "verificationStatus": {"coding": [{"code": "refuted"}]},
            },
            "2026-08-10",
            None,
        ),
        ({"effectiveDateTime": "2026-08-11", "valueQuantity": {"value": 35, "code": "wk"}}, "2026-08-10", True),
        ({"effectiveDateTime": "2026-08-11", "valueQuantity": {"value": 252, "code": "d"}}, "2026-08-10", True),
        ({"effectiveDateTime": "2026-08-11", "valueQuantity": {"value": 259, "code": "d"}}, "2026-08-10", False),
        ({"effectiveDateTime": "2026-08-11", "valueQuantity": {"value": 35, "code": "mo"}}, "2026-08-10", "unreadable"),
        # written long after birth, or in the chart of a pregnant woman
        ({"effectiveDateTime": "2026-11-01", "valueQuantity": {"value": 20, "code": "wk"}}, "1990-01-01", None),
        ({"valueQuantity": {"value": 30, "code": "wk"}}, "2026-08-10", None),
    ],
)  # fmt: skip
def test_born_preterm(sheet, coded, resource, born, expected):
    observation = {"resourceType": "Observation", "status": "final", "code": coded("loinc", "18185-9")}
    resource = coded.fix({**observation, **resource} if "resourceType" not in resource else resource)
    fact = sheet(resource, born=born, cpt="76800").read("born_preterm")
    if expected == "unreadable":
        assert fact.why is Why.UNREADABLE
    else:
        assert fact.value is expected


@pytest.mark.parametrize(("born", "open_window"), [("2026-05-10", True), ("2026-05-09", None), ("2026", None)])
def test_the_spine_is_taken_to_be_open_to_ultrasound_through_six_months(sheet, born, open_window):
    assert sheet(born=born, cpt="76800").read("vertebral_ossification_incomplete").value is open_window


def stated(ref, number):
    return {
        "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "authored": "2026-11-10",
        "item": [{"linkId": ref, "answer": [{"valueInteger": number}]}],
    }  # fmt: skip


def test_an_answer_narrows_a_partial_birth_date(sheet):
    born = sheet(born="2026-05").read("age_months").value
    assert born.low < 6 < born.high
    answered = sheet(stated("age_months", 5), born="2026-05").read("age_months")
    assert (answered.value.low, answered.stated) == (born.low, True)
    assert answered.value.high < 6
    assert {source.reference for source in answered.sources} >= {"QuestionnaireResponse/q"}


def test_an_answer_that_contradicts_the_birth_date_says_nothing(sheet):
    assert sheet(stated("age_months", 9), born="2026-05").read("age_months") == sheet(born="2026-05").read("age_months")
    assert sheet(stated("age_months", 3), born="2026-05-10").read("age_months").value == 6.0
