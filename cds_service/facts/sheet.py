"""The facts of one order, each read once: what is stated outright wins over what is inferred from the chart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from cds_service.core import quantity
from cds_service.core.fact import Fact, Source, Why
from cds_service.core.quantity import Range
from cds_service.core.vocabulary import Vocabulary
from cds_service.facts import (  # noqa: F401  importing an area registers its readers
    demographics,
    evaluation,
    examination,
    growth_congenital,
    imaging_done,
    labs_vitals,
    medicines,
    order_facts,
    planned_care,
    presentations,
    red_flags,
    surgery_devices,
    trauma,
    treatment,
)
from cds_service.facts.answers import answer
from cds_service.facts.chart import Chart
from cds_service.facts.evidence import merged
from cds_service.facts.quiet import quiet
from cds_service.facts.registry import CHART_FIRST, FOLLOWS, infer
from cds_service.fhir.dates import read_date

# Signs of danger: an answer "no" never erases one that is coded in the chart.
RED_FLAGS: Final = frozenset({
    "new_motor_weakness", "new_foot_drop", "new_bilateral_leg_weakness", "progressive_neuro_deficit",
    "known_aortic_aneurysm", "new_back_or_abdominal_pain", "suspected_aortic_dissection",
    "suspected_spinal_malignancy", "known_cancer_history", "spinal_neoplastic_involvement", "night_pain",
    "unintended_weight_loss", "acute_bilateral_sciatica", "saddle_anesthesia", "decreased_anal_tone",
    "new_bowel_bladder_incontinence", "unexplained_urinary_retention", "suspected_pathologic_fracture",
    "suspected_traumatic_fracture", "ankylosing_spondylitis_or_dish", "suspected_spinal_infection", "fever",
    "iv_drug_use", "recent_bacterial_infection", "recent_spinal_intervention", "immunocompromised",
    "long_term_glucocorticoids", "organ_transplant_on_antirejection", "diabetes_mellitus", "hiv_aids",
    "chronic_dialysis", "immunosuppressant_therapy", "infection_labs_abnormal", "wound_over_spine",
    "xray_or_ct_suspicious_for_infection", "new_neuro_deficit", "suspected_myelopathy",
    "red_flag_cauda_equina", "red_flag_infection", "red_flag_fracture", "red_flag_cancer",
    "implanted_device_not_mr_conditional", "implanted_ferromagnetic_material",
})  # fmt: skip


class FactSheet:
    """Facts of one order by reference, such as "plain_xray_available(lumbar)".

    `facts` are those read so far, `awake` the names of all about which the chart may say anything, `faults` those that
    could not be read or understood.
    """

    __slots__ = ("awake", "chart", "facts", "faults", "vocabulary")

    def __init__(self, chart: Chart, vocabulary: Vocabulary) -> None:
        self.chart = chart
        self.vocabulary = vocabulary
        self.facts, self.awake = quiet(vocabulary).facts_of(chart)
        self.faults: dict[str, Fact] = {}

    def read(self, ref: str) -> Fact:
        """The fact. Never raises for what a chart holds; an id the vocabulary lacks is a KeyError, a program fault."""
        known = self.facts.get(ref)
        if known is None:
            known = self.facts[ref] = self._read(ref)
            if known.why is not None and known.why is not Why.NOT_DOCUMENTED:
                self.faults[ref] = known
        return known

    def _read(self, ref: str) -> Fact:
        name, argument = split(ref)
        definition = self.vocabulary[name]
        if name in CHART_FIRST:
            inferred = infer(self.chart, name, argument)
            if inferred.known:
                return _within(inferred, answer(self.chart, definition, ref))
        stated = answer(self.chart, definition, ref)
        if stated is not None and stated.known:
            return self._against_chart(stated, name, argument)
        inferred = infer(self.chart, name, argument)
        if inferred.known or inferred.why is Why.NOT_RETRIEVED:
            return _beside_unread(stated, inferred)
        followed = self._follow(name)
        if followed is not None:
            return followed
        return _most_telling(stated, inferred)

    def _against_chart(self, stated: Fact, name: str, argument: str | None) -> Fact:
        """A stated "no" gives way to a coded sign of danger, and to evidence that came after the answer."""
        if stated.value is not False:
            return stated
        inferred = infer(self.chart, name, argument)
        if inferred.value is not True:
            return stated
        if name in RED_FLAGS or _newest(inferred.sources) > _newest(stated.sources):
            sources = merged((*inferred.sources, *stated.sources))
            return replace(inferred, sources=sources, note="an answer says no, the chart says yes")
        return stated

    def _follow(self, name: str) -> Fact | None:
        if name not in FOLLOWS:
            return None
        other, times = FOLLOWS[name]
        fact = self.read(other)
        if not fact.known:
            return fact if fact.why is Why.NOT_RETRIEVED else None
        if isinstance(fact.value, Range):
            return replace(fact, value=Range(fact.value.low * times, fact.value.high * times))
        return replace(fact, value=fact.value * times) if isinstance(fact.value, float) else None


def _within(bounds: Fact, stated: Fact | None) -> Fact:
    """Bounds from the chart, narrowed by an answer that does not contradict them."""
    if stated is None or not isinstance(stated.value, int | float | Range) or not isinstance(bounds.value, Range):
        return bounds
    low, high = quantity.bounds(stated.value)
    narrowed = Range(max(low, bounds.value.low), min(high, bounds.value.high))
    if narrowed.low > narrowed.high:
        return bounds
    return replace(bounds, value=narrowed, sources=merged((*stated.sources, *bounds.sources)), stated=True)


def split(ref: str) -> tuple[str, str | None]:
    """ "planned(myelogram)" -> ("planned", "myelogram")."""
    name, bracket, rest = ref.partition("(")
    return (name, rest.removesuffix(")")) if bracket else (name, None)


def _beside_unread(stated: Fact | None, inferred: Fact) -> Fact:
    """Bounds from the chart do not hide that somebody answered, and that the answer could not be read."""
    if stated is None or stated.why is not Why.UNREADABLE or not isinstance(inferred.value, Range):
        return inferred
    return replace(inferred, sources=merged((*stated.sources, *inferred.sources)), note=stated.note)


def _most_telling(stated: Fact | None, inferred: Fact) -> Fact:
    """Of two unknowns, the one that says more: unreadable before not documented, with a source before without."""
    if stated is None:
        return inferred
    if stated.why is Why.UNREADABLE or (inferred.why is not Why.UNREADABLE and not inferred.sources):
        return stated
    return inferred


def _newest(sources: tuple[Source, ...]) -> date:
    days = (read_date(source.date) for source in sources)
    return max((day.first for day in days if day is not None), default=date.min)
