"""Facts that are "a coded problem in this value set": one table row each, one reader for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Limit, Source
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth, all_of
from cds_service.core.value_set import CodeSet, Member
from cds_service.facts.evidence import (
    day_of,
    happened,
    member_in,
    merged,
    recent,
    recent_enough,
    referenced,
    regions_in,
    source_of,
    why_unplaced,
    within,
)
from cds_service.facts.registry import REGISTRY, Reader, open_fact, unreadable
from cds_service.fhir.codes import ICD10CM, SNOMED, codings
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource
from cds_service.fhir.regions import SPINAL, code_regions, site_regions
from cds_service.fhir.status import Verification, current, usable, verification

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# Where a skin or bone code must lie to be about the spine.
ON_THE_BACK: Final = ("body-site-spine", "body-site-back")
_PRESENT: Final = frozenset({(SNOMED, "52101004"), (SNOMED, "10828004"), (SNOMED, "373066001")})
_ABSENT: Final = frozenset({(SNOMED, "2667000"), (SNOMED, "260385009"), (SNOMED, "373067005")})
# The seventh character of an injury code says how old the injury is: A, B, C under first treatment, S late effects,
# the others in follow-up care.
_SEQUELA: Final = 7
_FIRST_CARE: Final = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class Problem:
    """One way for a coded problem to make a fact true.

    `ref` is the fact, with its argument where it has one. `sets` are value sets.

    Which Conditions: `known` confirmed (or not said), `suspected` provisional, differential or unconfirmed, `now` only
    while active (else any clinical status: history, lifelong conditions).
    When it began: `new` within the episode and not long ago; `dated` by an onset, the day of writing it down is not
    enough; `within` the setting that says how many days back; `episode` not before the present symptoms.
    Injuries: `injury` without late effects of an old one; `fresh` without those in follow-up care either.
    What else counts: `reason` the reasonCode of the order alone (`unless_known`: not where the same is confirmed
    already), `visit` the coded reason of a visit of this episode, `exam` an Observation of the finding.
    `regions`: of a fact whose argument is a region: those the value set speaks of, or () when the code or the body
    site says it; None for any other fact. `without`: ICD-10-CM codes that do not count. `sites`: where codes that need
    a body site must lie.
    """

    ref: str
    sets: tuple[str, ...]
    known: bool = True
    suspected: bool = False
    now: bool = True
    new: bool = False
    reason: bool = False
    visit: bool = False
    exam: bool = False
    dated: bool = False
    within: str | None = None
    episode: bool = False
    injury: bool = False
    fresh: bool = False
    unless_known: bool = False
    regions: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    sites: tuple[str, ...] = ON_THE_BACK


@dataclass(slots=True)
class Found:
    """What the chart holds for a fact, and what is unclear or only comes close, with the reason why."""

    for_it: list[Source] = field(default_factory=list)
    unclear: list[tuple[Source, str]] = field(default_factory=list)
    against: list[Source] = field(default_factory=list)
    close: list[tuple[Source, str]] = field(default_factory=list)
    note: str | None = None
    limit: Limit | None = None

    def fact(self) -> Fact | None:
        if self.for_it:
            return Fact.of(True, *_newest_first(self.for_it), note=self.note, limit=self.limit)
        if self.unclear:
            return unreadable(*merged(source for source, _ in self.unclear), note=self.unclear[0][1])
        if self.against:
            return Fact.of(False, *_newest_first(self.against))
        if self.close:
            return open_fact(*merged(source for source, _ in self.close), note=self.close[0][1])
        return None


def _newest_first(sources: list[Source]) -> tuple[Source, ...]:
    return merged(sorted(sources, key=lambda source: source.date or "", reverse=True))


# Every row by fact reference.
TABLE: Final[dict[str, list[Problem]]] = {}


def declare(*rows: Problem, apart: Iterable[str] = ()) -> None:
    """Adds rows, and makes the table the reader of their facts, except of those `apart`, whose own reader looks into
    the table among other places."""
    kept = set(apart)
    for row in rows:
        TABLE.setdefault(row.ref, []).append(row)
        name = row.ref.partition("(")[0]
        if row.ref in kept or name in kept:
            continue
        reads = ("Condition", "Encounter") if row.visit else ("Condition",)
        known = REGISTRY.get(name)
        if known is not None and not isinstance(known.extract, TableReader):
            raise ValueError(f"two readers for {name}")
        REGISTRY[name] = Reader(TableReader(name), tuple(dict.fromkeys((*(known.reads if known else ()), *reads))))


@dataclass(frozen=True, slots=True)
class TableReader:
    """Reads one fact from the table."""

    name: str

    def __call__(self, chart: Chart, argument: str | None) -> Fact | None:
        return look(chart, self.name, argument).fact()


def look(chart: Chart, name: str, argument: str | None = None) -> Found:
    """What the chart holds for a fact by the rows of the table."""
    found = Found()
    if argument is not None:
        for row in TABLE.get(f"{name}({argument})", ()):
            _gather(chart, row, None, found)
    for row in TABLE.get(name, ()):
        _gather(chart, row, argument, found)
    if chart.record.out_of_shape("Condition"):
        for row in (*TABLE.get(f"{name}({argument})", ()), *TABLE.get(name, ())):
            out_of_shape(chart, row, found)
    return found


def _gather(chart: Chart, row: Problem, region: str | None, found: Found) -> None:
    for set_id in row.sets:
        if set_id not in chart.signals:
            continue
        codes = chart.codes(set_id)
        _conditions(chart, row, codes, region, found)
        if row.reason:
            _reasons(chart, row, codes, region, found)
        if row.visit:
            _visits(chart, row, codes, region, found)
        if row.exam:
            _examined(chart, row, codes, region, found)


def _conditions(chart: Chart, row: Problem, codes: CodeSet, region: str | None, found: Found) -> None:
    meant = chart.once(_meant)
    for condition in (*chart.coded("Condition", codes), *_inside_order(chart, codes)):
        day = day_of(chart, condition)
        source = source_of(condition, day)
        members = _members(codes, chart.record.codes(condition), row)
        member = next((found for found in members if not found.weak), None)
        spoken = regions_in(chart, condition)
        if not spoken and condition in meant:
            spoken = frozenset(chart.order.regions)
        if not happened(chart, day) or not _is_in(region, row, spoken):
            continue
        if member is None:
            if members:
                found.close.append((source, f"{members[0].label}: the code alone says too little"))
            continue
        sure = verification(condition)
        if sure is Verification.REFUTED:
            found.against.append(source)
            continue
        if not _is_meant(row, sure, condition):
            continue
        if member.needs == "body_site" and not _lies(chart, row, condition):
            found.close.append((source, f"{member.label}: the body site is not on record"))
            continue
        timely = _in_time(chart, row, condition, day)
        if timely is UNKNOWN:
            found.unclear.append((source, f"{member.label}: {why_unplaced(condition, day)}"))
        elif timely is NOT_MET and (day is None or day.recorded):
            found.close.append((source, f"{member.label}: its onset is not on record"))
        if timely is not MET:
            continue
        if row.new and day is not None and day.recorded:
            found.note = "the date is that of writing it down, not of its onset"
        if row.within and day is not None:
            days = (chart.review_date - day.last).days
            if found.limit is None or days < found.limit.found:
                found.limit = chart.limit(row.within, days)
        found.for_it.append(source)


def out_of_shape(chart: Chart, row: Problem, found: Found) -> None:
    """Problems of which nobody can tell what they are: each may be the one that is looked for."""
    for condition in chart.record.out_of_shape("Condition"):
        day = day_of(chart, condition)
        sure = verification(condition)
        denied = sure is Verification.REFUTED or not _is_meant(row, sure, condition)
        past = day is not None and _in_time(chart, row, condition, day) is NOT_MET
        if not denied and not past and happened(chart, day):
            found.unclear.append((source_of(condition, day), "the code of a problem cannot be read"))


def _is_meant(row: Problem, sure: Verification, condition: Resource) -> bool:
    """Whether a row speaks of Conditions as sure and as current as this one."""
    if (sure is Verification.CONFIRMED and not row.known) or (sure is Verification.SUSPECTED and not row.suspected):
        return False
    return not row.now or current(condition)


def _meant(chart: Chart) -> list[Resource]:
    """What the order refers to as its reasons."""
    return list(referenced(chart, "reasonReference"))


def _in_time(chart: Chart, row: Problem, condition: Resource, day: DayRange | None) -> Truth:
    """Unknown where only a part of the date is within the limits, or what is written there is no date."""
    if row.dated and day is not None and day.recorded:
        return NOT_MET
    if (row.new or row.episode) and chart.episode.since(day) is NOT_MET:
        return NOT_MET
    if not row.new and not row.within:
        return MET
    limits = (row.new and "new_finding_days", row.within)
    return all_of(_dated_within(chart, condition, day, getattr(chart.settings, limit)) for limit in limits if limit)


def _dated_within(chart: Chart, resource: Resource, day: DayRange | None, days: int) -> Truth:
    """What states no date is not taken to be of the last days."""
    return within(chart, day, days) if day is not None or why_unplaced(resource, day) else NOT_MET


def newness(chart: Chart, resource: Resource, day: DayRange | None) -> Truth:
    """Whether something began in the present episode, and not long ago."""
    if chart.episode.since(day) is NOT_MET:
        return NOT_MET
    return _dated_within(chart, resource, day, chart.settings.new_finding_days)


def is_new(chart: Chart, day: DayRange | None) -> bool:
    """Certainly began in the present episode, and not long ago."""
    return within(chart, day, chart.settings.new_finding_days) is MET and chart.episode.since(day) is not NOT_MET


def _inside_order(chart: Chart, codes: CodeSet) -> Iterator[Resource]:
    """Problems that travel inside the draft order."""
    for named in chart.once(_meant):
        inside = named in (chart.order.resource.get("contained") or ())
        if inside and named.get("resourceType") == "Condition" and codes.members_among(chart.record.codes(named)):
            yield named


def _reasons(chart: Chart, row: Problem, codes: CodeSet, region: str | None, found: Found) -> None:
    """The coded reasons of the order. One that names no region speaks of the region ordered."""
    if row.unless_known and _is_known(chart, codes):
        return
    for system, code in codings(chart.order.resource.get("reasonCode")):
        member = next(iter(_members(codes, [(system, code)], row)), None)
        if member is None:
            continue
        spoken = row.regions or code_regions(system, code) or frozenset(chart.order.regions)
        if region is not None and not matches(region, frozenset(spoken)):
            continue
        if member.weak or (member.needs == "body_site" and not _ordered_site(chart, row)):
            found.close.append((chart.order_source, f"{member.label}: the code alone says too little"))
        else:
            found.for_it.append(chart.order_source)


def _is_known(chart: Chart, codes: CodeSet) -> bool:
    """Whether a confirmed problem of the set is on record."""
    return any(usable(condition) for condition in chart.coded("Condition", codes))


def _visits(chart: Chart, row: Problem, codes: CodeSet, region: str | None, found: Found) -> None:
    """Coded reasons of visits since the symptoms began, and of the visit in which the order is written."""
    for (system, code), sources in chart.once(_visit_reasons).items():
        member = next(iter(_members(codes, [(system, code)], row)), None)
        if member is None or member.weak or member.needs:
            continue
        spoken = frozenset(row.regions or code_regions(system, code))
        if region is None or matches(region, spoken):
            found.for_it.extend(sources)


def _visit_reasons(chart: Chart) -> dict[tuple[str, str], list[Source]]:
    """Where each coded reason of a visit of this episode stands. Reasons that no value set holds are left out."""
    reasons: dict[tuple[str, str], list[Source]] = {}
    for encounter in chart.record.all("Encounter"):
        keys = [key for key in codings(encounter.get("reasonCode")) if chart.value_sets.holding(key)]
        if not keys:
            continue
        day = day_of(chart, encounter)
        of_now = _is_this_visit(chart, encounter) or recent_enough(chart, day, chart.settings.acute_days)
        if of_now and usable(encounter):
            for key in keys:
                reasons.setdefault(key, []).append(source_of(encounter, day))
    return reasons


def _is_this_visit(chart: Chart, encounter: Resource) -> bool:
    return chart.record.encounter_id is not None and encounter.get("id") == chart.record.encounter_id


def _examined(chart: Chart, row: Problem, codes: CodeSet, region: str | None, found: Found) -> None:
    """Findings of an examination in this episode: the finding as code with yes or no, or as the value."""
    listed = (*chart.coded("Observation", codes), *chart.findings.valued(chart.record, codes.id))
    for observation in {id(seen): seen for seen in listed}.values():
        said = finding_said(codes, observation)
        if said is None or not usable(observation) or not _sited(chart, row, codes, observation):
            continue
        day = day_of(chart, observation)
        placed = recent(chart, day, chart.settings.new_finding_days)
        if placed is NOT_MET:
            continue
        if region is not None and not matches(
            region, frozenset(row.regions or site_regions(observation.get("bodySite")))
        ):
            continue
        source, why = source_of(observation, day), why_unplaced(observation, day)
        if placed is MET:
            (found.for_it if said else found.against).append(source)
        elif said and why:
            found.unclear.append((source, f"{codes.title}: {why}"))


def _sited(chart: Chart, row: Problem, codes: CodeSet, observation: Resource) -> bool:
    """Whether a finding lies where its code needs it to lie."""
    stated = (observation.get("code"), observation.get("valueCodeableConcept"))
    named = [member for member in (member_in(codes, concept) for concept in stated) if member is not None]
    return all(member.needs != "body_site" for member in named) or _lies(chart, row, observation)


def finding_said(codes: CodeSet, observation: Resource) -> bool | None:
    """Whether an Observation says that a finding of the set is there; None when it says neither."""
    if observation.get("dataAbsentReason"):
        return None
    value = observation.get("valueCodeableConcept")
    if member_in(codes, observation.get("code")) is not None:
        plain = observation.get("valueBoolean")
        if isinstance(plain, bool):
            return plain
        stated = set(codings(value))
        if not stated.isdisjoint(_ABSENT):
            return False
        return True if not stated.isdisjoint(_PRESENT) else None
    return True if value is not None and member_in(codes, value) is not None else None


def _members(codes: CodeSet, stated: Iterable[tuple[str, str]], row: Problem) -> list[Member]:
    found = []
    for system, code in stated:
        member = codes.member(system, code)
        if member is None:
            continue
        plain = code.replace(".", "").upper()
        if system == ICD10CM:
            stage = plain[-1] if len(plain) == _SEQUELA else ""
            if (row.injury and stage == "S") or (row.fresh and stage not in ("", *_FIRST_CARE)):
                continue
            if any(plain.startswith(gone.replace(".", "")) for gone in row.without):
                continue
        found.append(member)
    return found


def _is_in(region: str | None, row: Problem, spoken: frozenset[str]) -> bool:
    return region is None or matches(region, frozenset(row.regions) if row.regions else spoken)


def matches(region: str, spoken: frozenset[str]) -> bool:
    """Whether evidence that speaks of some regions speaks of this one. The entire spine is any of its levels."""
    if region == "entire_spine":
        return not spoken.isdisjoint(SPINAL | {"entire_spine"})
    return region in spoken or (region in SPINAL and "entire_spine" in spoken)


def _lies(chart: Chart, row: Problem, resource: Resource) -> bool:
    sites = set(codings(resource.get("bodySite")))
    return any(site in chart.codes(name) for name in row.sites for site in sites)


def _ordered_site(chart: Chart, row: Problem) -> bool:
    return _lies(chart, row, chart.order.resource)
