"""Age, prematurity, and what follows from age."""

from __future__ import annotations

import math
from typing import Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range, bounds
from cds_service.facts.chart import Chart
from cds_service.facts.evidence import day_of, member_of, source_of, sources_of
from cds_service.facts.registry import fact, unreadable
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import identity
from cds_service.fhir.status import usable
from cds_service.fhir.units import value_in

MONTHS_A_YEAR: Final = 12


@fact("age_months", reads=("Patient",))
def age_months(chart: Chart, _argument: str | None) -> Fact | None:
    """Completed calendar months plus the part of the month that has begun, on the review date.

    Exactly 6.0 on the day on which six months are completed. A Range for a partial birth date; UNREADABLE for an
    impossible or future one.
    """
    return chart.once(_age_in_months)


def _age_in_months(chart: Chart) -> Fact | None:
    patient = chart.record.patient
    if patient is None or patient.get("birthDate") in (None, ""):
        return None
    source = Source(identity(patient), _written(patient.get("birthDate")))
    if chart.birth is None:
        return unreadable(source, note="the date of birth is impossible")
    return Fact.of(_age(chart, chart.birth), source)


@fact("age_years", reads=("Patient",))
def age_years(chart: Chart, argument: str | None) -> Fact | None:
    """As `age_months`, in years: exactly 18.0 on the eighteenth birthday."""
    months = age_months(chart, argument)
    if months is None or not months.known:
        return months
    value = months.value
    if isinstance(value, Range):
        return Fact.of(Range(value.low / MONTHS_A_YEAR, value.high / MONTHS_A_YEAR), *months.sources)
    return Fact.of(value / MONTHS_A_YEAR, *months.sources) if isinstance(value, float) else None


def _age(chart: Chart, birth: DayRange) -> float | Range:
    """Never below zero: of a birth year that has just begun only the part before the review date counts."""
    months = birth.months_until(chart.review_date)
    return Range(max(months.low, 0.0), months.high) if isinstance(months, Range) else months


def _written(value: object) -> str | None:
    return value if isinstance(value, str) else None


@fact("vertebral_ossification_incomplete", reads=("Patient",))
def vertebral_ossification_incomplete(chart: Chart, _argument: str | None) -> Fact | None:
    """Taken for granted up to six months of age; after that somebody has to state it."""
    age = age_months(chart, None)
    if age is None or not isinstance(age.value, float | Range):
        return None
    _, oldest = bounds(age.value)
    if oldest > chart.settings.open_window_months:
        return None
    return Fact.of(True, *age.sources, limit=chart.limit("open_window_months", math.floor(oldest)))


@fact("born_preterm", reads=("Condition", "Observation", "Patient"), needs=("prematurity", "obs-gestational-age"))
def born_preterm(chart: Chart, _argument: str | None) -> Fact | None:
    """A diagnosis of prematurity, or the gestational age written down at the child's own birth.

    A gestational age in the chart of an adult describes a pregnancy, and is never read.
    """
    codes = chart.codes("prematurity")
    born_early = [
        condition
        for condition in chart.coded("Condition", codes)
        if usable(condition) and member_of(chart, codes, condition)
    ]
    if born_early:
        return Fact.of(True, *sources_of(chart, born_early))
    for observation in chart.coded("Observation", chart.codes("obs-gestational-age")):
        day = day_of(chart, observation)
        if not usable(observation) or not _at_birth(chart, day):
            continue
        weeks = value_in(observation, "weeks")
        source = source_of(observation, day)
        if weeks is None:
            return unreadable(source, note="the gestational age has no unit that can be read")
        shortest, longest = bounds(weeks)
        if longest < chart.settings.preterm_weeks:
            return Fact.of(True, source, limit=chart.limit("preterm_weeks", longest))
        if shortest >= chart.settings.preterm_weeks:
            return Fact.of(False, source, limit=chart.limit("preterm_weeks", shortest))
    return None


def _at_birth(chart: Chart, day: DayRange | None) -> bool:
    if chart.birth is None or day is None:
        return False
    after = day.days_until(chart.birth.first)
    soonest, latest = bounds(after)
    return -chart.settings.newborn_record_days <= soonest and latest <= 0
