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
from cds_service.fhir.codes import LOINC, code_values, codes_of, codings
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
_CULTURE: Final = "lab-blood-culture"
# What a living body may measure, in degrees Fahrenheit (24 to 46 degrees Celsius). Anything else is a slip of the pen.
_COLDEST: Final = 75.2
_HOTTEST: Final = 114.8
_UNRANGED: Final = "reported without range or interpretation"
_TWO_RANGES: Final = "its reference ranges disagree"
_TWO_UNITS: Final = "it is stated in two units"


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
        if value is None or not _is_possible(value) or _in_two_units(observation, "degF"):
            if not observation.get("dataAbsentReason"):
                unclear.append(source)
            continue
        low, _ = bounds(value)
        if math.isfinite(low) and (highest is None or low > highest[0]):
            highest = (low, source)
    if highest is not None:
        return Fact.of(highest[0], highest[1])
    note = "the temperature has no unit that can be read, or is none of a living body"
    return unreadable(*merged(unclear), note=note) if unclear else None


def _is_possible(degf: float | Range) -> bool:
    return all(_COLDEST <= end <= _HOTTEST for end in bounds(degf) if math.isfinite(end))


def _in_two_units(observation: Resource, unit: str) -> bool:
    """Whether the code and the printed unit of a quantity, both known, make two values of one number."""
    quantity = mapping(observation.get("valueQuantity"))
    values = [
        convert({"value": quantity.get("value"), "unit": quantity.get(name)}, unit)
        for name in ("code", "unit")
        if quantity.get(name) not in (None, "")
    ]
    return len({value for value in values if value is not None}) > 1


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


@fact("infection_labs_abnormal", reads=("Condition", "Observation"), needs=(*_LABS, _CULTURE))
def infection_labs_abnormal(chart: Chart, _argument: str | None) -> Fact | None:
    """Any raised ESR, CRP or white count, or positive blood culture, of the episode.

    False when every value read is marked or ranged as normal. A value without range or interpretation is shown, and
    is no evidence; neither is a culture that says neither growth nor none.
    """
    found = Found()
    for name, unit in _LABS.items():
        for observation, _, source in _recent(chart, name):
            _sort(_is_high(observation, unit), source, found)
    unread: list[Source] = []
    for observation, _, source in _recent(chart, _CULTURE):
        if observation.get("dataAbsentReason"):
            continue
        grown = _is_grown(chart, observation)
        if grown is None and _says_something(observation):
            unread.append(source)
        else:
            _sort(grown if grown is not None else _UNRANGED, source, found)
    coded = look(chart, "infection_labs_abnormal")
    found.for_it.extend(coded.for_it)
    if unread and not found.for_it:
        close = (source for source, _ in found.close)
        return unreadable(*merged((*unread, *close)), note="a culture that says neither growth nor none")
    if found.against and found.close and not found.for_it:
        return open_fact(*merged(source for source, _ in found.close), note=found.close[0][1])
    return found.fact()


def _sort(said: bool | str, source: Source, found: Found) -> None:
    """`said` is the reason why a value does not count, where it does not."""
    if isinstance(said, str):
        found.close.append((source, said))
    else:
        (found.for_it if said else found.against).append(source)


def _is_high(observation: Resource, unit: str) -> bool | str:
    """By interpretation first, then against the upper end of the reference range. A text: why neither tells."""
    marks = set(code_values(observation.get("interpretation")))
    if marks & _HIGH:
        return True
    if _in_two_units(observation, unit):
        return False if marks == {"n"} else _TWO_UNITS
    raised = _raised(observation, unit)
    if len(raised) > 1:
        return False if marks == {"n"} else _TWO_RANGES
    if raised == {True}:
        return True
    if raised == {False} and (not marks or "n" in marks):
        return False
    return False if "n" in marks else _UNRANGED


def _raised(observation: Resource, unit: str) -> set[bool]:
    """Whether the value is above each range that is said to be of the healthy, or not said to be another."""
    value = value_in(observation, unit)
    found: set[bool] = set()
    for stated in mappings(observation.get("referenceRange")):
        kinds = set(code_values(stated.get("type")))
        limit = convert(_with_unit(stated.get("high"), observation), unit)
        if value is None or not isinstance(limit, float) or (kinds and "normal" not in kinds):
            continue
        low, high = bounds(value)
        if low > limit:
            found.add(True)
        elif high <= limit:
            found.add(False)
    return found


def _with_unit(limit: object, observation: Resource) -> Resource:
    """The limit, in the unit of the value when it names none of its own."""
    stated = dict(mapping(limit))
    value = mapping(observation.get("valueQuantity"))
    if stated and not stated.get("unit") and not stated.get("code"):
        stated |= {name: value[name] for name in ("unit", "code") if name in value}
    return stated


def _is_grown(chart: Chart, observation: Resource) -> bool | None:
    """Whether a culture grew something: by interpretation and by its value, an organism or a word for growth or none.
    None where neither says so, or one the opposite of the other."""
    marks = set(code_values(observation.get("interpretation")))
    keys = codings(observation.get("valueCodeableConcept"))
    no_growth = any(key in chart.codes("culture-negative") for key in keys)
    growth = any(key in chart.codes("culture-positive") for key in keys)
    grown = bool(marks & _POSITIVE) or growth
    clean = bool(marks & _NEGATIVE) or no_growth
    if grown == clean or (clean and not marks <= _NEGATIVE):
        return None
    # A value that nobody here knows may be an organism.
    return None if clean and keys and not no_growth else grown


def _says_something(observation: Resource) -> bool:
    return any(observation.get(name) for name in ("interpretation", "valueCodeableConcept", "valueString"))


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
