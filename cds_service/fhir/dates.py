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
    """A course of medicine. `end` is None when nothing says how long it runs."""

    start: DayRange | None
    end: DayRange | None


def course_of(medication: Resource) -> Course:
    """The course of a MedicationRequest or MedicationStatement."""
    for dosage in (*mappings(medication.get("dosageInstruction")), *mappings(medication.get("dosage"))):
        repeat = mapping(mapping(dosage.get("timing")).get("repeat"))
        start, end = period(repeat.get("boundsPeriod"))
        if start or end:
            return Course(start, end)
    supply = mapping(medication.get("dispenseRequest"))
    for stated in (supply.get("validityPeriod"), medication.get("effectivePeriod")):
        start, end = period(stated)
        if start or end:
            return Course(start, end)
    start = _first(medication, "effectiveDateTime", "authoredOn", "dateAsserted")
    days = _days(supply.get("expectedSupplyDuration"))
    if start is None or days is None:
        return Course(start, None)
    try:
        return Course(start, replace(start, first=start.first + days, last=start.last + days))
    except OverflowError:
        return Course(start, None)


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


def _days(duration: object) -> timedelta | None:
    stated = mapping(duration)
    count, unit = stated.get("value"), stated.get("code") or stated.get("unit")
    if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count <= 3660:
        return None
    size = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}.get(unit) if isinstance(unit, str) else None
    return timedelta(count * size) if size else None
