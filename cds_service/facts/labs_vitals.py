"""Temperatures, laboratory values and scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range, bounds
from cds_service.facts.evidence import day_of, merged, recent_enough, source_of
from cds_service.facts.problems import Found, Problem, declare, look
from cds_service.facts.registry import fact, open_fact, unreadable
from cds_service.fhir.codes import LOINC, SNOMED, code_values, codes_of, codings
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource, mapping, mappings
from cds_service.fhir.status import usable
from cds_service.fhir.units import convert, pain_score, value_in

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

declare(
    Problem("fever", ("fever-condition",), suspected=True, reason=True, visit=True, episode=True),
    Problem("infection_labs_abnormal", ("abnormal-labs-dx",), within="recent_infection_days", episode=True),
    apart=("fever", "infection_labs_abnormal"),
)

_TEMPERATURE: Final = "vital-body-temperature"
# Each laboratory test with the unit in which a value and its reference range are compared.
_LABS: Final[dict[str, str]] = {"lab-esr": "mm/h", "lab-crp": "mg/L", "lab-wbc": "10*3/uL"}
_HIGH: Final = frozenset({"h", "hh", "hu", "a", "aa", ">"})
_POSITIVE: Final = frozenset({"pos", "det", "a", "aa"})
_NEGATIVE: Final = frozenset({"neg", "n", "nd"})
_NO_GROWTH: Final = frozenset({"260385009", "264868006", "2667000", "260415000"})


def _recent(chart: Chart, value_set: str) -> Iterator[tuple[Resource, DayRange | None, Source]]:
    """Usable Observations of a value set since the symptoms began."""
    for observation in chart.coded("Observation", chart.codes(value_set)):
        day = day_of(chart, observation)
        if usable(observation) and recent_enough(chart, day, chart.settings.acute_days):
            yield observation, day, source_of(observation, day)


@fact("body_temperature_f", reads=("Observation",), needs=(_TEMPERATURE,), in_episode=True)
def body_temperature_f(chart: Chart, _argument: str | None) -> Fact | None:
    """The highest temperature of the episode in degrees Fahrenheit, unrounded."""
    highest: tuple[float, Source] | None = None
    unclear: list[Source] = []
    for observation, _, source in _recent(chart, _TEMPERATURE):
        value = value_in(observation, "degF")
        if value is None:
            if not observation.get("dataAbsentReason"):
                unclear.append(source)
            continue
        low, _ = bounds(value)
        if math.isfinite(low) and (highest is None or low > highest[0]):
            highest = (low, source)
    if highest is not None:
        return Fact.of(highest[0], highest[1])
    return unreadable(*merged(unclear), note="the temperature has no unit that can be read") if unclear else None


@fact("fever", reads=("Condition", "Encounter", "Observation"), needs=(_TEMPERATURE,))
def fever(chart: Chart, _argument: str | None) -> Fact | None:
    """A temperature at or above the fever limit in the episode, or a current diagnosis of fever."""
    temperature = body_temperature_f(chart, None)
    if temperature is not None and isinstance(temperature.value, float):
        if temperature.value >= chart.settings.fever_degf:
            return Fact.of(True, *temperature.sources, limit=chart.limit("fever_degf", temperature.value))
    coded = look(chart, "fever").fact()
    if coded is not None and coded.value is True:
        return coded
    return temperature if temperature is not None and not temperature.known else coded


@fact("infection_labs_abnormal", reads=("Condition", "Observation"), needs=(*_LABS, "lab-blood-culture"))
def infection_labs_abnormal(chart: Chart, _argument: str | None) -> Fact | None:
    """Any raised ESR, CRP or white count, or positive blood culture, of the episode.

    False when every value read is marked or ranged as normal. A value without range or interpretation is shown, and
    is no evidence.
    """
    found = Found()
    for name, unit in _LABS.items():
        for observation, _, source in _recent(chart, name):
            _sort(_is_high(observation, unit), source, found)
    for observation, _, source in _recent(chart, "lab-blood-culture"):
        _sort(_is_positive(observation), source, found)
    coded = look(chart, "infection_labs_abnormal")
    found.for_it.extend(coded.for_it)
    if found.against and found.close and not found.for_it:
        return open_fact(*merged(source for source, _ in found.close), note=found.close[0][1])
    return found.fact()


def _sort(said: bool | None, source: Source, found: Found) -> None:
    if said is None:
        found.close.append((source, "reported without range or interpretation"))
    else:
        (found.for_it if said else found.against).append(source)


def _is_high(observation: Resource, unit: str) -> bool | None:
    """By interpretation first, then against the upper end of the reference range."""
    marks = set(code_values(observation.get("interpretation")))
    if marks & _HIGH:
        return True
    value = value_in(observation, unit)
    for stated in mappings(observation.get("referenceRange")):
        limit = convert(_with_unit(stated.get("high"), observation), unit)
        if value is None or not isinstance(limit, float):
            continue
        low, high = bounds(value)
        if low > limit:
            return True
        if high <= limit and (not marks or "n" in marks):
            return False
    return False if "n" in marks else None


def _with_unit(limit: object, observation: Resource) -> Resource:
    """The limit, in the unit of the value when it names none of its own."""
    stated = dict(mapping(limit))
    value = mapping(observation.get("valueQuantity"))
    if stated and not stated.get("unit") and not stated.get("code"):
        stated |= {name: value[name] for name in ("unit", "code") if name in value}
    return stated


def _is_positive(observation: Resource) -> bool | None:
    """A culture: by interpretation, else an organism as the value. "No growth" is negative."""
    marks = set(code_values(observation.get("interpretation")))
    if marks & _POSITIVE:
        return True
    if marks & _NEGATIVE:
        return False
    values = [code for system, code in codings(observation.get("valueCodeableConcept")) if system == SNOMED]
    if not values:
        return None
    return _NO_GROWTH.isdisjoint(values)


@fact("glasgow_coma_scale", reads=("Observation",), needs=("obs-gcs",), in_episode=True)
def glasgow_coma_scale(chart: Chart, _argument: str | None) -> Fact | None:
    """The lowest total of the event: a child that was drowsy and has woken up was drowsy all the same."""
    readings: list[tuple[float, Source, DayRange | None]] = []
    unclear: list[Source] = []
    for observation, day, source in _recent(chart, "obs-gcs"):
        for element in _elements(observation, "9269-2"):
            value = value_in(element, "score")
            if isinstance(value, float) and 3 <= value <= 15:
                readings.append((value, source, day))
            elif not element.get("dataAbsentReason"):
                unclear.append(source)
    if not readings:
        return unreadable(*merged(unclear), note="the score is out of bounds") if unclear else None
    value, source, _ = min(readings, key=lambda reading: reading[0])
    newest = max(readings, key=lambda reading: reading[2].last if reading[2] else chart.review_date)
    note = f"lowest of the event; the latest is {newest[0]:g}" if newest[0] != value else None
    return Fact.of(value, source, note=note)


@fact("exam_finding(no_eye_opening)", reads=("Observation",), needs=("obs-gcs",), in_episode=True)
def no_eye_opening(chart: Chart, _argument: str | None) -> Fact | None:
    """Eye score 1 in the event; any other score says that the eyes opened."""
    found = Found()
    for observation, _, source in _recent(chart, "obs-gcs"):
        for element in _elements(observation, "9267-6"):
            value = value_in(element, "score")
            if isinstance(value, float) and value in (1, 2, 3, 4):
                (found.for_it if value == 1 else found.against).append(source)
    return found.fact()


def _elements(observation: Resource, loinc: str) -> Iterator[Resource]:
    """The Observation itself or its component, whichever is coded so."""
    if (LOINC, loinc) in codes_of(observation):
        yield observation
    for component in mappings(observation.get("component")):
        if (LOINC, loinc) in codings(component.get("code")):
            yield component


@fact("radicular_pain_vas", reads=("Observation",), needs=("obs-pain-severity",), in_episode=True)
def radicular_pain_vas(chart: Chart, _argument: str | None) -> Fact | None:
    """The latest pain score that is tied to a radiculopathy. A score that does not say where the pain is, is shown."""
    readings: list[tuple[DayRange | None, float | Range | None, Source]] = []
    general: list[Source] = []
    for observation, day, source in _recent(chart, "obs-pain-severity"):
        if _about_radicular_pain(chart, observation):
            readings.append((day, pain_score(observation), source))
        else:
            general.append(source)
    if readings:
        _, value, source = max(readings, key=lambda reading: reading[0].last if reading[0] else chart.review_date)
        return Fact.of(value, source) if value is not None else unreadable(source, note="the score cannot be read")
    note = "a pain score is on record, but not where the pain is"
    return open_fact(*merged(general), note=note) if general else None


def _about_radicular_pain(chart: Chart, observation: Resource) -> bool:
    for pointer in mappings(observation.get("focus")):
        named = chart.record.resolve(str(pointer.get("reference") or ""), observation)
        if named is not None and any(_radicular(chart, key) for key in codes_of(named)):
            return True
    return any(
        _radicular(chart, key) for element in ("code", "component") for key in _concepts(observation.get(element))
    )


def _concepts(element: object) -> Iterator[tuple[str, str]]:
    yield from codings(element)
    for component in mappings(element):
        yield from codings(component.get("code"))


def _radicular(chart: Chart, key: tuple[str, str]) -> bool:
    return any(key in chart.codes(f"radiculopathy-{region}") for region in ("cervical", "thoracic", "lumbar", "any"))


@fact("condition(low_bone_mineral_density)", reads=("Condition", "Observation"), needs=("obs-bone-density-tscore",))
def low_bone_mineral_density(chart: Chart, _argument: str | None) -> Fact | None:
    """Osteoporosis or osteopenia on record, or a T-score at or below the policy limit in the latest measurement."""
    coded = look(chart, "condition", "low_bone_mineral_density").fact()
    if coded is not None and coded.value is True:
        return coded
    scores = []
    for observation in chart.coded("Observation", chart.codes("obs-bone-density-tscore")):
        day = day_of(chart, observation)
        value = _t_score(observation)
        if usable(observation) and value is not None and day is not None and day.first <= chart.review_date:
            scores.append((day.last, value, source_of(observation, day)))
    if not scores:
        return coded
    newest = max(day for day, _, _ in scores)
    lowest = min((value, source) for day, value, source in scores if day == newest)
    if lowest[0] > chart.settings.low_bone_density_t_score:
        return coded
    return Fact.of(True, lowest[1], limit=chart.limit("low_bone_density_t_score", lowest[0]))


def _t_score(observation: Resource) -> float | None:
    """The T-score as a plain number; its unit is a word in curly braces, or none."""
    quantity = mapping(observation.get("valueQuantity"))
    unit = str(quantity.get("code") or quantity.get("unit") or "")
    if quantity and not (unit == "" or unit == "1" or "score" in unit.lower()):
        return None
    value = convert({"value": quantity.get("value")}, "score") if quantity else value_in(observation, "score")
    return value if isinstance(value, float) else None
