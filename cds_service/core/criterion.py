"""Criteria as frozen trees: a criterion is one testable statement of a guideline, a section holds them in print order.

Trees are made once, at start-up, and compared by identity: a request then judges each of them with a few look-ups.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cds_service.core.truth import Truth, at_least, negate

REQUESTED_REGION = "requested_region"


class Comparison(StrEnum):
    """The closed set of tests on one fact. `MET` is the plain one: a boolean fact that holds."""

    MET = "met"
    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"


class View(Protocol):
    """What a tree is judged against: the tests whose truth is known, and a way to judge one more."""

    known: dict[FactTest, Truth]
    known_of_order: dict[FactTest, Truth]

    def judge(self, test: FactTest) -> Truth: ...


@dataclass(frozen=True, slots=True, eq=False)
class FactTest:
    """One fact against one operand: a number in the fact's unit, a code, or a hashable set of codes.

    `argument` may be `requested_region`: the test then holds when it holds for any region of the order. `of_order` says
    that its truth depends on what is ordered and not on the patient alone.
    """

    fact: str
    argument: str | None = None
    comparison: Comparison = Comparison.MET
    operand: float | str | Container[str] | None = None
    of_order: bool = False
    _refs: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        name = self.fact if self.argument is None else f"{self.fact}({self.argument})"
        object.__setattr__(self, "_refs", (name,))

    def truth(self, view: View) -> Truth:
        known = (view.known_of_order if self.of_order else view.known).get(self)
        return view.judge(self) if known is None else known

    def refs(self, regions: tuple[str, ...]) -> tuple[str, ...]:
        """The fact ids this test reads for an order of these regions, arguments filled in."""
        if self.argument == REQUESTED_REGION:
            return tuple([f"{self.fact}({region})" for region in regions])
        return self._refs

    @property
    def name(self) -> str:
        return self._refs[0]


@dataclass(frozen=True, slots=True, eq=False)
class AllOf:
    parts: tuple[Node, ...]

    def truth(self, view: View) -> Truth:
        """`truth.all_of` written out: this loop is where a request spends its time, and a generator doubles it."""
        result = Truth.MET
        for part in self.parts:
            found = part.truth(view)
            if found is Truth.NOT_MET:
                return found
            if found is Truth.UNKNOWN:
                result = found
        return result


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    parts: tuple[Node, ...]

    def truth(self, view: View) -> Truth:
        """`truth.any_of` written out, for the same reason."""
        result = Truth.NOT_MET
        for part in self.parts:
            found = part.truth(view)
            if found is Truth.MET:
                return found
            if found is Truth.UNKNOWN:
                result = found
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Not:
    part: Node

    def truth(self, view: View) -> Truth:
        return negate(self.part.truth(view))


@dataclass(frozen=True, slots=True, eq=False)
class AtLeast:
    count: int
    parts: tuple[Node, ...]

    def truth(self, view: View) -> Truth:
        return at_least(self.count, [part.truth(view) for part in self.parts])


Node = FactTest | AllOf | AnyOf | Not | AtLeast


def fact_tests(node: Node) -> Iterator[FactTest]:
    """Every fact test of a tree, in print order. Does not enter the definitions of derived facts."""
    match node:
        case FactTest():
            yield node
        case Not(part):
            yield from fact_tests(part)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from fact_tests(part)


class Outcome(StrEnum):
    """What follows when a criterion is met (for REQUIRES: when it is not)."""

    SUPPORTED = "supported"
    SUPPORTED_IF_MRI_CONTRAINDICATED = "supported_if_mri_contraindicated"
    REQUIRES = "requires"
    EXEMPTS = "exempts"
    NOT_SUPPORTED = "not_supported"
    PREFER_INSTEAD = "prefer_instead"
    REFER_OUT = "refer_out"


class Enforce(StrEnum):
    """How hard a criterion presses. INFORMATION never changes a result."""

    STEP = "step"
    INFORMATION = "information"
    INFORMATION_IF_URGENT = "information_if_urgent"


class Pointer(StrEnum):
    """When a referral decides: first of all, or as soon as no red flag supports the study."""

    URGENT = "urgent"
    AFTER_RED_FLAGS = "after_red_flags"


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a criterion speaks of, as bounds on age in months. None means no bound on that side."""

    min_months: float | None = None  # this age and older
    over_months: float | None = None  # older than this
    max_months: float | None = None  # this age and younger
    under_months: float | None = None  # younger than this

    def bounds(self) -> Iterator[tuple[Comparison, float]]:
        if self.min_months is not None:
            yield Comparison.AT_LEAST, self.min_months
        if self.over_months is not None:
            yield Comparison.MORE_THAN, self.over_months
        if self.max_months is not None:
            yield Comparison.AT_MOST, self.max_months
        if self.under_months is not None:
            yield Comparison.LESS_THAN, self.under_months


@dataclass(frozen=True, slots=True)
class AskOpen:
    """While `when` holds, the unanswered ones of `facts` are asked for (an exclusion that only answers can settle)."""

    when: Node
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a criterion is printed: document id of `guidelines/documents.yaml` and section number."""

    document: str
    section: str


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """One testable statement. `studies` are study keys (`Study.keys`); empty means any study.

    `ages` are the tests on age that `population` stands for.
    """

    id: str
    says: str
    citation: Citation
    kind: str
    outcome: Outcome | None
    when: Node | None
    studies: frozenset[str]
    population: Population
    ages: tuple[FactTest, ...] = ()
    enforce: Enforce | None = None
    red_flag: bool = False
    about_technique: bool = False
    sufficient: bool = True
    pointer: Pointer | None = None
    only_if_uncovered: bool = False
    clinical_review: bool = False
    applies_to: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    ask_open: AskOpen | None = None
    note_card: bool = False
    see_section: str | None = None
    via: str | None = None  # the section that brought this criterion to another population
    refers_to: str | None = None
    note: str | None = None

    @property
    def section(self) -> str:
        return self.citation.section


@dataclass(frozen=True, slots=True)
class Section:
    id: str
    title: str
    document: str
    criteria: tuple[Criterion, ...]
