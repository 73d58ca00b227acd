"""The truth of criteria over the facts of one order, why, and what would settle what is open."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cds_service.core import quantity, truth
from cds_service.core.criterion import (
    REQUESTED_REGION,
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    FactTest,
    Node,
    Not,
    fact_tests,
)
from cds_service.core.fact import Fact, Facts, Value, Why
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.vocabulary import FactDefinition, Role, Silence, Vocabulary

NEGATIVE = frozenset({Comparison.IS_NOT, Comparison.NOT_IN})


class Reading(StrEnum):
    """How silence is read. An exclusion refuses care, so it is met only on documented facts."""

    SUPPORT = "support"
    EXCLUSION = "exclusion"


@dataclass(frozen=True, slots=True)
class Trace:
    """How a truth came about: the same shape as the criterion, with the fact read at each leaf."""

    node: Node
    truth: Truth
    parts: tuple[Trace, ...] = ()
    facts: tuple[tuple[str, Fact], ...] = ()


@dataclass(frozen=True, slots=True)
class Truths:
    """Tests whose truth is known: of the patient and of the order, as support and exclusions read silence."""

    support: dict[FactTest, Truth]
    support_of_order: dict[FactTest, Truth]
    exclusion: dict[FactTest, Truth]
    exclusion_of_order: dict[FactTest, Truth]

    @staticmethod
    def none() -> Truths:
        return Truths({}, {}, {}, {})

    def copy(self) -> Truths:
        return Truths(
            self.support.copy(), self.support_of_order.copy(), self.exclusion.copy(), self.exclusion_of_order.copy()
        )

    def for_another_order(self) -> Truths:
        """What holds of the patient is shared, so that it is judged once for all studies."""
        return Truths(self.support, self.support_of_order.copy(), self.exclusion, self.exclusion_of_order.copy())


class ReadingView:
    """The truths found so far under one reading of silence: of tests on the patient, of tests on this order, and of
    the trees that were asked for as a whole.
    """

    __slots__ = ("_evaluation", "_reading", "known", "known_of_order", "trees")

    def __init__(
        self,
        evaluation: Evaluation,
        reading: Reading,
        known: dict[FactTest, Truth],
        known_of_order: dict[FactTest, Truth],
    ) -> None:
        self._evaluation = evaluation
        self._reading = reading
        self.known = known
        self.known_of_order = known_of_order
        self.trees: dict[Node, Truth] = {}

    def judge(self, test: FactTest) -> Truth:
        found = self._evaluation.truth_of_test(test, self._reading)
        (self.known_of_order if test.of_order else self.known)[test] = found
        return found


class Evaluation:
    """One study's view of the facts. Each fact is read once, each test judged once.

    `own` are facts of the study itself, which stand in for those of the order. `regions` are the study's own, in the
    words of the guidelines. `truths` are known beforehand; what is judged is added to them.
    """

    __slots__ = ("_exclusion", "_facts", "_own", "_read", "_support", "regions", "vocabulary")

    def __init__(
        self,
        vocabulary: Vocabulary,
        facts: Facts,
        regions: tuple[str, ...],
        own: Mapping[str, Fact] | None = None,
        truths: Truths | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.regions = regions
        self._read = facts.read
        self._facts = facts.facts
        self._own = own or {}
        known = truths or Truths.none()
        self._support = ReadingView(self, Reading.SUPPORT, known.support, known.support_of_order)
        self._exclusion = ReadingView(self, Reading.EXCLUSION, known.exclusion, known.exclusion_of_order)

    def fact(self, ref: str) -> Fact:
        """The fact for an id with its argument filled in, such as "plain_xray_available(lumbar)"."""
        found = self._own.get(ref) or self._facts.get(ref)
        if found is None:
            found = self._facts[ref] = self._read(ref)
        return found

    def truth(self, node: Node, reading: Reading = Reading.SUPPORT) -> Truth:
        view = self._support if reading is Reading.SUPPORT else self._exclusion
        found = view.trees.get(node)
        if found is None:
            found = view.trees[node] = node.truth(view)
        return found

    def truth_of_test(self, test: FactTest, reading: Reading) -> Truth:
        """Judges one test. Callers want `truth`, which remembers."""
        refs = test.refs(self.regions)
        if len(refs) == 1:
            return self.truth_of_ref(test, refs[0], reading)
        return truth.any_of(self.truth_of_ref(test, ref, reading) for ref in refs)

    def trace(self, node: Node, reading: Reading = Reading.SUPPORT) -> Trace:
        """The same truth with its reasons. Enters the definitions of derived facts."""
        match node:
            case FactTest():
                refs = node.refs(self.regions)
                parts = tuple(
                    self.trace(derivation, reading)
                    for ref in refs
                    if (derivation := self.derivation(node, ref)) is not None
                )
                return Trace(node, self.truth(node, reading), parts, tuple((ref, self.fact(ref)) for ref in refs))
            case Not(part):
                return Trace(node, self.truth(node, reading), (self.trace(part, reading),))
            case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
                return Trace(node, self.truth(node, reading), tuple(self.trace(part, reading) for part in parts))

    def is_indication(self, ref: str) -> bool:
        definition = self.vocabulary.get(ref.partition("(")[0])
        return definition is not None and definition.role is Role.INDICATION

    def bearing(self, node: Node) -> list[str]:
        """The facts that bear on the truth of a tree: of a met alternative only what meets it, and of a summary
        (`named_whole`) nothing inside unless it is met.
        """
        found: list[str] = []
        self._add_bearing(node, found)
        return found

    def _add_bearing(self, node: Node, found: list[str]) -> None:
        match node:
            case FactTest():
                refs = node.refs(self.regions)
                found += refs
                met = self.truth(node) is MET
                if self.vocabulary[node.fact].named_whole is None or met:
                    for ref in refs:
                        derivation = self.derivation(node, ref)
                        if derivation is not None and not (met and self.truth(derivation) is not MET):
                            self._add_bearing(derivation, found)
            case Not(part):
                self._add_bearing(part, found)
            case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
                met_only = isinstance(node, AnyOf) and self.truth(node) is MET
                for part in parts:
                    if not met_only or self.truth(part) is MET:
                        self._add_bearing(part, found)

    def touches(self, node: Node) -> bool:
        """Whether a presentation, finding or plan that the tree asks for is met: it speaks of this patient."""
        match node:
            case FactTest():
                definition = self.vocabulary[node.fact]
                if self.truth(node) is MET:
                    return definition.role is Role.INDICATION and node.comparison not in NEGATIVE
                return definition.role is Role.INDICATION and any(
                    self.touches(derivation)
                    for ref in node.refs(self.regions)
                    if (derivation := self.derivation(node, ref)) is not None
                )
            case Not():
                return False
            case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
                return any(self.touches(part) for part in parts)

    # -- one fact ---------------------------------------------------------------------------------------------------

    def truth_of_ref(self, test: FactTest, ref: str, reading: Reading) -> Truth:
        fact = self.fact(ref)
        definition = self.vocabulary[test.fact]
        if fact.why is None:
            stated = judge_value(test, fact.value)
            if definition.defined_as is not None and stated is NOT_MET and test.comparison is Comparison.MET:
                return MET if self.truth(definition.defined_as, reading) is MET else NOT_MET
            return stated
        derivation = self.derivation(test, ref)
        if derivation is not None:
            derived = self.truth(derivation, reading)
            denied = reading is Reading.EXCLUSION and definition.denied_by_silence
            if derived is not UNKNOWN or definition.defined_as is not None or not denied:
                return derived
        if fact.why is not Why.NOT_DOCUMENTED:
            return UNKNOWN
        answered = definition.met_when_answered.get(test.argument or "")
        if answered is not None:
            return truth.of(all(self.fact(other).known for other in answered))
        return UNKNOWN if self.silence_is_open(definition, reading) else judge_silence(test)

    def derivation(self, test: FactTest, ref: str) -> Node | None:
        """The tree that stands for a derived fact, when the plain test of it is not answered by the chart."""
        definition = self.vocabulary[test.fact]
        if test.comparison is not Comparison.MET:
            return None
        if definition.defined_as is None and definition.implied_by:
            return definition.implied_by.get(argument_of(ref))
        return definition.defined_as

    def silence_is_open(self, definition: FactDefinition, reading: Reading) -> bool:
        if reading is Reading.EXCLUSION:
            return not definition.denied_by_silence
        if definition.silence is Silence.ASK:
            return True
        return definition.ask_with is not None and self.truth(definition.ask_with) is MET


def facts_named(node: Node, vocabulary: Vocabulary) -> Iterator[str]:
    """The names of every fact that judging a tree may read, definitions of derived facts included."""
    for test in fact_tests(node):
        definition = vocabulary[test.fact]
        yield definition.id
        for inside in (definition.defined_as, definition.ask_with, definition.implied_by.get(test.argument or "")):
            if inside is not None:
                yield from facts_named(inside, vocabulary)
        for ref in definition.met_when_answered.get(test.argument or "", ()):
            yield ref.partition("(")[0]


def is_bound(test: FactTest, order_bound: frozenset[str]) -> bool:
    """Whether a test depends on what is ordered, not only on the patient."""
    return test.argument == REQUESTED_REGION or test.fact in order_bound


def order_bound_facts(vocabulary: Vocabulary) -> frozenset[str]:
    """Facts that depend on what is ordered: those of the order, and those derived from them or from its region."""
    bound = {name for name, definition in vocabulary.items() if definition.role is Role.ORDER}
    while True:
        more = {
            name
            for name, definition in vocabulary.items()
            if name not in bound
            for tree in (definition.defined_as, definition.ask_with, *definition.implied_by.values())
            if tree is not None and any(is_bound(test, frozenset(bound)) for test in fact_tests(tree))
        }
        if not more:
            return frozenset(bound)
        bound |= more


def argument_of(ref: str) -> str:
    """ "planned(myelogram)" -> "myelogram"; "" when the fact has no argument."""
    return ref[ref.index("(") + 1 : -1] if ref.endswith(")") else ""


def judge_value(test: FactTest, value: Value | None) -> Truth:
    """The truth of a test on a known value. A value of the wrong kind settles nothing."""
    operand = test.operand
    if isinstance(value, tuple):
        return _judge_codes(test, value)
    if test.comparison is Comparison.MET:
        return truth.of(value) if isinstance(value, bool) else UNKNOWN
    if isinstance(operand, float):
        if isinstance(value, bool) or not isinstance(value, int | float | Range):
            return UNKNOWN
        return judge_number(test.comparison, value, operand)
    if not isinstance(value, str):
        return UNKNOWN
    return _judge_codes(test, (value,))


def judge_number(test: Comparison, value: float | Range, limit: float) -> Truth:
    match test:
        case Comparison.AT_LEAST:
            return quantity.at_least(value, limit)
        case Comparison.LESS_THAN:
            return truth.negate(quantity.at_least(value, limit))
        case Comparison.MORE_THAN:
            return quantity.more_than(value, limit)
        case Comparison.AT_MOST:
            return truth.negate(quantity.more_than(value, limit))
        case Comparison.IS:
            low, high = quantity.bounds(value)
            if low == high:
                return truth.of(low == limit)
            return UNKNOWN if low <= limit <= high else NOT_MET
        case _:
            return UNKNOWN


def _judge_codes(test: FactTest, codes: tuple[str, ...]) -> Truth:
    operand = test.operand
    if isinstance(operand, str):
        if test.comparison is Comparison.IS:
            return truth.of(operand in codes)
        if test.comparison is Comparison.IS_NOT:
            return truth.of(operand not in codes)
    elif isinstance(operand, Container):
        if test.comparison is Comparison.IN:
            return truth.of(any(code in operand for code in codes))
        if test.comparison is Comparison.NOT_IN:
            return truth.of(not any(code in operand for code in codes))
    return UNKNOWN


def judge_silence(test: FactTest) -> Truth:
    """A silent fact read as absent: false, equal to "none", in no list, past no threshold."""
    match test.comparison:
        case Comparison.IS:
            return truth.of(test.operand == "none")
        case Comparison.IS_NOT:
            return truth.of(test.operand != "none")
        case Comparison.NOT_IN:
            return MET
        case _:
            return NOT_MET
