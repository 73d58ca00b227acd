"""Numbers with units, and ranges for numbers that the chart only bounds.

A chart often says less than a number: a birth year, "six weeks of therapy at least". Such a value is a `Range`,
and a threshold is met only if the whole range meets it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth

# Units that guidelines use, each with its dimension and its size in the dimension's first unit. Calendar units
# (months, years) are dimensions of their own: no fixed number of days equals a month.
UNITS: Final[dict[str, tuple[str, float]]] = {
    "hours": ("time", 1.0),
    "days": ("time", 24.0),
    "weeks": ("time", 168.0),
    "months": ("months", 1.0),
    "years": ("months", 12.0),
    "mm": ("length", 1.0),
    "cm": ("length", 10.0),
    "feet": ("height", 1.0),
    "stairs": ("stairs", 1.0),
    "degrees": ("angle", 1.0),
    "degF": ("temperature", 1.0),
    "score": ("score", 1.0),
    "count": ("count", 1.0),
}

_SHAPE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s+([A-Za-z]+)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with one of the units of `UNITS`."""

    value: float
    unit: str

    @staticmethod
    def parse(text: str) -> Quantity:
        """ "6 weeks" -> Quantity(6, "weeks"). Raises ValueError for another shape or an unknown unit."""
        shape = _SHAPE.fullmatch(text)
        if not shape:
            raise ValueError(f"{text!r} is not a number followed by a unit, such as '6 weeks'")
        if shape[2] not in UNITS:
            raise ValueError(f"unknown unit {shape[2]!r} (known: {', '.join(UNITS)})")
        return Quantity(float(shape[1]), shape[2])

    def to(self, unit: str) -> float:
        """The number in `unit`. Raises ValueError when the units measure different things."""
        dimension, size = UNITS[self.unit]
        wanted, wanted_size = UNITS[unit]
        if dimension != wanted:
            raise ValueError(f"{self.unit} cannot be compared with {unit}")
        return self.value * size / wanted_size

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Range:
    """A number known only to lie between `low` and `high`, both included; `high` may be infinity."""

    low: float
    high: float

    def __str__(self) -> str:
        if self.high == float("inf"):
            return f"at least {self.low:g}"
        return f"{self.low:g} to {self.high:g}"


def bounds(value: float | Range) -> tuple[float, float]:
    return (value.low, value.high) if isinstance(value, Range) else (value, value)


def at_least(value: float | Range, limit: float) -> Truth:
    low, high = bounds(value)
    if low >= limit:
        return MET
    return NOT_MET if high < limit else UNKNOWN


def more_than(value: float | Range, limit: float) -> Truth:
    low, high = bounds(value)
    if low > limit:
        return MET
    return NOT_MET if high <= limit else UNKNOWN
