"""What every reader needs: where a resource stands, its day, the member of a value set that it is coded with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Source
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.value_set import CodeSet, Member
from cds_service.fhir.codes import codings
from cds_service.fhir.dates import DayRange, date_of, start_of
from cds_service.fhir.elements import Resource, identity, mappings, reference, states_date
from cds_service.fhir.record import names_patient
from cds_service.fhir.regions import regions_of
from cds_service.fhir.status import in_error

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# A card that lists every lumbago of ten years is not read. The newest are kept.
MOST_SOURCES: Final = 5


def day_of(chart: Chart, resource: Resource) -> DayRange | None:
    day = date_of(resource, birth=chart.birth, resolve=chart.record.resolve)
    return _so_far(chart, day) if day and day.last > chart.review_date else day


def start_day(chart: Chart, resource: Resource) -> DayRange | None:
    day = start_of(resource, birth=chart.birth, resolve=chart.record.resolve)
    return _so_far(chart, day) if day and day.last > chart.review_date else day


def _so_far(chart: Chart, day: DayRange) -> DayRange:
    """A partial date without its days after the review date, on which nothing has happened yet."""
    return replace(day, last=chart.review_date) if day.first <= chart.review_date else day


def why_unplaced(resource: Resource, day: DayRange | None) -> str | None:
    """Why a date cannot be held against a limit; None when the resource states no date at all."""
    if day is not None:
        return "its date is too vague to tell"
    return "its date cannot be read" if states_date(resource) else None


def source_of(resource: Resource, day: DayRange | None = None) -> Source:
    return Source(identity(resource), day.text or day.first.isoformat() if day else None)


def sources_of(chart: Chart, resources: Iterable[Resource]) -> tuple[Source, ...]:
    """Where these resources stand, the newest first, each once."""
    dated = [(day_of(chart, resource), resource) for resource in resources]
    dated.sort(key=lambda pair: pair[0].last.toordinal() if pair[0] else 0, reverse=True)
    return merged(source_of(resource, day) for day, resource in dated)


def merged(sources: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(sources))[:MOST_SOURCES]


def member_of(chart: Chart, codes: CodeSet, resource: Resource) -> Member | None:
    """The member, not a weak one, that a resource is coded with."""
    return next((member for member in codes.members_among(chart.record.codes(resource)) if not member.weak), None)


def member_in(codes: CodeSet, concept: object) -> Member | None:
    """The member, not a weak one, among the codings of a concept."""
    return next((member for member in codes.members_among(codings(concept)) if not member.weak), None)


def referenced(chart: Chart, element: str) -> Iterator[Resource]:
    """The resources that an element of the draft order points to, contained ones among them.

    Those of somebody else and those entered in error are left out, as the record leaves them out.
    """
    for pointer in mappings(chart.order.resource.get(element)):
        named = reference(pointer)
        found = chart.record.resolve(named, chart.order.resource) if named else None
        if named and found and not is_foreign(chart, found) and not (named.startswith("#") and in_error(found)):
            yield found


def regions_in(chart: Chart, resource: Resource) -> frozenset[str]:
    """The regions a resource speaks of; empty when unknown."""
    return regions_of(resource, chart.study_regions)


def is_foreign(chart: Chart, resource: Resource) -> bool:
    """Whether a resource says that it is about somebody else."""
    about = resource.get("subject") or resource.get("patient")
    return about is not None and not names_patient(about, chart.record.patient_id)


def happened(chart: Chart, when: DayRange | None) -> bool:
    """Whether the whole of a date lies on or before the review date. An undated event has happened."""
    return when is None or when.first <= chart.review_date


def recent_enough(chart: Chart, when: DayRange | None, days: int) -> bool:
    """Whether something certainly is `recent`."""
    return recent(chart, when, days) is MET


def recent(chart: Chart, when: DayRange | None, days: int) -> Truth:
    """Since the symptoms began; where that cannot be told, within so many days of the review date.

    While newer problems may be unread, what came after the one that is known still counts: this is asked for signs of
    danger, and one that is there is not dismissed for what nobody could read.
    """
    if when is None:
        return UNKNOWN
    if when.first > chart.review_date:
        return NOT_MET
    episode = chart.episode
    placed = episode.since(when)
    if placed is UNKNOWN and not (episode.unread and episode.known):
        return within(chart, when, days)
    return NOT_MET if placed is NOT_MET else MET


def within(chart: Chart, when: DayRange | None, days: int) -> Truth:
    """Whether a date lies in the last so many days. Met by the whole of a partial date; by a part of it, unknown."""
    if when is None:
        return UNKNOWN
    if when.first > chart.review_date or (chart.review_date - when.last).days > days:
        return NOT_MET
    return MET if (chart.review_date - when.first).days <= days else UNKNOWN


def within_days(chart: Chart, when: DayRange | None, days: int) -> bool:
    """Whether a date certainly lies in the last so many days."""
    return within(chart, when, days) is MET
