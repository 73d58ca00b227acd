"""Through which facts a criterion is watched: while none of them says anything, it cannot come out for the patient.

A chart speaks of a few dozen facts out of hundreds. Each tree therefore names a few facts, worked out once, without any
of which it stays NOT_MET; a request then looks only at the criteria that one of its facts wakes (docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

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
from cds_service.core.evaluate import NEGATIVE, Evaluation, Truths, judge_silence
from cds_service.core.fact import NOT_DOCUMENTED, Fact
from cds_service.core.truth import NOT_MET, UNKNOWN
from cds_service.core.vocabulary import FactDefinition, Role, Silence, Vocabulary
from cds_service.core.ways import Ways

Watched = frozenset[str]
MOST_REGIONS = 64  # combinations of regions that are kept; studies have some thirty, a sender may make up others


class Asleep:
    """What one request need not judge: the chart says nothing on it. `awake` are the other facts; None: any fact."""

    __slots__ = ("_watch", "awake", "truths")

    def __init__(self, watch: Watch, awake: AbstractSet[str] | None) -> None:
        self._watch = watch
        self.awake = awake
        self.truths = Truths.none() if awake is None else watch.truths(awake)

    def ways(self, evaluation: Evaluation) -> Ways:
        """The ways open in an evaluation. Those of trees that sleep are the same for every patient."""
        if self.awake is None:
            return Ways(evaluation)
        return Ways(evaluation, self._watch.ways(evaluation.regions), self._sleeps)

    def _sleeps(self, node: Node) -> bool:
        return self.awake is not None and self._watch.reads(node).isdisjoint(self.awake)


class SilentChart:
    """The facts of a chart that says nothing at all."""

    awake: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}

    def read(self, ref: str) -> Fact:
        return NOT_DOCUMENTED


class Watch:
    """The facts to watch, for trees over one vocabulary. Trees that many criteria share are worked out once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._watched: dict[tuple[Node, bool], Watched | None] = {}
        self._read: dict[Node, Watched] = {}
        self._silent = Truths.none()
        self._woken_by: dict[str, list[FactTest]] = {}
        self._ways: dict[tuple[str, ...], Ways] = {}

    def truths(self, awake: AbstractSet[str]) -> Truths:
        """What is true of every test seen so far while only these facts may say something."""
        found = self._silent.copy()
        for fact in self._woken_by.keys() & awake:
            for test in self._woken_by[fact]:
                (found.support_of_order if test.of_order else found.support).pop(test, None)
                (found.exclusion_of_order if test.of_order else found.exclusion).pop(test, None)
        return found

    def ways(self, regions: tuple[str, ...]) -> Ways:
        """The ways open in a chart that says nothing."""
        found = self._ways.get(regions)
        if found is None:
            if len(self._ways) == MOST_REGIONS:
                self._ways.clear()
            found = self._ways[regions] = Ways(Evaluation(self._vocabulary, SilentChart(), regions))
        return found

    def reads(self, node: Node) -> Watched:
        """Every fact that the truth of a tree and the ways to it may depend on."""
        found = self._read.get(node)
        if found is None:
            found = self._read[node] = frozenset(self._reads(node))
        return found

    def _reads(self, node: Node) -> Iterator[str]:
        for test in fact_tests(node):
            definition = self._vocabulary[test.fact]
            yield self._name(test)
            yield from definition.met_when_answered.get(test.argument or "", ())
            trees = [*_derivations(test, definition), *([definition.ask_with] if definition.ask_with else [])]
            for tree in trees:
                yield from self.reads(tree)

    def of(self, node: Node, *, open_too: bool = True) -> Watched | None:
        """Facts without any of which a tree is not met and, with `open_too`, not unknown either.

        None when it can hold, or stay open, although the chart says nothing at all. A test for the ordered region is
        watched as "fact(requested_region)", which is awake with the fact for any region.
        """
        key = (node, open_too)
        if key not in self._watched:
            self._watched[key] = self._find(node, open_too)
        return self._watched[key]

    def touching(self, node: Node) -> Watched | None:
        """Facts without any of which no presentation, finding or plan of a tree is met; None when one is in silence."""
        match node:
            case FactTest():
                definition = self._vocabulary[node.fact]
                if definition.role is not Role.INDICATION or node.comparison in NEGATIVE:
                    return frozenset()
                inside = map(self.touching, _derivations(node, definition))
                return _union([self.of(node, open_too=False), *inside])
            case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
                return _union(map(self.touching, parts))
            case Not():
                return frozenset()

    def _find(self, node: Node, open_too: bool) -> Watched | None:
        match node:
            case FactTest():
                watched = self._of_test(node, open_too)
                if open_too:
                    self._put_to_sleep(node, watched)
                return watched
            case AllOf(parts):
                return min(self._parts(parts, open_too), key=self._wakefulness, default=None)
            case AnyOf(parts):
                return self._unless_more(parts, 0, open_too)
            case AtLeast(count, parts):
                return self._unless_more(parts, count - 1, open_too)
            case Not():
                return None

    def _of_test(self, test: FactTest, open_too: bool) -> Watched | None:
        definition = self._vocabulary[test.fact]
        derivations = tuple(_derivations(test, definition))
        answered = definition.met_when_answered.get(test.argument or "", ())
        watched = [
            frozenset({self._name(test), *answered}),
            *(self.of(tree, open_too=open_too) for tree in derivations),
        ]
        # A region without a tree of its own falls back to silence.
        if not answered and (not derivations or (definition.defined_as is None and test.argument == REQUESTED_REGION)):
            if judge_silence(test) is not NOT_MET or (open_too and definition.silence is Silence.ASK):
                return None
            if open_too and definition.ask_with is not None:
                watched.append(self.of(definition.ask_with, open_too=False))
        return _union(watched)

    def _put_to_sleep(self, test: FactTest, watched: Watched | None) -> None:
        """Notes the truths of a test in silence. First what ends them: another request may copy them at any moment."""
        definition = self._vocabulary[test.fact]
        own = frozenset({self._name(test)})
        plain = not any(_derivations(test, definition)) and not definition.met_when_answered.get(test.argument or "")
        support = None
        if watched is not None:
            support = NOT_MET
        elif plain and definition.ask_with is None:
            watched = own
            support = UNKNOWN if definition.silence is Silence.ASK else judge_silence(test)
        for fact in own | (watched or own):
            self._woken_by.setdefault(fact, []).append(test)
        if support is not None:
            (self._silent.support_of_order if test.of_order else self._silent.support)[test] = support
        if plain:
            told = judge_silence(test) if definition.denied_by_silence else UNKNOWN
            (self._silent.exclusion_of_order if test.of_order else self._silent.exclusion)[test] = told

    def _name(self, test: FactTest) -> str:
        """The fact that a test reads. A region that the vocabulary does not list is told from those it does."""
        definition = self._vocabulary[test.fact]
        if test.argument is None or test.argument in definition.arguments:
            return test.name
        return f"{test.fact}({REQUESTED_REGION})"

    def _parts(self, parts: Iterable[Node], open_too: bool) -> Iterator[Watched]:
        return (watched for part in parts if (watched := self.of(part, open_too=open_too)) is not None)

    def _unless_more(self, parts: tuple[Node, ...], may_hold: int, open_too: bool) -> Watched | None:
        """The facts of all parts, while at most `may_hold` parts can hold in silence."""
        watched = list(self._parts(parts, open_too))
        return _union(watched) if len(parts) - len(watched) <= may_hold else None

    def _wakefulness(self, watched: Watched) -> tuple[int, int]:
        """A presentation or finding is silent in most charts; an age, a visit or the order itself never is."""
        roles = [self._vocabulary[ref.partition("(")[0]].role for ref in watched]
        return sum(role is not Role.INDICATION for role in roles), len(roles)


def _derivations(test: FactTest, definition: FactDefinition) -> Iterator[Node]:
    """The trees that may stand for a derived fact, as `Evaluation.derivation` takes them."""
    if test.comparison is not Comparison.MET:
        return
    if definition.defined_as is not None:
        yield definition.defined_as
    elif test.argument == REQUESTED_REGION:
        yield from definition.implied_by.values()
    elif (implied := definition.implied_by.get(test.argument or "")) is not None:
        yield implied


def _union(watched: Iterable[Watched | None]) -> Watched | None:
    together: Watched = frozenset()
    for facts in watched:
        if facts is None:
            return None
        together |= facts
    return together
