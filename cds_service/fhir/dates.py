"""Partial dates as ranges of days, and which date of a resource counts."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from cds_service.core.quantity import Range
from cds_service.fhir.elements import Resource, mapping, mappings, reference

Resolve = Callable[[str, Resource | None], Resource | None]

_SHAPE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ]\d.*)?)?)?")


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days a date may mean, both included: one day, or a whole month or year for a partial date.

    `text` is the date as the chart writes it. `recorded` marks a date that tells when something was written down,
    not when it began.
    """

    first: date
    last: date
    text: str = field(default="", compare=False)
    recorded: bool = field(default=False, compare=False)

    @staticmethod
    def of(day: date) -> DayRange:
        return DayRange(day, day, day.isoformat())

    @property
    def exact(self) -> bool:
        return self.first == self.last

    def days_until(self, day: date) -> float | Range:
        """Days from this date to `day`, negative when it lies after; a Range for a partial date."""
        shortest, longest = (day - self.last).days, (day - self.first).days
        return float(longest) if shortest == longest else Range(float(shortest), float(longest))

    def months_until(self, day: date) -> float | Range:
        """Calendar months from this date to `day` (see `months_between`); a Range for a partial date."""
        shortest, longest = months_between(self.last, day), months_between(self.first, day)
        return longest if shortest == longest else Range(shortest, longest)

    def nearest(self, day: date) -> date:
        """The day of this range that is closest to `day`."""
        return min(max(day, self.first), self.last)


def read_date(value: object) -> DayRange | None:
    """A FHIR date, dateTime or instant as days. The calendar date is taken as written, without changing its zone.

    None for anything else, among it days that do not exist (2026-02-30).
    """
    if not isinstance(value, str):
        return None
    if len(value) == 10 and value[4] == value[7] == "-":
        # "2026-11-10", as nearly every date is: a third of the time of the general way below.
        try:
            only = date.fromisoformat(value)
            return DayRange(only, only, value)
        except ValueError:
            pass
    shape = _SHAPE.fullmatch(value.strip())
    if shape is None:
        return None
    year, month, day = shape.groups()
    try:
        if day:
            only = date(int(year), int(month), int(day))
            return DayRange(only, only, shape[0])
        if month:
            return DayRange(
                date(int(year), int(month), 1),
                date(int(year), int(month), monthrange(int(year), int(month))[1]),
                shape[0],
            )
        return DayRange(date(int(year), 1, 1), date(int(year), 12, 31), shape[0])
    except ValueError:
        return None


def read_time(value: object) -> datetime | None:
    """A dateTime that states both a time and its zone; None for anything less, from which no hours can be counted."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def months_between(start: date, end: date) -> float:
    """Completed calendar months from `start` to `end`, plus the part of the month that has begun.

    Exactly 6.0 on the day on which six months are completed, more than 6 the day after. In a month without the day of
    `start`, the month is completed on its last day (31 August -> 28 February). Negative when `end` lies before.
    """
    if end < start:
        return -months_between(end, start)
    whole = (end.year - start.year) * 12 + end.month - start.month
    if _months_after(start, whole) > end:
        whole -= 1
    begun = _months_after(start, whole)
    return whole + (end - begun).days / (_months_after(start, whole + 1) - begun).days if end > begun else float(whole)


def _months_after(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def period(value: object) -> tuple[DayRange | None, DayRange | None]:
    """Start and end of a Period, each None when it is not stated."""
    stated = mapping(value)
    return read_date(stated.get("start")), read_date(stated.get("end"))


def date_of(resource: Resource, *, birth: DayRange | None = None, resolve: Resolve | None = None) -> DayRange | None:
    """The date that counts for a resource: onset, performance, observation, writing. None when it has none.

    `birth` makes ages usable (onsetAge); `resolve` lets a Condition or Procedure fall back on its Encounter and an
    ImagingStudy on the procedure it documents.
    """
    kind = resource.get("resourceType")
    read = _DATE_OF.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(resource, birth, resolve)
    return _first(resource, *_DATED_IN.get(kind if isinstance(kind, str) else "", _ANY_DATE))


def start_of(resource: Resource, *, birth: DayRange | None = None, resolve: Resolve | None = None) -> DayRange | None:
    """When something began: the start of its period where it has one, else its date."""
    for element in ("performedPeriod", "effectivePeriod", "onsetPeriod", "period"):
        started = period(resource.get(element))[0]
        if started is not None:
            return started
    return date_of(resource, birth=birth, resolve=resolve)


def abated(condition: Resource, *, birth: DayRange | None = None) -> DayRange | None:
    """When a Condition ended."""
    return (
        read_date(condition.get("abatementDateTime"))
        or period(condition.get("abatementPeriod"))[1]
        or _at_age(condition.get("abatementAge"), birth)
    )


@dataclass(frozen=True, slots=True)
class Course:
    """A course of medicine. `end` is None when nothing says how long it runs.

    `unclear`: how long it runs is stated, in a way that cannot be read, so that it is not without an end.
    """

    start: DayRange | None
    end: DayRange | None
    unclear: bool = False


def course_of(medication: Resource) -> Course:
    """The course of a MedicationRequest or MedicationStatement.

    It begins with the period of its doses, else of the prescription, else on the day of writing. It ends with the
    period of its doses, else after the length stated for them, else with the period of the prescription, else when the
    supply is used up, its refills taken or not. Several doses run from the first start to the last end, numbered ones
    one after the other.
    """
    repeats = [
        (dosage.get("sequence"), mapping(mapping(dosage.get("timing")).get("repeat")))
        for dosage in (*mappings(medication.get("dosageInstruction")), *mappings(medication.get("dosage")))
    ]
    supply = mapping(medication.get("dispenseRequest"))
    start, end = _span([period(repeat.get("boundsPeriod")) for _, repeat in repeats])
    if start is None and end is None:
        start, end = _span([period(supply.get("validityPeriod"))])
        if start is None and end is None:
            start, end = _span([period(medication.get("effectivePeriod"))])
        lengths = [(number, _lengths(repeat)) for number, repeat in repeats if _is_bounded(repeat)]
    else:
        lengths = []
    start = start or _first(medication, "effectiveDateTime", "authoredOn", "dateAsserted")
    if lengths:
        end, unclear = _after_all(start, lengths)
        return Course(start, end, unclear)
    duration = supply.get("expectedSupplyDuration")
    if end is not None or not duration:
        return Course(start, end)
    length = _length(duration)
    end = _after(start, [(length, _refilled(length, supply.get("numberOfRepeatsAllowed")))]) if length else None
    return Course(start, end, end is None)


def _refilled(length: _Length, refills: object) -> _Length:
    """How long a supply lasts when every refill is taken: nobody says that they are."""
    times = 1 + refills if isinstance(refills, int) and 0 < refills < _MOST_REFILLS else 1
    return length[0] * times, length[1] * times


def _span(periods: list[tuple[DayRange | None, DayRange | None]]) -> tuple[DayRange | None, DayRange | None]:
    starts, ends = [start for start, _ in periods if start], [end for _, end in periods if end]
    return min(starts, key=lambda day: day.first, default=None), max(ends, key=lambda day: day.last, default=None)


# A length of time: calendar months, and days and hours.
_Length = tuple[int, timedelta]
_HOURS: Final = {"h": 1, "hour": 1, "hours": 1, "d": 24, "day": 24, "days": 24, "wk": 168, "week": 168, "weeks": 168}
_MONTHS: Final = {"mo": 1, "month": 1, "months": 1, "a": 12, "year": 12, "years": 12}
_DAYS_OF_MONTH: Final = 30  # of the part of a month, in 1.5 months
_LONGEST_YEARS: Final = 130
_MOST_REFILLS: Final = 100


def _is_bounded(repeat: Resource) -> bool:
    return bool(repeat.get("boundsDuration") or repeat.get("boundsRange"))


def _lengths(repeat: Resource) -> tuple[_Length, _Length] | None:
    """The shortest and the longest that doses run by the length stated for them."""
    stated = mapping(repeat.get("boundsRange"))
    if stated:
        low, high = _length(stated.get("low")), _length(stated.get("high"))
        return (low, high) if low and high else None
    length = _length(repeat.get("boundsDuration"))
    return (length, length) if length else None


def _length(duration: object) -> _Length | None:
    """A Duration; None for one that is no length of time in a unit known, or only a bound of one."""
    stated = mapping(duration)
    count, unit = stated.get("value"), stated.get("code") or stated.get("unit")
    if isinstance(count, bool) or not isinstance(count, int | float) or not isinstance(unit, str):
        return None
    if stated.get("comparator"):
        return None
    unit = unit.strip()
    if unit in _HOURS and 0 <= count * _HOURS[unit] <= _LONGEST_YEARS * 366 * 24:
        return 0, timedelta(hours=count * _HOURS[unit])
    if unit in _MONTHS and 0 <= count * _MONTHS[unit] <= _LONGEST_YEARS * 12:
        months = count * _MONTHS[unit]
        return int(months), timedelta(_DAYS_OF_MONTH * (months - int(months)))
    return None


def _after_all(
    start: DayRange | None, lengths: list[tuple[object, tuple[_Length, _Length] | None]]
) -> tuple[DayRange | None, bool]:
    """The end of doses of these lengths, and whether it is stated in a way that cannot be read."""
    known = [length for _, length in lengths if length is not None]
    if len(known) < len(lengths):
        return None, True
    if len({number for number, _ in lengths}) == len(lengths):
        end = _after(start, known)
        return end, end is None
    ends = [end for end in (_after(start, [length]) for length in known) if end is not None]
    return max(ends, key=lambda day: day.last, default=None), not ends


def _after(start: DayRange | None, lengths: list[tuple[_Length, _Length]]) -> DayRange | None:
    """The day on which these lengths, one after the other, are over."""
    if start is None:
        return None
    first, last = start.first, start.last
    try:
        for (months, rest), (most_months, most_rest) in lengths:
            first = _months_after(first, months) + rest
            last = _months_after(last, most_months) + most_rest
    except OverflowError:
        return None
    return replace(start, first=min(first, last), last=max(first, last))


# Elements in order of precedence. "a.start" and "a.end" are the ends of a Period.
_ANY_DATE: Final = ("effectiveDateTime", "performedDateTime", "authoredOn", "recordedDate", "date", "issued", "created")
_RESULT: Final = ("effectiveDateTime", "effectivePeriod.end", "effectivePeriod.start", "effectiveInstant", "issued")
_DATED_IN: Final[dict[str, tuple[str, ...]]] = {
    "Observation": _RESULT,
    "DiagnosticReport": _RESULT,
    "Encounter": ("period.start",),
    "ServiceRequest": ("occurrenceDateTime", "occurrencePeriod.start", "authoredOn"),
    "QuestionnaireResponse": ("authored",),
    "Communication": ("sent", "received"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod.end", "effectivePeriod.start"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "Appointment": ("start", "requestedPeriod.start", "created"),
    "AllergyIntolerance": ("onsetDateTime", "recordedDate"),
    "CarePlan": ("period.start", "created"),
    "Goal": ("statusDate", "startDate"),
    "Device": ("manufactureDate",),
    "DeviceUseStatement": ("timingDateTime", "timingPeriod.start", "recordedOn"),
    "DocumentReference": ("date",),
}


def _first(resource: Resource, *elements: str) -> DayRange | None:
    for element in elements:
        name, _, side = element.partition(".")
        value = resource.get(name)
        if value is not None:
            found = read_date(mapping(value).get(side)) if side else read_date(value)
            if found is not None:
                return found
    return None


def _condition(condition: Resource, birth: DayRange | None, resolve: Resolve | None) -> DayRange | None:
    onset = _first(condition, "onsetDateTime", "onsetPeriod.start") or _at_age(condition.get("onsetAge"), birth)
    if onset is not None:
        return onset
    written = _first(condition, "recordedDate") or _of_encounter(condition, resolve)
    return replace(written, recorded=True) if written else None


def _procedure(procedure: Resource, birth: DayRange | None, resolve: Resolve | None) -> DayRange | None:
    return (
        _first(procedure, "performedDateTime", "performedPeriod.end", "performedPeriod.start")
        or _at_age(procedure.get("performedAge"), birth)
        or _of_encounter(procedure, resolve)
    )


def _imaging_study(study: Resource, birth: DayRange | None, resolve: Resolve | None) -> DayRange | None:
    started = _first(study, "started")
    pointer = reference(study.get("procedureReference"))
    if started is not None or pointer is None or resolve is None:
        return started
    procedure = resolve(pointer, study)
    return _procedure(procedure, birth, None) if procedure else None


def _course_start(medication: Resource, _birth: DayRange | None, _resolve: Resolve | None) -> DayRange | None:
    return course_of(medication).start


def _of_encounter(resource: Resource, resolve: Resolve | None) -> DayRange | None:
    pointer = reference(resource.get("encounter"))
    if pointer is None or resolve is None:
        return None
    encounter = resolve(pointer, resource)
    return _first(encounter, "period.start") if encounter else None


_DATE_OF: Final[dict[str, Callable[[Resource, DayRange | None, Resolve | None], DayRange | None]]] = {
    "Condition": _condition,
    "Procedure": _procedure,
    "ImagingStudy": _imaging_study,
    "MedicationRequest": _course_start,
    "MedicationStatement": _course_start,
}

_AGE_DAYS: Final = {"d": 1, "wk": 7}
_AGE_MONTHS: Final = {"mo": 1, "a": 12}


def _at_age(age: object, birth: DayRange | None) -> DayRange | None:
    """The days on which a person born on `birth` has this Age: a whole year for an age in years, and so on."""
    if birth is None:
        return None
    stated = mapping(age)
    count, unit = stated.get("value"), stated.get("code") or stated.get("unit")
    if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count <= 130 * 366:
        return None
    whole = int(count)
    if not isinstance(unit, str):
        return None
    try:
        if unit in _AGE_DAYS:
            size = _AGE_DAYS[unit]
            first, past = (day + timedelta(whole * size) for day in (birth.first, birth.last))
            last = past + timedelta(size - 1)
        elif unit in _AGE_MONTHS:
            size = _AGE_MONTHS[unit]
            first = _months_after(birth.first, whole * size)
            last = _months_after(birth.last, (whole + 1) * size) - timedelta(1)
        else:
            return None
    except OverflowError:
        return None
    return DayRange(first, last, f"at age {whole} {unit}")
