"""Which facts wake a criterion, and that what sleeps is judged as if it had been looked at."""

from __future__ import annotations

import pytest

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, FactTest, Node, Not
from cds_service.core.evaluate import Evaluation, Reading
from cds_service.core.fact import NOT_DOCUMENTED, Fact
from cds_service.core.truth import NOT_MET, UNKNOWN
from cds_service.core.watch import Asleep, Watch
from cds_service.core.ways import Way, Ways
from cds_service.review import Remembering
from tests.unit.core.test_evaluate import VOCABULARY, drop, evaluation, flag, pain, seen

weak, order_flag = FactTest("weak"), FactTest("order_flag")
grade = FactTest("grade", None, Comparison.AT_LEAST, 3.0)


@pytest.mark.parametrize(
    ("node", "watched"),
    [
        (drop, {"drop"}),
        (seen, None),  # asked for in silence: never skipped
        (flag, {"flag", "drop"}),  # derived: by itself, or by what it follows from
        (grade, {"grade", "weak"}),  # asked for once its companion is there
        (pain, {"pain(requested_region)"}),
        (FactTest("pain", "entire_spine"), {"pain(requested_region)"}),  # a region that only other regions tell of
        (FactTest("documented", "both"), {"documented(both)", "drop", "weak"}),
        (FactTest("documented", "exam"), None),  # follows from a fact that is asked for
        (FactTest("result", None, Comparison.IS, "none"), None),
        (FactTest("result", None, Comparison.IS, "abnormal"), {"result"}),
        (Not(drop), None),
        (AllOf((drop, seen)), {"drop"}),  # one part that sleeps is enough
        (AllOf((order_flag, drop)), {"drop"}),  # the one that is likelier to sleep
        (AnyOf((drop, weak)), {"drop", "weak"}),
        (AnyOf((drop, seen)), None),
        (AtLeast(2, (drop, weak, seen)), {"drop", "weak"}),
        (AtLeast(1, (drop, seen)), None),
    ],
)
def test_a_tree_is_watched_through_the_facts_that_can_wake_it(node: Node, watched: set[str] | None) -> None:
    assert Watch(VOCABULARY).of(node) == (None if watched is None else frozenset(watched))


def test_a_tree_speaks_of_nobody_without_a_presentation() -> None:
    watch = Watch(VOCABULARY)
    assert watch.touching(AllOf((seen, order_flag))) == frozenset()
    assert watch.touching(AllOf((seen, flag))) == {"flag", "drop"}
    assert watch.touching(Not(drop)) == frozenset()


def test_what_sleeps_has_its_truth_beforehand() -> None:
    watch = Watch(VOCABULARY)
    tree = AllOf((drop, AnyOf((seen, order_flag))))
    watch.of(tree)

    asleep = watch.truths({"seen"})
    assert asleep.support == {drop: NOT_MET, order_flag: NOT_MET}
    assert asleep.exclusion == {drop: UNKNOWN, order_flag: NOT_MET}  # silence refuses nothing
    assert watch.truths({"drop", "seen", "order_flag"}).support == {}


def test_a_truth_known_beforehand_is_not_asked_for_again() -> None:
    asked: list[str] = []

    def read(ref: str) -> Fact:
        asked.append(ref)
        return Fact.of(True) if ref == "seen" else NOT_DOCUMENTED

    watch = Watch(VOCABULARY)
    tree = AllOf((seen, drop))
    watch.of(tree)
    judged = Evaluation(VOCABULARY, Remembering(read), ("lumbar",), truths=Asleep(watch, {"seen"}).truths)

    assert judged.truth(tree) is NOT_MET
    assert judged.truth(drop, Reading.EXCLUSION) is UNKNOWN
    assert asked == ["seen"]


def test_ways_to_what_sleeps_outlive_the_request() -> None:
    watch = Watch(VOCABULARY)
    tree = AnyOf((drop, weak))
    first, second = (Asleep(watch, {"seen"}).ways(evaluation()) for _ in range(2))

    assert first.to(tree, turning=True) is second.to(tree, turning=True)
    assert set(first.to(tree, turning=True)) == {Way(turns=frozenset({"drop"})), Way(turns=frozenset({"weak"}))}
    assert first.gap(tree) in ({"drop"}, {"weak"})
    woken = Asleep(watch, {"drop"}).ways(evaluation(drop=True))
    assert woken.to(tree, turning=True) == (Way(),)


def test_a_way_turns_one_silent_fact_at_most() -> None:
    assert Ways(evaluation()).to(AllOf((drop, weak)), turning=True) == ()
    assert Ways(evaluation(weak=True)).to(AllOf((drop, weak)), turning=True) == (Way(turns=frozenset({"drop"})),)
    assert Ways(evaluation()).to(AllOf((drop, seen)), turning=True) == (
        Way(asks=frozenset({"seen"}), turns=frozenset({"drop"})),
    )
