"""Conservative treatment: what was done since the symptoms began, for how long, and whether it helped.

What a chart holds is a lower bound: home exercise and advice are rarely coded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import MET
from cds_service.facts.episode import ONSET_NEEDED, fits_order
from cds_service.facts.evidence import day_of, member_of, merged, regions_in, source_of, start_day
from cds_service.facts.medicines import TYPES, as_needed, is_spinal, taken, unmatched
from cds_service.facts.registry import TREATED, fact, open_fact
from cds_service.fhir.codes import ICD9CM, ICD10CM, code_values, codings
from cds_service.fhir.dates import DayRange, period
from cds_service.fhir.elements import Resource, mapping, mappings, reference
from cds_service.fhir.regions import code_regions, site_regions
from cds_service.fhir.status import usable

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# What counts as treatment. Muscle relaxants and braces do not.
_MEDICINES: Final = ("med-nsaid", "med-analgesic-nonopioid", "med-opioid", "med-corticosteroid-systemic")
_ON_THE_SKIN: Final = ("med-nsaid", "med-analgesic-nonopioid")
_PROCEDURES: Final = (
    "proc-physical-therapy",
    "proc-spinal-manipulation",
    "proc-epidural-interlaminar-cervicothoracic",
    "proc-epidural-interlaminar-lumbar-caudal",
    "proc-epidural-transforaminal",
    "proc-facet-mbb",
    "proc-other-pain-injection",
)
_BACK: Final = frozenset({"body-site-spine", "body-site-back"})
_THERAPY: Final = frozenset({"proc-physical-therapy", "proc-spinal-manipulation"})
_READS: Final = ("Condition", "Procedure", "Encounter", "CarePlan", *TYPES)
_NO_PROGRESS: Final = frozenset({"not-achieved", "no-progress", "not-attainable", "worsening"})


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of treatment. `has_period`: the chart states its length, not only a day."""

    start: DayRange
    end: date
    has_period: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Trial:
    """An unbroken run of treatment in this episode. `weeks` is counted from `start` to `end`."""

    start: date
    end: date
    items: tuple[Item, ...]

    @property
    def weeks(self) -> float:
        counted = len(self.items) > 1 or any(item.has_period for item in self.items)
        return (self.end - self.start).days / 7 if counted else 0.0


def items(chart: Chart) -> list[Item]:
    """Treatment of the spine up to the review date, the oldest first, whenever it began."""
    return chart.once(_items)


def _items(chart: Chart) -> list[Item]:
    found = [*_medicines(chart), *_procedures(chart), *_sessions(chart), *_plans(chart)]
    found = [item for item in found if item.start.first <= chart.review_date]
    return sorted(found, key=lambda item: item.start.first)


def _medicines(chart: Chart) -> Iterator[Item]:
    for value_set in _MEDICINES:
        for medicine in taken(chart, (value_set,), on_the_skin=value_set in _ON_THE_SKIN):
            if medicine.start is None or _for_something_else(chart, medicine.resource):
                continue
            has_period = medicine.end is not None and not as_needed(medicine.resource)
            end = medicine.start.last
            if medicine.end is not None and has_period:
                end = max(medicine.end.first, end)
            yield Item(medicine.start, min(end, chart.review_date), has_period, medicine.source)


def _procedures(chart: Chart) -> Iterator[Item]:
    for procedure, regions in chart.once(_done):
        if regions is not None and fits_order(chart, regions):
            yield from _dated(chart, procedure)


def _done(chart: Chart) -> list[tuple[Resource, frozenset[str] | None]]:
    """Procedures that may be treatment of the spine, each with its regions: empty where none is stated, None where the
    stated body site is not known to be of the spine."""
    found: list[tuple[Resource, frozenset[str] | None]] = []
    for value_set in _PROCEDURES:
        codes = chart.codes(value_set)
        for procedure in chart.coded("Procedure", codes):
            member = member_of(chart, codes, procedure)
            if member is not None and usable(procedure) and not _for_something_else(chart, procedure):
                found.append((procedure, frozenset(member.regions) or _treated(chart, procedure)))
    return found


def _treated(chart: Chart, procedure: Resource) -> frozenset[str] | None:
    if not procedure.get("bodySite"):
        return regions_in(chart, procedure)
    keys = codings(procedure["bodySite"])
    if site_regions(procedure["bodySite"]) or any(chart.is_in_any(key, _BACK) for key in keys):
        return regions_in(chart, procedure)
    neck = chart.codes("body-site-neck").members_among(keys)
    return frozenset(region for site in neck for region in site.regions) or None


def _elsewhere(chart: Chart) -> int:
    """How many treatments since the symptoms began are on record at a body site not known to be of the spine."""
    return sum(
        regions is None and chart.episode.since(start_day(chart, procedure)) is MET
        for procedure, regions in chart.once(_done)
    )


def _sessions(chart: Chart) -> Iterator[Item]:
    """Visits that are themselves therapy."""
    if not any(chart.coded("Encounter", chart.codes(name)) for name in _THERAPY):
        return
    for encounter in chart.record.all("Encounter"):
        keys = list(codings(encounter.get("type")))
        if usable(encounter) and any(chart.is_in_any(key, _THERAPY) for key in keys):
            if not _for_something_else(chart, encounter):
                yield from _dated(chart, encounter)


def _plans(chart: Chart) -> Iterator[Item]:
    """Activities of a care plan that are under way or done. A referral alone is a plan."""
    for plan in chart.record.all("CarePlan"):
        if plan.get("status") not in ("active", "completed"):
            continue
        for activity in mappings(plan.get("activity")):
            detail = mapping(activity.get("detail"))
            keys = list(codings(detail.get("code")))
            if detail.get("status") not in ("in-progress", "completed"):
                continue
            # What a plan is for is what each of its activities is for, unless that says it itself.
            meant = {"reasonReference": [*mappings(detail.get("reasonReference"))] or plan.get("addresses")}
            if _for_something_else(chart, {**plan, "reasonCode": detail.get("reasonCode"), **meant}):
                continue
            if any(chart.is_in_any(key, _THERAPY) for key in keys):
                start, end = period(detail.get("scheduledPeriod"))
                start = start or period(plan.get("period"))[0]
                if start is not None:
                    last = end.last if end else start.last
                    source = source_of(plan, start)
                    yield Item(start, min(last, chart.review_date), end is not None, source)


def _dated(chart: Chart, resource: Resource) -> Iterator[Item]:
    start, end = start_day(chart, resource), day_of(chart, resource)
    stated_end = period(resource.get("performedPeriod"))[1]
    if start is None:
        return
    if resource.get("status") == "in-progress" and stated_end is None and resource.get("performedPeriod"):
        yield Item(start, chart.review_date, True, source_of(resource, start))
        return
    last = max(end.last, start.last) if end else start.last
    yield Item(start, min(last, chart.review_date), stated_end is not None, source_of(resource, start))


def _for_something_else(chart: Chart, resource: Resource) -> bool:
    """Whether every reason that a resource states in codes is of something other than the region ordered."""
    stated = [concept for concept in mappings(resource.get("reasonCode")) if any(codings(concept))]
    diagnoses = (mapping(found.get("condition")) for found in mappings(resource.get("diagnosis")))
    for pointer in (*mappings(resource.get("reasonReference")), *diagnoses):
        named = chart.record.resolve(reference(pointer) or "", resource)
        if named is not None and any(codings(named.get("code"))):
            stated.append({"coding": mapping(named.get("code")).get("coding"), "bodySite": named.get("bodySite")})
    return bool(stated) and not any(_is_of_the_region(chart, concept) for concept in stated)


def _is_of_the_region(chart: Chart, concept: Resource) -> bool:
    """Whether a reason is a problem of the spine, and not of another region of it than the one ordered."""
    if not is_spinal(chart, concept):
        return False
    named = [code_regions(system, code) for system, code in codings(concept) if system in (ICD10CM, ICD9CM)]
    return fits_order(chart, frozenset().union(*named) or site_regions(concept.get("bodySite")))


def trial(chart: Chart) -> Trial | None:
    """The longest unbroken run of treatment begun since the symptoms began; of equal ones the latest."""
    return chart.once(_trial)


def _trial(chart: Chart) -> Trial | None:
    runs: list[list[Item]] = []
    for item in items(chart):
        if chart.episode.since(item.start) is not MET:
            continue
        gap = (item.start.last - max(held.end for held in runs[-1])).days if runs else 0
        if runs and gap <= chart.settings.treatment_gap_days:
            runs[-1].append(item)
        else:
            runs.append([item])
    # A run counts from the last day on which it may have begun: the length is a lower bound.
    trials = [Trial(run[0].start.last, max(held.end for held in run), tuple(run)) for run in runs]
    return max(trials, key=lambda found: (found.weeks, found.end), default=None)


@fact("conservative_treatment_weeks", reads=_READS)
def conservative_treatment_weeks(chart: Chart, _argument: str | None) -> Fact | None:
    """At least as long as the longest run on record, at most as long as the episode itself.

    Open, with the onset named as what is missing, when nothing places the treatment after the start of the symptoms.
    """
    episode = chart.episode
    if episode.unread:  # the bounds would be those of an older episode
        return None
    course = trial(chart)
    longest = episode.age(chart.review_date).high / 7
    note = _not_counted(chart)
    if course is not None:
        sources = merged(item.source for item in reversed(course.items))
        return Fact.of(Range(min(course.weeks, longest), longest), *sources, since=course.start, note=note)
    if episode.first is not None:
        return Fact.of(Range(0.0, longest), *episode.sources, since=episode.last, note=note)
    unplaced = [item.source for item in items(chart)]
    return open_fact(*merged(unplaced), note=ONSET_NEEDED) if unplaced else None


def _not_counted(chart: Chart) -> str | None:
    """What may be treatment, and what nobody can tell of."""
    medicines, elsewhere = unmatched(chart), _elsewhere(chart)
    notes = [f"medicines on record that match no drug we know: {medicines}"] if medicines else []
    notes += [f"treatments on record at a body site not known to be of the spine: {elsewhere}"] if elsewhere else []
    return "; ".join(notes) or None


@fact("weeks_since_conservative_treatment", reads=_READS, needs=(TREATED,))
def weeks_since_conservative_treatment(chart: Chart, _argument: str | None) -> Fact | None:
    """Weeks from the end of the longest run; zero while it goes on."""
    course = trial(chart)
    if course is None:
        return None
    weeks = max((chart.review_date - course.end).days, 0) / 7
    return Fact.of(weeks, *merged(item.source for item in reversed(course.items)))


@fact("conservative_treatment_failed", reads=("Goal", *_READS), needs=(TREATED,))
def conservative_treatment_failed(chart: Chart, _argument: str | None) -> Fact | None:
    """A goal for a problem of the spine that was not reached after treatment began. Never inferred from the order."""
    course = trial(chart)
    if course is None:
        return None
    for goal in chart.record.all("Goal"):
        day = day_of(chart, goal)
        if day is None or day.first < course.start or day.first > chart.review_date:
            continue
        if _NO_PROGRESS.isdisjoint(code_values(goal.get("achievementStatus"))):
            continue
        named = [chart.record.resolve(reference(found) or "", goal) for found in mappings(goal.get("addresses"))]
        if any(found is not None and is_spinal(chart, found.get("code")) for found in named):
            return Fact.of(True, source_of(goal, day))
    return None
