"""Partial dates are ranges, and each type has its order of dates."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.core.quantity import Range
from cds_service.fhir.dates import (
    DayRange,
    abated,
    course_of,
    date_of,
    months_between,
    read_date,
    read_time,
    start_of,
)


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2026-11-10", "2026-11-10", "2026-11-10"),
        ("2026-11-10T23:30:00-06:00", "2026-11-10", "2026-11-10"),  # the day of the patient, not of the server
        ("2026-11-10T08:00:00.123Z", "2026-11-10", "2026-11-10"),
        (" 2026-11-10 ", "2026-11-10", "2026-11-10"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_partial_date_means_any_of_its_days(written: str, first: str, last: str) -> None:
    assert read_date(written) == DayRange(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "written",
    ["2026-02-30", "2026-13", "0000", "2026-W01-1", "20261110", "10.11.2026", "yesterday", "", None, 2026, [], True],
)
def test_what_is_no_date_is_not_read(written: object) -> None:
    assert read_date(written) is None


def test_hours_need_a_time_and_its_zone() -> None:
    moment = read_time("2026-11-10T08:00:00Z")

    assert moment is not None
    assert moment.isoformat() == "2026-11-10T08:00:00+00:00"
    assert [read_time(w) for w in ("2026-11-10", "2026-11-10T08:00:00", "2026-11-10T99:00:00Z", None)] == [None] * 4


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-05-10", "2026-11-10", 6.0),  # six months are completed on this day
        ("2026-05-10", "2026-11-09", 5 + 30 / 31),
        ("2026-05-10", "2026-11-11", 6 + 1 / 30),
        ("2025-08-31", "2026-02-28", 6.0),  # no 31 February
        ("2025-08-31", "2026-02-27", 5 + 27 / 28),
        ("2024-02-29", "2025-02-28", 12.0),
        ("2008-11-10", "2026-11-10", 216.0),
        ("2026-11-10", "2026-11-10", 0.0),
        ("2026-11-10", "2026-10-10", -1.0),
    ],
)
def test_months_are_counted_by_the_calendar(start: str, end: str, months: float) -> None:
    assert months_between(date.fromisoformat(start), date.fromisoformat(end)) == pytest.approx(months)


@given(
    start=st.dates(date(1900, 1, 1), date(2090, 1, 1)),
    days=st.integers(0, 40_000),
)
def test_months_grow_day_by_day(start: date, days: int) -> None:
    end = date.fromordinal(start.toordinal() + days)
    after = date.fromordinal(end.toordinal() + 1)

    assert months_between(start, end) <= months_between(start, after)


def test_a_distance_from_a_partial_date_is_a_range() -> None:
    month = read_date("2026-10")
    day = read_date("2026-10-01")
    assert month is not None
    assert day is not None

    assert month.days_until(date(2026, 11, 1)) == Range(1.0, 31.0)
    assert month.months_until(date(2026, 11, 1)) == Range(months_between(date(2026, 10, 31), date(2026, 11, 1)), 1.0)
    assert day.days_until(date(2026, 11, 1)) == 31.0


@pytest.mark.parametrize(
    ("written", "nearest"),
    [("2026-11", "2026-11-10"), ("2026-09", "2026-09-30"), ("2027", "2027-01-01"), ("2026-11-12", "2026-11-12")],
)
def test_the_nearest_day_of_a_range(written: str, nearest: str) -> None:
    span = read_date(written)
    assert span is not None
    assert span.nearest(date(2026, 11, 10)) == date.fromisoformat(nearest)


def encounter_of(_pointer: str, _within: object) -> dict[str, object]:
    return {"resourceType": "Encounter", "period": {"start": "2026-07-07"}}


@pytest.mark.parametrize(
    ("resource", "day", "recorded"),
    [
        (
            {"resourceType": "Condition", "onsetDateTime": "2026-01-02", "recordedDate": "2026-05-05"},
            "2026-01-02",
            False,
        ),
        ({"resourceType": "Condition", "onsetPeriod": {"start": "2026-01-03"}}, "2026-01-03", False),
        ({"resourceType": "Condition", "recordedDate": "2004-09-24"}, "2004-09-24", True),
        ({"resourceType": "Condition", "encounter": {"reference": "Encounter/e"}}, "2026-07-07", True),
        ({"resourceType": "Condition", "onsetString": "last spring"}, None, False),
        (
            {
                "resourceType": "Observation",
                "effectivePeriod": {"start": "2026-01-01", "end": "2026-01-09"},
                "issued": "x",
            },
            "2026-01-09",
            False,
        ),
        ({"resourceType": "Observation", "issued": "2026-01-08T10:00:00Z"}, "2026-01-08", False),
        (
            {"resourceType": "DiagnosticReport", "effectiveDateTime": "2026-01-06", "issued": "2026-01-08"},
            "2026-01-06",
            False,
        ),
        (
            {"resourceType": "Procedure", "performedPeriod": {"start": "2026-01-01", "end": "2026-02-01"}},
            "2026-02-01",
            False,
        ),
        ({"resourceType": "Procedure", "performedPeriod": {"start": "2026-01-01"}}, "2026-01-01", False),
        ({"resourceType": "Procedure", "encounter": {"reference": "Encounter/e"}}, "2026-07-07", False),
        ({"resourceType": "Encounter", "period": {"start": "2026-03-03", "end": "2026-03-04"}}, "2026-03-03", False),
        (
            {"resourceType": "ServiceRequest", "occurrenceDateTime": "2026-12-01", "authoredOn": "2026-11-10"},
            "2026-12-01",
            False,
        ),
        ({"resourceType": "QuestionnaireResponse", "authored": "2026-11-10T08:00:00Z"}, "2026-11-10", False),
        ({"resourceType": "Communication", "received": "2026-11-09"}, "2026-11-09", False),
        ({"resourceType": "ImagingStudy", "started": "2026-05-01"}, "2026-05-01", False),
        ({"resourceType": "MedicationStatement", "dateAsserted": "2026-05-02"}, "2026-05-02", False),
        ({"resourceType": "AllergyIntolerance", "recordedDate": "2026-05-02"}, "2026-05-02", False),
        ({"resourceType": ["Condition"], "onsetDateTime": "2026-01-02"}, None, False),
        ({}, None, False),
    ],
)
def test_the_first_date_present_counts(resource: dict[str, object], day: str | None, recorded: bool) -> None:
    found = date_of(resource, resolve=encounter_of)

    assert (found.first.isoformat() if found else None) == day
    assert (found.recorded if found else False) is recorded


def test_an_age_at_onset_needs_the_birth_date() -> None:
    condition = {"resourceType": "Condition", "onsetAge": {"value": 40, "code": "a"}, "recordedDate": "2026-01-01"}
    birth = read_date("1980-03-02")

    with_birth, without = date_of(condition, birth=birth), date_of(condition)

    assert with_birth == DayRange(date(2020, 3, 2), date(2021, 3, 1))
    assert without is not None
    assert without.recorded


def test_a_study_without_start_takes_the_date_of_its_procedure() -> None:
    study = {"resourceType": "ImagingStudy", "procedureReference": {"reference": "Procedure/p"}}
    procedure = {"resourceType": "Procedure", "performedDateTime": "2026-04-04"}

    found = date_of(study, resolve=lambda _pointer, _within: procedure)

    assert found == DayRange.of(date(2026, 4, 4))


def test_since_counts_from_the_start_of_a_period() -> None:
    procedure = {"resourceType": "Procedure", "performedPeriod": {"start": "2026-01-01", "end": "2026-02-01"}}

    assert start_of(procedure) == DayRange.of(date(2026, 1, 1))
    assert start_of({"resourceType": "Procedure", "performedDateTime": "2026-03-01"}) == DayRange.of(date(2026, 3, 1))


def test_the_end_of_a_condition() -> None:
    assert abated({"abatementPeriod": {"end": "2026-03"}}) == read_date("2026-03")
    assert abated({"abatementString": "gone"}) is None


def bounded(duration: dict[str, object]) -> dict[str, list[dict[str, object]]]:
    return {"dosageInstruction": [{"timing": {"repeat": {"boundsDuration": duration}}}]}


@pytest.mark.parametrize(
    ("medication", "start", "end"),
    [
        (
            {
                "dosageInstruction": [
                    {"timing": {"repeat": {"boundsPeriod": {"start": "2026-01-01", "end": "2026-01-31"}}}}
                ],
                "authoredOn": "2025-12-31",
            },
            "2026-01-01",
            "2026-01-31",
        ),
        ({"dispenseRequest": {"validityPeriod": {"start": "2026-02-01"}}}, "2026-02-01", None),
        (
            {"authoredOn": "2026-03-01", "dispenseRequest": {"expectedSupplyDuration": {"value": 30, "code": "d"}}},
            "2026-03-01",
            "2026-03-31",
        ),
        ({"authoredOn": "2026-03-01"}, "2026-03-01", None),
        ({"dosageInstruction": "daily", "dispenseRequest": [], "authoredOn": 3}, None, None),
        ({"authoredOn": "2026-03-01", **bounded({"value": 6, "code": "d"})}, "2026-03-01", "2026-03-07"),
        ({"authoredOn": "2026-03-01", **bounded({"value": 36, "code": "h"})}, "2026-03-01", "2026-03-02"),
        ({"authoredOn": "2026-03-01", **bounded({"value": 2, "unit": "weeks"})}, "2026-03-01", "2026-03-15"),
        ({"authoredOn": "2026-01-31", **bounded({"value": 1, "code": "mo"})}, "2026-01-31", "2026-02-28"),
        ({"authoredOn": "2026-01-31", **bounded({"value": 1.5, "code": "a"})}, "2026-01-31", "2027-07-31"),
        ({"authoredOn": "2026-01-31", **bounded({"value": 10**30, "code": "a"})}, "2026-01-31", None),
        (
            {
                "effectivePeriod": {"start": "2026-03-01"},
                "dosage": bounded({"value": 6, "code": "d"})["dosageInstruction"],
            },
            "2026-03-01",
            "2026-03-07",
        ),
        (
            {
                "authoredOn": "2026-03-01",
                "dosageInstruction": [
                    {"sequence": n, "timing": {"repeat": {"boundsDuration": {"value": 5, "code": "d"}}}}
                    for n in (1, 2, 3)
                ],
            },
            "2026-03-01",
            "2026-03-16",  # one after the other
        ),
        (
            {
                "authoredOn": "2026-03-01",
                "dosageInstruction": [
                    {"timing": {"repeat": {"boundsPeriod": {"start": f"2026-0{n}-01", "end": f"2026-0{n}-10"}}}}
                    for n in (3, 4)
                ],
            },
            "2026-03-01",
            "2026-04-10",
        ),
    ],
)
def test_the_course_of_a_medicine(medication: dict[str, object], start: str | None, end: str | None) -> None:
    course = course_of(medication)

    assert (course.start.first.isoformat() if course.start else None) == start
    assert (course.end.last.isoformat() if course.end else None) == end


def test_a_course_between_two_lengths() -> None:
    bounds = {"boundsRange": {"low": {"value": 5, "code": "d"}, "high": {"value": 1, "code": "wk"}}}
    course = course_of({"authoredOn": "2026-03-01", "dosageInstruction": [{"timing": {"repeat": bounds}}]})
    assert course.end == DayRange(date(2026, 3, 6), date(2026, 3, 8))
    assert not course.unclear


@pytest.mark.parametrize(
    "duration",
    [
        {"value": 6},
        {"value": 6, "unit": "fortnights"},
        {"value": -6, "code": "d"},
        {"value": "6", "code": "d"},
        {"value": 6, "code": "d", "comparator": ">"},
    ],
)
def test_a_length_that_cannot_be_read_is_not_an_open_end(duration: dict[str, object]) -> None:
    course = course_of({"authoredOn": "2026-03-01", **bounded(duration)})
    assert (course.end, course.unclear) == (None, True)
    assert course_of({"authoredOn": "2026-03-01"}).unclear is False


def test_a_supply_lasts_until_its_refills_are_used_up_or_not() -> None:
    supply = {"expectedSupplyDuration": {"value": 30, "code": "d"}, "numberOfRepeatsAllowed": 2}
    course = course_of({"authoredOn": "2026-03-01", "dispenseRequest": supply})
    assert course.end == DayRange(date(2026, 3, 31), date(2026, 5, 30))
