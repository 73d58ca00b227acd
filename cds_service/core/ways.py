"""What would settle a criterion: the facts to answer, the silent facts that would have to turn out otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, FactTest, Node, Not
from cds_service.core.evaluate import Evaluation, Reading, judge_value
from cds_service.core.fact import Why
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.vocabulary import FactDefinition

# More ways than this to settle one criterion is a list nobody reads; the smallest ones are kept.
MOST_WAYS = 48
# Of the ways that a failed query blocks a few tell enough.
MOST_BLOCKED = 3


@dataclass(frozen=True, slots=True)
class Way:
    """One way to settle a criterion: facts to answer, and at most one silent fact that has to turn out otherwise.

    `blocked` are facts that are unknown for a reason that asking does not cure.
    """

    asks: frozenset[str] = frozenset()
    turns: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        return len(self.asks) + len(self.turns) + len(self.blocked)

    @property
    def order(self) -> tuple[int, list[str], list[str], list[str]]:
        return self.size, sorted(self.asks), sorted(self.turns), sorted(self.blocked)

    def within(self, other: Way) -> bool:
        return self.asks <= other.asks and self.turns <= other.turns and self.blocked <= other.blocked


SETTLED = (Way(),)


class Ways:
    """The ways open in one evaluation. Trees that many criteria share are worked out once.

    Those of trees that `sleeps` tells to depend on no known fact are taken from `silent`, which outlives the request.
    """

    __slots__ = ("_evaluation", "_gaps", "_known", "_silent", "_sleeps")

    def __init__(
        self, evaluation: Evaluation, silent: Ways | None = None, sleeps: Callable[[Node], bool] | None = None
    ) -> None:
        self._evaluation = evaluation
        self._silent = silent
        self._sleeps = sleeps
        self._known: dict[tuple[Node, Truth, bool], tuple[Way, ...]] = {}
        self._gaps: dict[tuple[Node, Truth], frozenset[str]] = {}

    def to(self, node: Node, want: Truth = MET, *, turning: bool = False) -> tuple[Way, ...]:
        """The smallest ways in which `node` becomes `want` (MET or NOT_MET); empty when nothing can.

        With `turning`, one silent fact that is read as absent may turn out otherwise; without, only open facts count.
        """
        key = (node, want, turning)
        ways = self._known.get(key)
        if ways is None:
            if self._evaluation.truth(node) is want:
                ways = SETTLED
            elif (silent := self._silent_ways(node)) is not None:
                ways = silent.to(node, want, turning=turning)
            else:
                ways = self._find(node, want, turning)
            self._known[key] = ways
        return ways

    def _silent_ways(self, node: Node) -> Ways | None:
        return self._silent if self._sleeps is not None and self._sleeps(node) else None

    def _find(self, node: Node, want: Truth, turning: bool) -> tuple[Way, ...]:
        match node:
            case FactTest():
                refs = node.refs(self._evaluation.regions)
                options = (self._ways_of(node, ref, want, turning) for ref in refs)
                return _either(options) if want is MET else _together(options)
            case Not(part):
                return self.to(part, NOT_MET if want is MET else MET, turning=turning)
            case AllOf(parts):
                options = (self.to(part, want, turning=turning) for part in parts)
                return _together(options) if want is MET else _either(options)
            case AnyOf(parts):
                options = (self.to(part, want, turning=turning) for part in parts)
                return _either(options) if want is MET else _together(options)
            case AtLeast():
                return ()

    def gap(self, node: Node, want: Truth = MET) -> frozenset[str]:
        """The facts that would have to come out otherwise for `node` to become `want`, by the shortest way.

        A way that needs fewer other indications is shorter, whatever its length.
        """
        key = (node, want)
        found = self._gaps.get(key)
        if found is None:
            if self._evaluation.truth(node) is want:
                found = frozenset()
            elif (silent := self._silent_ways(node)) is not None:
                found = silent.gap(node, want)
            else:
                found = self._find_gap(node, want)
            self._gaps[key] = found
        return found

    def _find_gap(self, node: Node, want: Truth) -> frozenset[str]:
        match node:
            case FactTest():
                gaps = [self._gap_of(node, ref, want) for ref in node.refs(self._evaluation.regions)]
                return self._shortest(gaps) if want is MET else frozenset[str]().union(*gaps)
            case Not(part):
                return self.gap(part, NOT_MET if want is MET else MET)
            case AllOf(parts):
                gaps = [self.gap(part, want) for part in parts]
                return frozenset[str]().union(*gaps) if want is MET else self._shortest(gaps)
            case AnyOf(parts):
                gaps = [self.gap(part, want) for part in parts]
                return self._shortest(gaps) if want is MET else frozenset[str]().union(*gaps)
            case AtLeast():
                return frozenset({str(node.count)})

    def _shortest(self, gaps: list[frozenset[str]]) -> frozenset[str]:
        return min(gaps, key=lambda gap: (sum(map(self._evaluation.is_indication, gap)), len(gap)), default=frozenset())

    def _ways_of(self, test: FactTest, ref: str, want: Truth, turning: bool) -> tuple[Way, ...]:
        if self._evaluation.truth_of_ref(test, ref, Reading.SUPPORT) is want:
            return SETTLED
        fact = self._evaluation.fact(ref)
        definition = self._evaluation.vocabulary[test.fact]
        asked = Way(asks=frozenset({self._question(definition, ref)}))
        if fact.known:
            return (asked,) if isinstance(fact.value, Range) and judge_value(test, fact.value) is UNKNOWN else ()
        derivation = self._evaluation.derivation(test, ref)
        if derivation is not None:
            whole = definition.named_whole if turning and want is MET else None
            inside = self.to(derivation, want, turning=turning and whole is None)
            return inside if whole is None else (*inside, Way(turns=frozenset({whole})))
        if self._evaluation.silence_is_open(definition, Reading.SUPPORT):
            # Who orders may know what the record would have told; the order still waits for a record that failed.
            return (replace(asked, blocked=frozenset({ref})) if fact.why is Why.NOT_RETRIEVED else asked,)
        if fact.why is Why.NOT_RETRIEVED:
            return (Way(blocked=frozenset({ref})),)
        if fact.why is Why.UNREADABLE:
            return (Way(blocked=frozenset({ref})),)
        return (Way(turns=frozenset({ref})),) if turning else ()

    def _question(self, definition: FactDefinition, ref: str) -> str:
        """Completed years are asked rather than months, until somebody has answered them and they did not settle it."""
        instead = definition.asked_as
        return ref if instead is None or self._evaluation.fact(instead).stated else instead

    def _gap_of(self, test: FactTest, ref: str, want: Truth) -> frozenset[str]:
        if self._evaluation.truth_of_ref(test, ref, Reading.SUPPORT) is want:
            return frozenset()
        derivation = None if self._evaluation.fact(ref).known else self._evaluation.derivation(test, ref)
        return self.gap(derivation, want) if derivation is not None else frozenset({ref})


def _either(options: Iterable[tuple[Way, ...]]) -> tuple[Way, ...]:
    return _smallest([way for option in options for way in option])


def _together(options: Iterable[tuple[Way, ...]]) -> tuple[Way, ...]:
    ways: tuple[Way, ...] = SETTLED
    for option in options:
        if option is not SETTLED:
            ways = _smallest([both for one in ways for other in option if (both := _joined(one, other)) is not None])
        if not ways:
            break
    return ways


def _joined(one: Way, other: Way) -> Way | None:
    """Both ways at once; None when two silent facts would have to turn out otherwise."""
    turns = one.turns | other.turns
    if len(turns) > 1:
        return None
    return Way(one.asks | other.asks, turns, one.blocked | other.blocked)


def _smallest(ways: list[Way]) -> tuple[Way, ...]:
    """Without ways that contain another one, smallest first."""
    if len(ways) < 2:
        return tuple(ways)
    kept: list[Way] = []
    blocked = 0
    for way in sorted(set(ways), key=attrgetter("order")):
        if blocked >= MOST_BLOCKED and way.blocked:
            continue
        if not any(smaller.within(way) for smaller in kept):
            kept.append(way)
            blocked += bool(way.blocked)
    return tuple(kept[:MOST_WAYS])
