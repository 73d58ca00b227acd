"""Injuries of the spine, how they happened, and what came with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cds_service.core.fact import Fact, Limit, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import NOT_MET
from cds_service.facts.evidence import day_of, happened, member_of, merged, source_of, within_days
from cds_service.facts.problems import Found, Problem, declare
from cds_service.facts.registry import fact
from cds_service.fhir.codes import ICD10CM, code_values
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource, reference
from cds_service.fhir.status import Verification, usable, verification

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

_INJURED: Final[dict[str, Any]] = {
    "suspected": True, "reason": True, "visit": True, "injury": True, "episode": True,
}  # fmt: skip
_BESIDE: Final[dict[str, Any]] = {"injury": True, "within": "injury_days"}
SPINE_INJURIES: Final = (
    "traumatic-spine-fracture", "spinal-cord-injury", "injury-neck", "injury-upper-back", "injury-low-back",
    "sacral-si-fracture",
)  # fmt: skip
_FRACTURES: Final = ("traumatic-spine-fracture", "vertebral-compression-fracture", "sacral-si-fracture")
_NOT_FRACTURES: Final = ("S13", "S23", "S33")

declare(
    Problem("spine_trauma", ("traumatic-spine-fracture", "spinal-cord-injury"), regions=(), **_INJURED),
    Problem("spine_trauma", ("injury-neck",), regions=("cervical",), **_INJURED),
    Problem("spine_trauma", ("injury-upper-back",), regions=("thoracic",), **_INJURED),
    Problem("spine_trauma", ("injury-low-back",), regions=("lumbar",), **_INJURED),
    Problem("spine_trauma", ("sacral-si-fracture",), regions=("sacrum_coccyx",), without=("M84",), **_INJURED),
    Problem("head_or_maxillofacial_trauma", ("head-facial-trauma",), now=False, **_BESIDE),
    Problem("high_energy_mechanism", ("high-energy-mechanism",), now=False, **_BESIDE),
    Problem("exam_finding(substantial_torso_injury)", ("substantial-torso-injury",), now=False, **_BESIDE),
    Problem("exam_finding(altered_mental_status)", ("altered-mental-status",), within="acute_days", exam=True),
    Problem("exam_finding(intoxication)", ("intoxication",), now=False, within="acute_days", exam=True),
    Problem("exam_finding(new_torticollis)", ("torticollis",), new=True, exam=True),
    Problem("condition(spinal_fracture)", ("traumatic-spine-fracture", "vertebral-compression-fracture"),
            injury=True, without=_NOT_FRACTURES),
    Problem("condition(sacral_or_si_fracture)", ("sacral-si-fracture",), suspected=True, reason=True, injury=True),
    Problem("condition(spinal_injury_sequelae)", ("spinal-cord-injury", "csf-leak"), now=False, reason=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Injury:
    resource: Resource
    code: str  # without dot; empty for other systems than ICD-10-CM
    day: DayRange | None
    source: Source


def injuries(chart: Chart) -> list[Injury]:
    """Injuries of the spine of this episode, the newest first; late effects of old ones are left out."""
    return chart.once(_injuries)


def _injuries(chart: Chart) -> list[Injury]:
    found: dict[int, Injury] = {}
    for name in SPINE_INJURIES:
        codes = chart.codes(name)
        for condition in chart.coded("Condition", codes):
            day = day_of(chart, condition)
            stage = [code.replace(".", "") for system, code in chart.record.codes(condition) if system == ICD10CM]
            plain = next((code for code in stage if code[:1] in "ST"), "")
            if verification(condition) is Verification.REFUTED or not happened(chart, day):
                continue
            if (len(plain) == 7 and plain[-1] == "S") or chart.episode.since(day) is NOT_MET:
                continue
            if member_of(chart, codes, condition) is not None:
                found[id(condition)] = Injury(condition, plain, day, source_of(condition, day))
    return sorted(found.values(), key=lambda injury: injury.day.last.toordinal() if injury.day else 0, reverse=True)


@fact("acute_trauma", reads=("Condition", "Encounter"), needs=SPINE_INJURIES)
def acute_trauma(chart: Chart, _argument: str | None) -> Fact | None:
    """An injury of the last weeks, or one that an emergency visit of that time was for."""
    for injury in injuries(chart):
        fresh = not (len(injury.code) == 7 and injury.code[-1] not in "ABC")
        if fresh and within_days(chart, injury.day, chart.settings.acute_days):
            return Fact.of(True, injury.source, limit=_days_ago(chart, injury.day))
        visit = chart.record.resolve(reference(injury.resource.get("encounter")) or "", injury.resource)
        if visit is not None and usable(visit) and "emer" in code_values(visit.get("class")):
            day = day_of(chart, visit)
            if within_days(chart, day, chart.settings.acute_days):
                return Fact.of(True, injury.source, source_of(visit, day), limit=_days_ago(chart, day))
    return None


def _days_ago(chart: Chart, day: DayRange | None) -> Limit | None:
    return chart.limit("acute_days", (chart.review_date - day.last).days) if day is not None else None


@fact("months_since_trauma", reads=("Condition",), needs=SPINE_INJURIES)
def months_since_trauma(chart: Chart, _argument: str | None) -> Fact | None:
    """Months since the latest injury. From a date of writing down only a lower bound: it happened before that."""
    for injury in injuries(chart):
        if injury.day is None:
            continue
        months = injury.day.months_until(chart.review_date)
        low = max(months.low if isinstance(months, Range) else months, 0.0)
        if injury.day.recorded:
            return Fact.of(Range(low, math.inf), injury.source, note="the injury was written down on this day")
        if isinstance(months, Range):
            return Fact.of(Range(low, months.high), injury.source)
        return Fact.of(months, injury.source, since=injury.day.last)
    return None


@fact("trauma_mechanism", reads=("Condition",), needs=("trauma-mechanism",))
def trauma_mechanism(chart: Chart, _argument: str | None) -> Fact | None:
    """What the external cause codes of this injury tell. Speed, seat belts and ejection have none."""
    said = list(_mechanisms(chart))
    codes = tuple(dict.fromkeys(means for means, _ in said))
    if not codes:
        return None
    return Fact.of(codes[0] if len(codes) == 1 else codes, *merged(source for _, source in said))


def _mechanisms(chart: Chart) -> Iterator[tuple[str, Source]]:
    codes = chart.codes("trauma-mechanism")
    for condition in chart.coded("Condition", codes):
        day = day_of(chart, condition)
        member = member_of(chart, codes, condition)
        recent = within_days(chart, day, chart.settings.injury_days) and chart.episode.since(day) is not NOT_MET
        if member is not None and member.means and usable(condition) and recent:
            yield member.means, source_of(condition, day)


@fact("suspected_nonunion", reads=("Condition",), needs=_FRACTURES)
def suspected_nonunion(chart: Chart, _argument: str | None) -> Fact | None:
    """A spine fracture in care for delayed healing or nonunion: seventh character G or K."""
    found = Found()
    for name in _FRACTURES:
        for condition in chart.coded("Condition", chart.codes(name)):
            sure = verification(condition)
            for system, code in chart.record.codes(condition):
                plain = code.replace(".", "")
                if system == ICD10CM and len(plain) == 7 and plain[-1] in "GK" and sure is not Verification.REFUTED:
                    found.for_it.append(source_of(condition, day_of(chart, condition)))
    return found.fact()
