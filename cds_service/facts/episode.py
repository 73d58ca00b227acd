"""When the current symptoms started or changed. The only place that decides it, and it says how it knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.facts.evidence import day_of, member_of, referenced, regions_in, source_of
from cds_service.facts.registry import fact, open_fact
from cds_service.fhir.dates import DayRange, read_date
from cds_service.fhir.elements import Resource, mappings, reference
from cds_service.fhir.status import Verification, current, verification

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# The note of every fact that is open only because nobody knows when the symptoms began.
ONSET_NEEDED: Final = "the day on which the current symptoms began is not on record"

ONSET: Final = "episode_onset_date"
CHANGE: Final = "episode_change_date"

# Problems whose onset is the start of the symptoms, with the regions they speak of. Where the tuple is empty the code
# or the body site says the region, and a problem without one speaks of any.
PRESENTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "neck-pain": ("cervical",),
    "thoracic-back-pain": ("thoracic",),
    "low-back-pain": ("lumbar",),
    "back-pain-unspecified": (),
    "coccydynia": ("sacrum_coccyx",),
    "si-joint-pain-sacroiliitis": ("pelvis",),
    "radiculopathy-cervical": ("cervical",),
    "radiculopathy-thoracic": ("thoracic",),
    "radiculopathy-lumbar": ("lumbar",),
    "radiculopathy-any": (),
    "neurogenic-claudication": ("lumbar",),
    "myelopathy": (),
    "vertebral-compression-fracture": (),
    "traumatic-spine-fracture": (),
    "spine-sprain-strain-injury": (),
    "sacral-si-fracture": ("sacrum_coccyx",),
    "cauda-equina": ("lumbar",),
    "spinal-infection": (),
}
# What may also be the reason of an order, and begin with the symptoms.
_DEFICITS: Final = ("foot-drop", "bilateral-leg-weakness", "motor-weakness", "saddle-anesthesia", "spinal-cord-injury")
_SYMPTOMS: Final = frozenset({*PRESENTATIONS, *_DEFICITS})
# Pain of the low back is what brings people to pelvis and sacrum studies.
_NEAR: Final[dict[str, tuple[str, ...]]] = {
    "pelvis": ("pelvis", "sacrum_coccyx", "lumbar"),
    "sacrum_coccyx": ("sacrum_coccyx", "pelvis", "lumbar"),
    "entire_spine": ("cervical", "thoracic", "lumbar", "sacrum_coccyx", "pelvis"),
    "whole_body": ("cervical", "thoracic", "lumbar", "sacrum_coccyx", "pelvis"),
}


class How(StrEnum):
    """How the start is known. RECORDED only says that the symptoms began no later."""

    STATED = "stated"
    REASON = "reason"
    PROBLEM = "problem"
    RECORDED = "recorded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Episode:
    """The start of the current symptoms lies between `first` and `last`, both included; None where not bounded.

    `unread`: problems that could tell more could not be read.
    """

    first: date | None = None
    last: date | None = None
    how: How = How.UNKNOWN
    sources: tuple[Source, ...] = ()
    unread: bool = False

    @property
    def known(self) -> bool:
        return self.first is not None

    def since(self, when: DayRange | None) -> Truth:
        """Whether something happened since the symptoms began; the first day counts."""
        if when is None or self.last is None:
            return UNKNOWN
        if when.first >= self.last:
            return MET
        return NOT_MET if self.first is not None and when.last < self.first else UNKNOWN

    def age(self, on: date) -> Range:
        """Days since the symptoms began."""
        shortest = (on - self.last).days if self.last else 0
        longest = (on - self.first).days if self.first else float("inf")
        return Range(max(float(shortest), 0.0), max(float(longest), 0.0))

    def missing(self) -> str:
        """Why something could not be placed before or after the start."""
        return "its date is too vague to tell" if self.known else ONSET_NEEDED


def find_episode(chart: Chart) -> Episode:
    """Stated start or change; else the onset of the problem the order refers to; else of the newest problem of the
    ordered region. A problem with only a recent date of writing bounds the start from one side."""
    return _stated(chart) or _as_far_as_read(chart, _of_reason(chart) or _of_problems(chart) or Episode())


def _as_far_as_read(chart: Chart, found: Episode) -> Episode:
    """While problems are unread, a newer one may be among them, or the one that the order refers to: the start may be
    any day since that of the problem that is known, and in the second case any day at all."""
    if not chart.record.failures(("Condition",)):
        return found
    reason_unread = _refers_to_what_was_not_read(chart)
    if found.how is How.REASON and not reason_unread:
        return found
    first = None if reason_unread and found.how is not How.REASON else found.first
    return replace(found, first=first, last=found.last and chart.review_date, unread=True)


def _refers_to_what_was_not_read(chart: Chart) -> bool:
    named = map(reference, mappings(chart.order.resource.get("reasonReference")))
    return any(name and chart.record.resolve(name, chart.order.resource) is None for name in named)


def _stated(chart: Chart) -> Episode | None:
    """The later of a stated onset and a stated change."""
    spans = []
    for ref in (ONSET, CHANGE):
        for statement in chart.answers.get(ref, ())[:1]:
            values = [value for kind, value in statement.values if kind in ("valueDate", "valueDateTime")]
            span = read_date(values[0]) if len(values) == 1 else None
            if span is not None and span.first <= chart.review_date:
                spans.append((span, statement.source))
    if not spans:
        return None
    span, source = max(spans, key=lambda pair: pair[0].last)
    return Episode(span.first, min(span.last, chart.review_date), How.STATED, (source,))


def _of_reason(chart: Chart) -> Episode | None:
    """The onset of the problem that the order refers to, where that is a current one of the spine."""
    named = [found for found in referenced(chart, "reasonReference") if _may_be_the_symptoms(chart, found)]
    onsets = [
        (span, source_of(condition, span))
        for condition in named
        if (span := day_of(chart, condition)) is not None and not span.recorded and span.first <= chart.review_date
    ]
    if not onsets:
        return None
    span, source = max(onsets, key=lambda pair: pair[0].last)
    return Episode(span.first, min(span.last, chart.review_date), How.REASON, (source,))


def _may_be_the_symptoms(chart: Chart, condition: Resource) -> bool:
    if condition.get("resourceType") != "Condition":
        return False
    if verification(condition) is Verification.REFUTED or not current(condition):
        return False
    coded = any(chart.is_in_any(coding, _SYMPTOMS) for coding in chart.record.codes(condition))
    return coded or bool(regions_in(chart, condition))


def _of_problems(chart: Chart) -> Episode | None:
    """The newest current problem that fits the order, going by onset or, failing that, by a recent entry."""
    dated: list[tuple[DayRange, Source]] = []
    for set_id, regions in PRESENTATIONS.items():
        codes = chart.codes(set_id)
        for condition in chart.coded("Condition", codes):
            if verification(condition) is Verification.REFUTED or not current(condition):
                continue
            if (
                not fits_order(chart, frozenset(regions) or regions_in(chart, condition))
                or member_of(chart, codes, condition) is None
            ):
                continue
            span = day_of(chart, condition)
            if span is None or span.first > chart.review_date:
                continue
            old = (chart.review_date - span.first).days > chart.settings.recorded_onset_days
            if not (span.recorded and old):
                dated.append((span, source_of(condition, span)))
    if not dated:
        return None
    span, source = max(dated, key=lambda pair: (pair[0].last, not pair[0].recorded))
    last = min(span.last, chart.review_date)
    if span.recorded:
        return Episode(None, last, How.RECORDED, (source,))
    return Episode(span.first, last, How.PROBLEM, (source,))


def fits_order(chart: Chart, regions: frozenset[str]) -> bool:
    """Whether evidence of these regions may be about what is ordered. Without a region it may."""
    if not regions:
        return True
    ordered = {near for region in chart.order.regions for near in _NEAR.get(region, (region,))}
    return not ordered.isdisjoint(regions) or ordered.isdisjoint(_NEAR["entire_spine"])


@fact(ONSET, reads=("Condition",))
def episode_onset_date(chart: Chart, _argument: str | None) -> Fact | None:
    """The onset the chart gives. An answer is read elsewhere and wins."""
    episode = chart.episode
    if episode.how in (How.UNKNOWN, How.STATED):
        return None
    if episode.first is None or episode.last is None:
        return open_fact(*episode.sources, note="only the day on which the problem was written down is on record")
    if episode.first != episode.last:
        return open_fact(*episode.sources, note="only part of the date is on record")
    return Fact.of(episode.first, *episode.sources)
