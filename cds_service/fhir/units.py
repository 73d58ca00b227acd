"""UCUM quantities in the units that facts are stated in. What cannot be converted is None, never a guess."""

from __future__ import annotations

import math
import re
from typing import Final

from cds_service.core.quantity import Range
from cds_service.fhir.elements import Resource, mapping

# Wanted unit -> {unit as sent: (factor, offset)}; wanted = sent * factor + offset. Beside UCUM codes, the plain words
# that charts write in `unit`. Calendar months and years are never turned into days or back.
_SAME: Final = (1.0, 0.0)
_TABLE: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "degF": {"[degF]": _SAME, "degF": _SAME, "°F": _SAME, "F": _SAME, "Cel": (1.8, 32.0), "°C": (1.8, 32.0)},
    "mm": {"mm": _SAME, "cm": (10.0, 0.0), "m": (1000.0, 0.0), "[in_i]": (25.4, 0.0)},
    "cm": {"cm": _SAME, "mm": (0.1, 0.0), "m": (100.0, 0.0), "[in_i]": (2.54, 0.0)},
    "feet": {
        "[ft_i]": _SAME,
        "ft": _SAME,
        "feet": _SAME,
        "m": (3.28084, 0.0),
        "cm": (0.0328084, 0.0),
        "[in_i]": (1 / 12, 0.0),
    },
    "degrees": {"deg": _SAME, "degrees": _SAME, "°": _SAME, "rad": (57.2958, 0.0)},
    "mg/L": {"mg/L": _SAME, "mg/dL": (10.0, 0.0)},
    "10*3/uL": {
        "10*3/uL": _SAME,
        "10*9/L": _SAME,
        "K/uL": _SAME,
        "/uL": (0.001, 0.0),
        "{cells}/uL": (0.001, 0.0),
    },
    "mm/h": {"mm/h": _SAME, "mm/hr": _SAME, "mm": _SAME},
    "score": {"{score}": _SAME, "1": _SAME, "score": _SAME},
    "count": {"1": _SAME, "{count}": _SAME, "count": _SAME},
    "stairs": {"1": _SAME, "{stairs}": _SAME, "stairs": _SAME},
    "hours": {"h": _SAME, "hours": _SAME, "min": (1 / 60, 0.0), "d": (24.0, 0.0), "wk": (168.0, 0.0)},
    "days": {"d": _SAME, "day": _SAME, "days": _SAME, "wk": (7.0, 0.0), "week": (7.0, 0.0), "weeks": (7.0, 0.0)},
    "weeks": {"wk": _SAME, "week": _SAME, "weeks": _SAME, "d": (1 / 7, 0.0), "day": (1 / 7, 0.0), "days": (1 / 7, 0.0)},
    "months": {"mo": _SAME, "month": _SAME, "months": _SAME, "a": (12.0, 0.0), "years": (12.0, 0.0)},
    "years": {"a": _SAME, "year": _SAME, "years": _SAME, "mo": (1 / 12, 0.0), "months": (1 / 12, 0.0)},
}
# Units of which a bare number may be one.
_UNITLESS: Final = frozenset({"score", "count", "stairs"})
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?")
_PAIN_LENGTH_MM: Final = {"mm": 0.1, "cm": 1.0}


def number(value: object) -> float | None:
    """A JSON number, or None: a boolean is not a number, and neither is NaN or infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def convert(quantity: object, unit: str) -> float | Range | None:
    """A Quantity in `unit` ("degF", "mm", "days", ...). A comparator makes it a Range; None when it cannot be told.

    A quantity without any unit is taken only for scores and counts.
    """
    stated = mapping(quantity)
    value = number(stated.get("value"))
    if value is None:
        return None
    scale = _scale(stated, unit)
    if scale is None:
        return None
    factor, offset = scale
    converted = value * factor + offset
    comparator = stated.get("comparator")
    if comparator is None:
        return converted
    if comparator in ("<", "<="):
        return Range(-math.inf, converted)
    if comparator in (">", ">="):
        return Range(converted, math.inf)
    return None


def _scale(quantity: Resource, unit: str) -> tuple[float, float] | None:
    known = _TABLE.get(unit, {})
    sent = [name for name in (quantity.get("code"), quantity.get("unit")) if name not in (None, "")]
    if not sent:
        return _SAME if unit in _UNITLESS else None
    for name in sent:
        if isinstance(name, str):
            scale = known.get(name.strip())
            if scale is not None:
                return scale
    return None


def value_in(element: Resource, unit: str) -> float | Range | None:
    """The number of an Observation, a component or an answer in `unit`, from whichever `value[x]` holds one.

    `valueInteger`, `valueDecimal` and a `valueString` that is a plain number carry no unit of their own: they are
    taken only for scores and counts.
    """
    quantity = element.get("valueQuantity")
    if quantity is not None:
        return convert(quantity, unit)
    if unit not in _UNITLESS:
        return None
    return bare_number(element)


def bare_number(element: Resource) -> float | None:
    """The number of `valueInteger`, `valueDecimal` or a `valueString` that is a plain number."""
    for name in ("valueInteger", "valueDecimal"):
        found = number(element.get(name))
        if found is not None:
            return found
    written = element.get("valueString")
    if isinstance(written, str) and _PLAIN_NUMBER.fullmatch(written.strip()):
        return float(written)
    return None


def pain_score(element: Resource) -> float | Range | None:
    """A pain score from 0 to 10. A visual analogue scale measured in mm or cm is brought to 0-10."""
    quantity = mapping(element.get("valueQuantity"))
    unit = quantity.get("code") or quantity.get("unit")
    value = number(quantity.get("value"))
    if isinstance(unit, str) and unit in _PAIN_LENGTH_MM and value is not None:
        score: float | Range | None = value * _PAIN_LENGTH_MM[unit]
    else:
        score = value_in(element, "score")
    return score if isinstance(score, Range) or (score is not None and 0 <= score <= 10) else None


def whole_grade(element: Resource) -> int | None:
    """A graded examination ("4+", 4, "3/5") as its whole number; the sign is dropped, the text stays in the chart."""
    found = value_in(element, "score")
    if isinstance(found, float):
        return int(found) if found == int(found) else None
    written = element.get("valueString")
    shape = re.fullmatch(r"\s*(\d)\s*[+-]?\s*(?:/\s*\d)?\s*", written, re.ASCII) if isinstance(written, str) else None
    return int(shape[1]) if shape else None
