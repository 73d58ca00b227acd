"""Three truth values and how they combine (Kleene's strong tables).

all_of   | MET      UNKNOWN  NOT_MET        any_of   | MET  UNKNOWN  NOT_MET
MET      | MET      UNKNOWN  NOT_MET        MET      | MET  MET      MET
UNKNOWN  | UNKNOWN  UNKNOWN  NOT_MET        UNKNOWN  | MET  UNKNOWN  UNKNOWN
NOT_MET  | NOT_MET  NOT_MET  NOT_MET        NOT_MET  | MET  UNKNOWN  NOT_MET
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Truth(StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


MET, NOT_MET, UNKNOWN = Truth.MET, Truth.NOT_MET, Truth.UNKNOWN


def of(value: bool) -> Truth:
    return MET if value else NOT_MET


def negate(truth: Truth) -> Truth:
    if truth is UNKNOWN:
        return UNKNOWN
    return NOT_MET if truth is MET else MET


def all_of(truths: Iterable[Truth]) -> Truth:
    """MET when every part is; one NOT_MET settles it. Stops reading at the first NOT_MET."""
    result = MET
    for truth in truths:
        if truth is NOT_MET:
            return NOT_MET
        if truth is UNKNOWN:
            result = UNKNOWN
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """MET when one part is; NOT_MET only when every part is. Stops reading at the first MET."""
    result = NOT_MET
    for truth in truths:
        if truth is MET:
            return MET
        if truth is UNKNOWN:
            result = UNKNOWN
    return result


def at_least(count: int, truths: Iterable[Truth]) -> Truth:
    """MET when `count` parts are; UNKNOWN while the unknown ones could still make it so."""
    met = unknown = 0
    for truth in truths:
        met += truth is MET
        unknown += truth is UNKNOWN
    if met >= count:
        return MET
    return UNKNOWN if met + unknown >= count else NOT_MET
