"""Numbers of our own: both sides of each, what the fact says of it, and what is refused as a setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest

from cds_service.core.errors import ConfigurationError
from cds_service.core.fact import Limit
from cds_service.facts.settings import SHOWN, Settings, as_json, changed, read_settings

TODAY = date(2026, 11, 10)
Resource = dict[str, Any]


def ago(days: float) -> str:
    return str(TODAY - timedelta(days=int(days)))


def drug(coded: Any, ingredient: str, start: float, end: float | None = None) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "id": "drug",
        "status": "active" if end is None else "completed",
        "medicationCodeableConcept": coded("rxnorm", ingredient),
        "effectivePeriod": {"start": ago(start)} | ({} if end is None else {"end": ago(end)}),
        "dosage": [{"route": coded("snomed", "26643006")}],
    }


def measured(coded: Any, code: str, value: float, unit: str, when: str = str(TODAY)) -> Resource:
    quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    own = {"resourceType": "Observation", "id": "o", "status": "final", "code": coded("loinc", code)}
    return {**own, "effectiveDateTime": when, "valueQuantity": quantity}


def operation(coded: Any, days: float) -> Resource:
    own = {"resourceType": "Procedure", "id": "p", "status": "completed", "code": coded("cpt", "63047")}
    return {**own, "performedDateTime": ago(days)}


def therapy(coded: Any, days: float, own_id: str) -> Resource:
    own = {"resourceType": "Procedure", "id": own_id, "status": "completed", "code": coded("cpt", "97110")}
    return {**own, "performedDateTime": ago(days)}


@pytest.fixture
def chart_with(coded, condition, stated) -> Callable[[str, float], list[Resource]]:
    """A chart in which the number that a setting is about is the given one."""
    charts: dict[str, Callable[[float], list[Resource]]] = {
        "long_term_steroid_days": lambda n: [drug(coded, "8640", n)],
        "recent_intervention_days": lambda n: [operation(coded, n)],
        "recent_infection_days": lambda n: [condition("N39.0", onset=ago(n), clinical="resolved")],
        "ended_immunosuppressant_days": lambda n: [drug(coded, "6851", 400, n)],
        "low_bone_density_t_score": lambda n: [measured(coded, "38267-1", n, "1")],
        "fever_degf": lambda n: [measured(coded, "8310-5", n, "[degF]")],
        "preterm_weeks": lambda n: [measured(coded, "18185-9", n, "wk", "2026-09-01")],
        "newborn_record_days": lambda n: [
            measured(coded, "18185-9", 30, "wk", str(date(2026, 9, 1) + timedelta(days=int(n))))
        ],
        "open_window_months": lambda n: [],
        "injury_days": lambda n: [condition("W10.9XXA", onset=ago(n))],
        "new_finding_days": lambda n: [condition("M21.371", onset=ago(n))],
        "acute_days": lambda n: [condition("S32.010A", onset=ago(n))],
        "recorded_onset_days": lambda n: [
            condition("M54.50", recordedDate=ago(n)), therapy(coded, 20, "a"), therapy(coded, 6, "b")
        ],
        "treatment_gap_days": lambda n: [
            condition("M54.50", onset=ago(100)), therapy(coded, n + 10, "a"), therapy(coded, 10, "b")
        ],
        "answer_days_child": lambda n: [stated({"night_pain": True}, when=ago(n))],
        "answer_days_adult": lambda n: [stated({"night_pain": True}, when=ago(n))],
    }  # fmt: skip
    return lambda setting, number: charts[setting](number)


BORN = {
    "preterm_weeks": "2026-09-01",
    "newborn_record_days": "2026-09-01",
    "open_window_months": None,
    "answer_days_child": "2016-01-01",
}
# setting: the fact, the last number that counts, the first that does not, another setting under which it does
SIDES: dict[str, tuple[str, float, float, float]] = {
    "long_term_steroid_days": ("long_term_glucocorticoids", 90, 89, 60),
    "recent_intervention_days": ("recent_spinal_intervention", 90, 91, 120),
    "recent_infection_days": ("recent_bacterial_infection", 90, 91, 120),
    "ended_immunosuppressant_days": ("immunosuppressant_therapy", 183, 184, 365),
    "low_bone_density_t_score": ("condition(low_bone_mineral_density)", -1.0, -0.9, -0.5),
    "fever_degf": ("fever", 100.0, 99.9, 99.5),
    "preterm_weeks": ("born_preterm", 36, 37, 38),
    "newborn_record_days": ("born_preterm", 60, 61, 70),
    "injury_days": ("trauma_mechanism", 92, 93, 120),
    "new_finding_days": ("new_foot_drop", 180, 181, 200),
    "acute_days": ("acute_trauma", 30, 31, 45),
    "answer_days_child": ("night_pain", 60, 61, 90),
    "answer_days_adult": ("night_pain", 365, 366, 400),
}


def truth_of(sheet, resources: list[Resource], ref: str, setting: str, settings: Settings) -> Any:
    return sheet(*resources, born=BORN.get(setting, "1980-03-02"), settings=settings).read(ref)


@pytest.mark.parametrize("setting", SIDES)
def test_both_sides_of_a_setting(sheet, chart_with, setting: str) -> None:
    ref, counts, does_not, other = SIDES[setting]
    inside = truth_of(sheet, chart_with(setting, counts), ref, setting, Settings())
    outside = truth_of(sheet, chart_with(setting, does_not), ref, setting, Settings())
    moved = truth_of(sheet, chart_with(setting, does_not), ref, setting, Settings(**{setting: other}))

    assert inside.value not in (None, False)
    assert outside.value in (None, False)
    assert moved.value not in (None, False)


@pytest.mark.parametrize(
    ("setting", "born", "holds"), [(6, "2026-05-10", True), (6, "2026-05-09", None), (9, "2026-05-09", True)]
)
def test_the_age_until_which_the_spine_is_open_to_ultrasound(sheet, setting: float, born: str, holds: object) -> None:
    found = sheet(born=born, cpt="76800", settings=Settings(open_window_months=setting))

    assert found.read("vertebral_ossification_incomplete").value is holds


@pytest.mark.parametrize(("gap", "setting", "weeks"), [(14, 14, 2.0), (15, 14, 0.0), (15, 15, 15 / 7)])
def test_the_longest_gap_within_one_course(sheet, chart_with, gap: int, setting: int, weeks: float) -> None:
    found = sheet(*chart_with("treatment_gap_days", gap), settings=Settings(treatment_gap_days=setting))

    assert found.read("conservative_treatment_weeks").value.low == pytest.approx(weeks)


@pytest.mark.parametrize(("recorded", "setting", "known"), [(365, 365, True), (366, 365, False), (366, 400, True)])
def test_how_old_an_entry_may_be_to_date_the_symptoms(
    sheet, chart_with, recorded: int, setting: int, known: bool
) -> None:
    found = sheet(*chart_with("recorded_onset_days", recorded), settings=Settings(recorded_onset_days=setting))

    assert found.read("conservative_treatment_weeks").known is known


def test_every_setting_is_tried() -> None:
    tried = {*SIDES, "open_window_months", "treatment_gap_days", "recorded_onset_days"}

    assert tried == {setting.name for setting in fields(Settings)}


@pytest.mark.parametrize("setting", [name for name in SHOWN if name in SIDES])
def test_a_fact_carries_the_setting_that_decided_it(sheet, chart_with, setting: str) -> None:
    ref, counts, _, _ = SIDES[setting]
    found = truth_of(sheet, chart_with(setting, counts), ref, setting, Settings())

    assert found.limit == Limit(setting, getattr(Settings(), setting), counts)


def test_what_a_code_settles_carries_no_setting(sheet, condition) -> None:
    assert sheet(condition("Z79.52")).read("long_term_glucocorticoids").limit is None
    assert sheet(condition("R50.9", onset="2026-11-01")).read("fever").limit is None


class TestReading:
    def test_what_is_left_out_keeps_its_default(self) -> None:
        found = read_settings({"long_term_steroid_days": 60, "low_bone_density_t_score": -2})

        assert changed(found) == {"long_term_steroid_days": 60, "low_bone_density_t_score": -2}
        assert read_settings(as_json(found)) == found
        assert changed(Settings()) == {}

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ({"steroid_days": 60}, "steroid_days is not a setting"),
            ({"long_term_steroid_days": 0}, "a whole number from 1 to 3650"),
            ({"long_term_steroid_days": 60.5}, "a whole number"),
            ({"long_term_steroid_days": True}, "a whole number"),
            ({"long_term_steroid_days": "60"}, "a whole number"),
            ({"low_bone_density_t_score": 1.0}, "a number from -5 to 0"),
            ({"fever_degf": 38}, "a number from 97 to 106"),
            ([60], "a table of numbers"),
            ("60 days", "must be JSON"),
        ],
    )
    def test_a_number_that_cannot_be_is_refused(self, value: object, problem: str) -> None:
        with pytest.raises(ConfigurationError, match=problem):
            read_settings(value)
