"""Properties of judgement, over trees and facts nobody thought of."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, FactTest, Node, Not
from cds_service.core.evaluate import Evaluation, Reading
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Value, Why
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.vocabulary import FactDefinition, FactType, Silence
from cds_service.core.ways import Ways
from cds_service.review import Remembering

BOOLEANS = [f"finding_{letter}" for letter in "abcd"]
NUMBERS = ["weeks", "grade"]
VOCABULARY = {
    **{name: FactDefinition(name, FactType.BOOLEAN, "") for name in BOOLEANS[:2]},
    **{name: FactDefinition(name, FactType.BOOLEAN, "", silence=Silence.ASK) for name in BOOLEANS[2:]},
    **{name: FactDefinition(name, FactType.NUMBER, "", unit="weeks", silence=Silence.ASK) for name in NUMBERS},
}
Facts = dict[str, Value]

tests = st.one_of(
    st.builds(FactTest, st.sampled_from(BOOLEANS)),
    st.builds(
        FactTest,
        st.sampled_from(NUMBERS),
        st.none(),
        st.sampled_from([Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.MORE_THAN, Comparison.LESS_THAN]),
        st.sampled_from([3.0, 6.0]),
    ),
)
parts = st.lists(tests, min_size=2, max_size=3).map(tuple)
trees = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, inner),
        st.builds(AtLeast, st.integers(1, 2), st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)
facts = st.dictionaries(st.sampled_from(BOOLEANS), st.booleans()) | st.dictionaries(
    st.sampled_from(NUMBERS), st.sampled_from([0.0, 3.0, 5.0, 6.0, 7.0])
)
known_facts = st.builds(lambda one, other: {**one, **other}, facts, facts)


def evaluation(known: Facts, otherwise: Fact = NOT_DOCUMENTED) -> Evaluation:
    return Evaluation(VOCABULARY, Remembering(lambda ref: Fact.of(known[ref]) if ref in known else otherwise), ())


@given(tree=trees, known=known_facts, learned=known_facts)
def test_learning_a_fact_only_ever_settles_an_unknown(tree: Node, known: Facts, learned: Facts) -> None:
    """Where nothing could be read, an answer may settle a criterion and never turns it round."""
    unread = Fact.unknown(Why.NOT_RETRIEVED)
    before = evaluation(known, unread).truth(tree)
    after = evaluation({**learned, **known}, unread).truth(tree)
    assert before in (UNKNOWN, after)


@given(tree=trees, known=known_facts)
def test_a_naive_evaluator_agrees(tree: Node, known: Facts) -> None:
    """The truth is MET (NOT_MET) exactly when every completion of the unread facts... makes the naive answer so,
    or a part of the tree already settles it; the naive evaluator below knows no short cuts."""
    unread = Fact.unknown(Why.NOT_RETRIEVED)
    assert evaluation(known, unread).truth(tree) is naive(tree, known)


def naive(tree: Node, known: Facts) -> Truth:
    match tree:
        case FactTest(fact, _, comparison, limit):
            if fact not in known:
                return UNKNOWN
            value = known[fact]
            if comparison is Comparison.MET:
                return MET if value is True else NOT_MET
            assert isinstance(value, float)
            assert isinstance(limit, float)
            holds = {
                Comparison.AT_LEAST: value >= limit,
                Comparison.AT_MOST: value <= limit,
                Comparison.MORE_THAN: value > limit,
                Comparison.LESS_THAN: value < limit,
            }
            return MET if holds[comparison] else NOT_MET
        case Not(part):
            return {MET: NOT_MET, NOT_MET: MET, UNKNOWN: UNKNOWN}[naive(part, known)]
        case AllOf(parts):
            found = [naive(part, known) for part in parts]
            return NOT_MET if NOT_MET in found else UNKNOWN if UNKNOWN in found else MET
        case AnyOf(parts):
            found = [naive(part, known) for part in parts]
            return MET if MET in found else UNKNOWN if UNKNOWN in found else NOT_MET
        case AtLeast(count, parts):
            found = [naive(part, known) for part in parts]
            if found.count(MET) >= count:
                return MET
            return UNKNOWN if found.count(MET) + found.count(UNKNOWN) >= count else NOT_MET


@given(tree=trees, known=known_facts)
def test_a_trace_tells_the_same_truth(tree: Node, known: Facts) -> None:
    judged = evaluation(known)
    for reading in Reading:
        assert judged.trace(tree, reading).truth is judged.truth(tree, reading)


@given(tree=trees, known=known_facts)
def test_an_exclusion_never_reads_silence_as_a_denial(tree: Node, known: Facts) -> None:
    """What an exclusion finds met on a silent chart stays met whatever the silent facts turn out to be."""
    if evaluation(known).truth(tree, Reading.EXCLUSION) is not MET:
        return
    silent = [name for name in BOOLEANS if name not in known]
    for answers in product((True, False), repeat=len(silent)):
        assert evaluation({**known, **dict(zip(silent, answers, strict=True))}).truth(tree, Reading.EXCLUSION) is MET


@given(tree=trees, known=known_facts)
def test_what_is_asked_can_settle_the_criterion(tree: Node, known: Facts) -> None:
    """Some answer to the asked facts makes the criterion met, and without any one of them none does."""
    judged = evaluation(known)
    for way in Ways(judged).to(tree)[:2]:
        if contradictory(tree):
            return
        assert can_be_met(tree, known, sorted(way.asks))
        for fact in way.asks:
            if judged.truth(tree) is UNKNOWN:
                assert not can_be_met(tree, known, sorted(way.asks - {fact})) or len(Ways(judged).to(tree)) > 1


def can_be_met(tree: Node, known: Facts, asked: list[str]) -> bool:
    choices = [(True, False) if name in BOOLEANS else (0.0, 3.0, 5.0, 6.0, 9.0) for name in asked]
    return any(
        evaluation({**known, **dict(zip(asked, answers, strict=True))}).truth(tree) is MET
        for answers in product(*choices)
    )


def contradictory(tree: Node) -> bool:
    """A fact tested twice may be wanted both ways; no guideline asks that, so such trees prove nothing."""
    seen = [test.fact for test in leaves(tree)]
    return len(seen) != len(set(seen))


def leaves(tree: Node) -> list[FactTest]:
    match tree:
        case FactTest():
            return [tree]
        case Not(part):
            return leaves(part)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            return [leaf for part in parts for leaf in leaves(part)]
