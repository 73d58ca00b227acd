"""The facts that criteria may speak of: their types, units, and what silence means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cds_service.core.criterion import Node


class FactType(StrEnum):
    BOOLEAN = "boolean"
    NUMBER = "number"
    CODE = "code"
    DATE = "date"


class Role(StrEnum):
    """What a met fact counts for. Only an INDICATION is a reason to image."""

    INDICATION = "indication"  # a presentation, finding or plan
    PROCESS = "process"  # a visit, trial, x-ray or other step
    BACKGROUND = "background"  # history or circumstance
    ORDER = "order"  # read from the order itself


class Silence(StrEnum):
    """How an undocumented fact is read when a criterion supports, requires or refers."""

    ABSENT = "absent"  # not met; what would change the answer is listed under `unless`
    ASK = "ask"  # unknown: the guideline wants it shown
    ASK_WITH = "ask_with"  # unknown once another fact is met, else absent


@dataclass(frozen=True, slots=True)
class FactDefinition:
    """One entry of `guidelines/facts.yaml`.

    `arguments` lists the values a parameterised fact takes (empty: no parameter). `denied_by_silence` is how an
    exclusion reads silence: True when nothing on record means no, False when only a documented denial counts.
    `defined_as` derives the fact; a stated "no" never erases a derived "yes". `implied_by` (per argument, "" for a
    fact without one) stands in only when nothing is stated. `met_when_answered` (per argument) is met once every
    listed fact has an answer, either way. `asked_as` names the fact to ask for instead of this one.
    `elsewhere` lists the arguments ("" for a fact without one) that speak of other organs too: alone they do not make a
    shared study a spinal one. `named_whole` keeps a derived fact together where its parts would be a long list.
    `accrues` marks a duration that grows by itself, so that a date can be given for "not yet".
    """

    id: str
    type: FactType
    means: str
    unit: str | None = None
    codes: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    role: Role = Role.INDICATION
    silence: Silence = Silence.ABSENT
    ask_with: Node | None = None
    denied_by_silence: bool = False
    defined_as: Node | None = None
    implied_by: Mapping[str, Node] = field(default_factory=dict)
    met_when_answered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked_as: str | None = None
    named_whole: str | None = None
    accrues: bool = False
    elsewhere: frozenset[str] = frozenset()


Vocabulary = Mapping[str, FactDefinition]
