"""Structured documentation: any fact stated outright, in a questionnaire or as an Observation coded with the fact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from cds_service.core.fact import Fact, Source, Value
from cds_service.core.quantity import Range
from cds_service.core.vocabulary import FactDefinition, FactType
from cds_service.facts.registry import open_fact, unreadable
from cds_service.fhir.codes import FACT, FACT_VALUE, SNOMED, codes_of, codings, normal_system, read_coding
from cds_service.fhir.dates import DayRange, date_of, months_between, read_date, read_time
from cds_service.fhir.elements import Resource, identity, mapping, mappings, text
from cds_service.fhir.record import names_patient
from cds_service.fhir.regions import regions_of
from cds_service.fhir.status import usable
from cds_service.fhir.units import bare_number, convert, number

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# Facts that an answer settles for good, or that age by themselves. Every other answer is about the present episode.
LASTING: Final = frozenset({
    "born_preterm", "prior_advanced_imaging", "known_aortic_aneurysm", "known_cancer_history",
    "spinal_neoplastic_involvement", "ankylosing_spondylitis_or_dish", "iv_drug_use", "diabetes_mellitus", "hiv_aids",
    "spine_surgery_history", "spinal_fusion_history", "predisposed_to_insufficiency_fracture", "known_syrinx",
    "syrinx_nonprogression_established", "spinal_deformity", "scoliosis_type", "suspected_tethered_cord_or_low_conus",
    "tethered_cord_confirmed", "suspected_spinal_dysraphism", "open_spinal_dysraphism", "condition",
    "procedure_history", "us_icd10_policy_list", "immunocompromised", "organ_transplant_on_antirejection",
    "chronic_dialysis", "immunosuppressant_therapy", "implanted_ferromagnetic_material",
    "implanted_device_not_mr_conditional", "mri_contraindication_attested", "mri_contraindicated",
    "long_term_glucocorticoids", "hemangioma_appearance", "curve_feature",
    "thoracic_kyphosis_degrees", "predens_interval_mm", "neural_canal_width_mm", "scoliosis_surgery_timepoint",
    "skin_lesion", "cutaneous_high_risk_lesion", "dimple_diameter_mm", "dimple_distance_to_anus_cm",
    "dimple_base_visible", "imaging_finding", "spinal_ultrasound_result", "age_years", "age_months",
    "episode_onset_date", "episode_change_date",
})  # fmt: skip
# Numbers that mean nothing outside these bounds. Every other number is zero or more.
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "muscle_strength_grade": (0, 5),
    "radicular_pain_vas": (0, 10),
    "glasgow_coma_scale": (3, 15),
    "body_temperature_f": (70, 120),
    "age_years": (0, 130),
    "age_months": (0, 130 * 12),
}
_YES_NO: Final = ("http://terminology.hl7.org/CodeSystem/v2-0136", "http://hl7.org/fhir/v2/0136")
_YES_NO_OID: Final = "urn:oid:2.16.840.1.113883.12.136"
_INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_SAID: Final[dict[tuple[str, str], bool]] = {
    **{(system, code): code == "Y" for system in (*_YES_NO, _YES_NO_OID) for code in ("Y", "N")},
    (_INTERPRETATION, "POS"): True,
    (_INTERPRETATION, "NEG"): False,
    (SNOMED, "373066001"): True,  # yes
    (SNOMED, "373067005"): False,  # no
    (SNOMED, "52101004"): True,  # present
    (SNOMED, "2667000"): False,  # absent
    (SNOMED, "10828004"): True,  # positive
    (SNOMED, "260385009"): False,  # negative
}
NONE_OF_THEM: Final = "none"
# An item nested deeper than this is not something a person filled in.
_DEEPEST: Final = 40


@dataclass(frozen=True, slots=True)
class Statement:
    """One answer as it was given: (element name, value) pairs, so that what cannot be read is still shown."""

    ref: str
    values: tuple[tuple[str, Any], ...]
    when: DayRange | None
    moment: float  # seconds since 1970 where the time is known: orders the answers of one day
    source: Source


def collect(chart: Chart) -> Mapping[str, tuple[Statement, ...]]:
    """Every answer about this patient by fact reference, the newest first. Unanswered items are left out."""
    found: dict[str, list[Statement]] = {}
    for statement in (*_questionnaires(chart), *_observations(chart)):
        found.setdefault(statement.ref, []).append(statement)
    return {ref: tuple(sorted(given, key=_newest_first)) for ref, given in found.items()}


def _newest_first(statement: Statement) -> tuple[int, float]:
    return (-statement.when.last.toordinal() if statement.when else 0, -statement.moment)


def _questionnaires(chart: Chart) -> Iterator[Statement]:
    responses = {id(response): response for response in chart.record.all("QuestionnaireResponse")}
    responses |= {id(inner): inner for inner in _contained(chart, "QuestionnaireResponse")}
    for response in responses.values():
        if not usable(response):
            continue
        when, moment = date_of(response), _moment(response.get("authored"))
        source = Source(identity(response), when.text if when else None)
        for link, values in _items(response.get("item"), 0):
            yield Statement(link, values, when, moment, source)


def _items(items: object, depth: int) -> Iterator[tuple[str, tuple[tuple[str, Any], ...]]]:
    """(linkId, values) of every answered item, at any depth, below answers too."""
    if depth > _DEEPEST:
        return
    for item in mappings(items):
        answers = list(mappings(item.get("answer")))
        values = tuple(pair for answer in answers for pair in _value(answer))
        link = text(item.get("linkId"))
        if link and values:
            yield link, values
        yield from _items(item.get("item"), depth + 1)
        for answer in answers:
            yield from _items(answer.get("item"), depth + 1)


def _observations(chart: Chart) -> Iterator[Statement]:
    coded = chart.record.distinct("Observation", chart.findings.stated)
    with_parts = chart.record.distinct("Observation", chart.findings.with_parts)
    listed = (*coded, *_contained(chart, "Observation"), *with_parts)
    for observation in {id(found): found for found in listed}.values():
        if not usable(observation):
            continue
        when, moment = date_of(observation), _moment(observation.get("effectiveDateTime"))
        source = Source(identity(observation), when.text if when else None)
        for element in (observation, *mappings(observation.get("component"))):
            values = tuple(_value(element))
            if not values or element.get("dataAbsentReason"):
                continue
            stated = codes_of(observation) if element is observation else codings(element.get("code"))
            for ref in _refs(stated, observation):
                yield Statement(ref, values, when, moment, source)


def _refs(stated: Iterable[tuple[str, str]], observation: Resource) -> Iterator[str]:
    """The fact codes among the codings; one written without its argument also counts for the regions of the site."""
    for system, code in stated:
        if system == FACT:
            yield code
            if "(" not in code:
                yield from (f"{code}({region})" for region in sorted(regions_of(observation)))


def _contained(chart: Chart, kind: str) -> Iterator[Resource]:
    """Answers that travel inside the order, unless they name another patient."""
    for inner in mappings(chart.order.resource.get("contained")):
        if inner.get("resourceType") == kind:
            if names_patient(inner.get("subject"), chart.record.patient_id):
                yield inner


def _value(element: Resource) -> Iterator[tuple[str, Any]]:
    for name, value in element.items():
        if name.startswith("value") and value is not None:
            yield name, value


def _moment(written: object) -> float:
    moment = read_time(written)
    try:
        return moment.timestamp() if moment else 0.0
    except (OverflowError, ValueError):
        return 0.0


# -- reading ---------------------------------------------------------------------------------------------------------


def answer(chart: Chart, definition: FactDefinition, ref: str) -> Fact | None:
    """The newest answer as a fact; None when there is none.

    UNREADABLE when its value is partial, odd or out of bounds, or two answers of one moment differ. NOT_DOCUMENTED,
    with the answer named, when it is too old to speak for the present.
    """
    given = chart.answers.get(ref)
    if not given:
        return None
    newest = [found for found in given if _newest_first(found) == _newest_first(given[0])]
    sources = tuple(dict.fromkeys(found.source for found in newest))
    over = _expired(chart, definition, ref, newest[0])
    if over:
        return open_fact(*sources, note=over)
    values = {_read(chart, definition, found) for found in newest}
    value = values.pop()
    if values:
        return unreadable(*sources, note="answers given at the same time differ")
    if value is None:
        return unreadable(*sources, note="the answer cannot be read")
    since = _since(chart, definition, newest[0], value)
    return Fact(value, None, sources, stated=True, since=since)


def _read(chart: Chart, definition: FactDefinition, statement: Statement) -> Value | None:
    match definition.type:
        case FactType.BOOLEAN:
            said = {_said(kind, value) for kind, value in statement.values}
            return said.pop() if len(said) == 1 else None
        case FactType.NUMBER:
            numbers = {_number(chart, definition, statement, kind, value) for kind, value in statement.values}
            return numbers.pop() if len(numbers) == 1 else None
        case FactType.DATE:
            days = {_day(kind, value) for kind, value in statement.values}
            return days.pop() if len(days) == 1 else None
        case FactType.CODE:
            codes = list(dict.fromkeys(_code(definition, kind, value) for kind, value in statement.values))
            known = tuple(code for code in codes if code is not None)
            if len(known) != len(codes):
                return None
            return known[0] if len(known) == 1 else known


def _said(kind: str, value: object) -> bool | None:
    if kind == "valueBoolean":
        return value if isinstance(value, bool) else None
    if kind not in ("valueCoding", "valueCodeableConcept"):
        return None
    said = {_SAID[coding] for coding in codings(value) if coding in _SAID}
    return said.pop() if len(said) == 1 else None


def _number(
    chart: Chart, definition: FactDefinition, statement: Statement, kind: str, value: object
) -> float | Range | None:
    """In the fact's unit; a duration that grows by itself is counted on from the answer to the review date."""
    counts_from_event = "_since_" in definition.id
    if kind in ("valueDate", "valueDateTime"):
        return _since_date(definition, read_date(value), chart.review_date) if counts_from_event else None
    unit = definition.unit or "count"
    stated = convert(value, unit) if kind == "valueQuantity" else bare_number({kind: value})
    if stated is None and kind == "valueQuantity" and unit == "count":
        stated = number(mapping(value).get("value"))
    low, high = _BOUNDS.get(definition.id, (0, math.inf))
    if isinstance(stated, Range):
        stated = Range(max(stated.low, low), min(stated.high, high))
        if stated.low > stated.high:
            return None
    elif stated is None or not low <= stated <= high:
        return None
    if definition.id in ("age_years", "age_months"):
        return _age(chart, definition, statement, stated)
    if counts_from_event:
        return _add(stated, _elapsed(statement.when, chart.review_date, unit))
    if definition.accrues and statement.when is not None:
        return _add(stated, _elapsed(statement.when, chart.review_date, unit))
    return stated


def _age(chart: Chart, definition: FactDefinition, statement: Statement, stated: float | Range) -> Range | None:
    """Completed years or months leave room for the part of the next that has begun."""
    grown = _as_range(_add(stated, _elapsed(statement.when, chart.review_date, definition.unit or "years")))
    if grown is not None and isinstance(stated, float) and stated == int(stated):
        return Range(grown.low, math.nextafter(grown.high + 1, 0))
    return grown


def _as_range(value: float | Range | None) -> Range | None:
    return Range(value, value) if isinstance(value, float) else value


def _elapsed(when: DayRange | None, day: date, unit: str) -> float | Range | None:
    """From the day of the answer to the review date; None for an answer without a date, which cannot be counted on."""
    if when is None:
        return None
    shortest = _between(when.last, day, unit)
    longest = _between(when.first, day, unit)
    return longest if shortest == longest else Range(shortest, longest)


def _between(start: date, end: date, unit: str) -> float:
    if end <= start:
        return 0.0
    days = float((end - start).days)
    match unit:
        case "hours":
            return days * 24
        case "days":
            return days
        case "weeks":
            return days / 7
        case "years":
            return months_between(start, end) / 12
        case _:
            return months_between(start, end)


def _since_date(definition: FactDefinition, span: DayRange | None, day: date) -> float | Range | None:
    if span is None or span.first > day:
        return None
    return _elapsed(span, day, definition.unit or "days")


def _add(value: float | Range, more: float | Range | None) -> float | Range | None:
    if more is None:
        return None
    if isinstance(value, float) and isinstance(more, float):
        return value + more
    low = (value.low if isinstance(value, Range) else value) + (more.low if isinstance(more, Range) else more)
    high = (value.high if isinstance(value, Range) else value) + (more.high if isinstance(more, Range) else more)
    return Range(low, high)


def _day(kind: str, value: object) -> date | None:
    span = read_date(value) if kind in ("valueDate", "valueDateTime") else None
    return span.first if span is not None and span.exact else None


def _code(definition: FactDefinition, kind: str, value: object) -> str | None:
    """One of the fact's own codes, or "none": asked, and none of them."""
    code = _written_code(kind, value)
    if code is None or not definition.codes:
        return code
    return code if code in definition.codes or code == NONE_OF_THEM else None


def _written_code(kind: str, value: object) -> str | None:
    if kind == "valueString":
        return text(value)
    if kind == "valueCoding":
        return _own_code(value)
    if kind == "valueCodeableConcept":
        own = [code for code in map(_own_code, mappings(mapping(value).get("coding"))) if code]
        return own[0] if len(set(own)) == 1 else None
    return None


def _own_code(coding: object) -> str | None:
    """The code as written: of our own value system, of none at all, or of a terminology (a CPT code, say)."""
    stated = mapping(coding)
    if normal_system(stated.get("system")) in (None, FACT_VALUE):
        return text(stated.get("code"))
    found = read_coding(stated)
    return found[1] if found else None


def _since(chart: Chart, definition: FactDefinition, statement: Statement, value: Value) -> date | None:
    """The day from which a stated length of treatment was counted."""
    if not definition.accrues or statement.when is None or not isinstance(value, float):
        return None
    sizes = {"days": 1, "weeks": 7}
    size = sizes.get(definition.unit or "")
    try:
        return chart.review_date - timedelta(value * size) if size else None
    except OverflowError:
        return None


def _expired(chart: Chart, definition: FactDefinition, ref: str, statement: Statement) -> str | None:
    """Why an answer no longer speaks for the present; None while it does."""
    if definition.id in LASTING or "_since_" in definition.id:
        return None
    when = statement.when
    if when is None:
        return "the answer has no date"
    episode = chart.episode
    if episode.first is not None and when.first < episode.first:
        return "answered before the current symptoms began" if when.last < episode.first else episode.missing()
    settings = chart.settings
    days = settings.answer_days_child if chart.is_child else settings.answer_days_adult
    return "answered too long ago" if (chart.review_date - when.first).days > days else None
