"""What a criterion makes of facts, of silence, and of what could not be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, FactTest, Node, Not
from cds_service.core.evaluate import Evaluation, Reading, Trace, facts_named
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Value, Why
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.vocabulary import FactDefinition, FactType, Role, Silence
from cds_service.core.ways import Way, Ways
from cds_service.review import Remembering

REGIONS = {"cervical": "", "thoracic": "", "lumbar": ""}
BOOLEAN, NUMBER, CODE = FactType.BOOLEAN, FactType.NUMBER, FactType.CODE
pain = FactTest("pain", "requested_region")
seen, drop, flag = FactTest("seen"), FactTest("drop"), FactTest("flag")
six_weeks = FactTest("weeks", None, Comparison.AT_LEAST, 6.0)
ready = AllOf((seen, AnyOf((flag, six_weeks))))

DEFINITIONS = [
    FactDefinition("pain", BOOLEAN, "", arguments=REGIONS),
    FactDefinition("seen", BOOLEAN, "", role=Role.PROCESS, silence=Silence.ASK),
    FactDefinition("weeks", NUMBER, "", unit="weeks", role=Role.PROCESS, silence=Silence.ASK),
    FactDefinition("drop", BOOLEAN, ""),
    FactDefinition("weak", BOOLEAN, ""),
    FactDefinition("grade", NUMBER, "", unit="score", silence=Silence.ABSENT, ask_with=FactTest("weak")),
    FactDefinition("order_flag", BOOLEAN, "", role=Role.ORDER, denied_by_silence=True),
    FactDefinition("result", CODE, "", codes=("none", "normal", "abnormal")),
    FactDefinition("flag", BOOLEAN, "", defined_as=drop, named_whole="red_flag_any"),
    FactDefinition("ready", BOOLEAN, "", role=Role.PROCESS, defined_as=ready),
    FactDefinition(
        "documented",
        BOOLEAN,
        "",
        arguments={"exam": "", "both": ""},
        implied_by={"exam": seen},
        met_when_answered={"both": ("drop", "weak")},
    ),
    FactDefinition("days", NUMBER, "", unit="days", silence=Silence.ASK, asked_as="weeks"),
]
VOCABULARY = {definition.id: definition for definition in DEFINITIONS}
FAILED = Fact.unknown(Why.NOT_RETRIEVED)


def evaluation(*regions: str, **facts: Value | Fact) -> Evaluation:
    """An evaluation in which only these facts are known; `pain_lumbar` stands for pain(lumbar)."""
    known = {name.replace("pain_", "pain(") + (")" if name.startswith("pain_") else ""): v for name, v in facts.items()}

    def read(ref: str) -> Fact:
        value = known.get(ref, NOT_DOCUMENTED)
        return value if isinstance(value, Fact) else Fact.of(value)

    return Evaluation(VOCABULARY, Remembering(read), regions or ("lumbar",))


@pytest.mark.parametrize(
    ("node", "facts", "expected"),
    [
        (drop, {"drop": True}, MET),
        (drop, {"drop": False}, NOT_MET),
        (drop, {}, NOT_MET),  # a presentation nobody wrote down is read as absent
        (drop, {"drop": FAILED}, UNKNOWN),  # but a query that failed is never absence
        (seen, {}, UNKNOWN),  # what the guideline wants shown is asked
        (six_weeks, {"weeks": 6.0}, MET),
        (six_weeks, {"weeks": 5.9}, NOT_MET),
        (six_weeks, {"weeks": Range(4, 9)}, UNKNOWN),
        (six_weeks, {"weeks": "six"}, UNKNOWN),  # a value of the wrong kind settles nothing
        (FactTest("grade", None, Comparison.AT_MOST, 3.0), {}, NOT_MET),
        (FactTest("grade", None, Comparison.AT_MOST, 3.0), {"weak": True}, UNKNOWN),  # asked once weakness is met
        (FactTest("grade", None, Comparison.AT_MOST, 3.0), {"weak": True, "grade": 3.0}, MET),
        (FactTest("grade", None, Comparison.LESS_THAN, 3.0), {"grade": 3.0}, NOT_MET),
        (FactTest("grade", None, Comparison.MORE_THAN, 3.0), {"grade": 3.0}, NOT_MET),
        (FactTest("grade", None, Comparison.IS, 3.0), {"grade": Range(2, 4)}, UNKNOWN),
        (FactTest("result", None, Comparison.IS, "none"), {}, MET),
        (FactTest("result", None, Comparison.IS_NOT, "abnormal"), {}, MET),
        (FactTest("result", None, Comparison.IN, frozenset({"normal"})), {}, NOT_MET),
        (FactTest("result", None, Comparison.NOT_IN, frozenset({"normal"})), {}, MET),
        (FactTest("result", None, Comparison.IN, frozenset({"normal"})), {"result": "normal"}, MET),
        (FactTest("result", None, Comparison.IN, frozenset({"a", "b"})), {"result": ("b", "c")}, MET),
        (FactTest("result", None, Comparison.NOT_IN, frozenset({"a"})), {"result": ("b", "c")}, MET),
        (Not(drop), {"drop": FAILED}, UNKNOWN),
        (AtLeast(2, (drop, seen, FactTest("weak"))), {"drop": True}, UNKNOWN),
    ],
)
def test_truth(node: Node, facts: dict[str, Value | Fact], expected: Truth) -> None:
    assert evaluation(**facts).truth(node) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, UNKNOWN),  # silence refuses nobody
        ({"drop": False}, MET),  # asked and denied
        ({"drop": True}, NOT_MET),
    ],
)
def test_an_exclusion_needs_documents(facts: dict[str, Value], expected: Truth) -> None:
    assert evaluation(**facts).truth(Not(drop), Reading.EXCLUSION) is expected


def test_order_flags_are_denied_by_silence_even_in_an_exclusion() -> None:
    assert evaluation().truth(Not(FactTest("order_flag")), Reading.EXCLUSION) is MET


def test_a_test_on_the_requested_region_holds_for_any_region_of_the_order() -> None:
    assert evaluation("thoracic", "lumbar", pain_lumbar=True).truth(pain) is MET
    assert evaluation("thoracic", pain_lumbar=True).truth(pain) is NOT_MET


class TestDerivedFacts:
    def test_follow_from_their_parts(self) -> None:
        assert evaluation(seen=True, weeks=6.0).truth(FactTest("ready")) is MET
        assert evaluation(seen=True, weeks=5.0).truth(FactTest("ready")) is NOT_MET
        assert evaluation(seen=True).truth(FactTest("ready")) is UNKNOWN

    def test_a_stated_yes_wins(self) -> None:
        assert evaluation(flag=True).truth(flag) is MET

    def test_a_stated_no_never_erases_a_derived_yes(self) -> None:
        assert evaluation(flag=False, drop=True).truth(flag) is MET
        assert evaluation(flag=False).truth(flag) is NOT_MET

    def test_what_stands_in_yields_to_a_statement(self) -> None:
        exam = FactTest("documented", "exam")
        assert evaluation(seen=True).truth(exam) is MET
        assert evaluation(**{"seen": True, "documented(exam)": False}).truth(exam) is NOT_MET

    def test_met_once_every_part_is_answered_either_way(self) -> None:
        both = FactTest("documented", "both")
        assert evaluation(drop=False, weak=True).truth(both) is MET
        assert evaluation(drop=False).truth(both) is NOT_MET


class TestWays:
    """What would settle a criterion."""

    def test_the_smallest_sets_of_open_facts_come_first(self) -> None:
        assert Ways(evaluation()).to(FactTest("ready")) == (Way(asks=frozenset({"seen", "weeks"})),)
        assert Ways(evaluation(seen=True)).to(FactTest("ready")) == (Way(asks=frozenset({"weeks"})),)

    def test_nothing_settles_what_is_known_otherwise(self) -> None:
        assert Ways(evaluation(weeks=3.0)).to(six_weeks) == ()

    def test_silent_facts_count_only_when_they_may_turn(self) -> None:
        known = evaluation(seen=True, weeks=3.0)
        assert Ways(known).to(FactTest("ready")) == ()
        assert Ways(known).to(FactTest("ready"), turning=True) == (Way(turns=frozenset({"red_flag_any"})),)

    def test_one_answer_that_serves_two_parts_is_asked_once(self) -> None:
        twice = AllOf((AnyOf((seen, six_weeks)), AnyOf((FactTest("documented", "exam"), six_weeks))))
        assert Ways(evaluation()).to(twice)[0].asks in ({"weeks"}, {"seen"})

    def test_a_fact_may_be_asked_as_another(self) -> None:
        days = FactTest("days", None, Comparison.AT_LEAST, 7.0)
        assert Ways(evaluation()).to(days) == (Way(asks=frozenset({"weeks"})),)
        answered = replace(Fact.of(Range(0, 2)), stated=True)
        assert Ways(evaluation(weeks=answered)).to(days) == (Way(asks=frozenset({"days"})),)

    def test_what_could_not_be_read_is_not_asked(self) -> None:
        assert Ways(evaluation(drop=FAILED)).to(drop) == (Way(blocked=frozenset({"drop"})),)

    def test_the_opposite_can_be_wanted(self) -> None:
        assert Ways(evaluation(drop=True)).to(Not(drop)) == ()
        assert Ways(evaluation()).to(Not(seen)) == (Way(asks=frozenset({"seen"})),)


def test_the_gap_counts_each_fact_once() -> None:
    node = AllOf((drop, FactTest("ready"), AnyOf((FactTest("weak"), AllOf((seen, six_weeks))))))
    assert Ways(evaluation(seen=True, weeks=2.0)).gap(node) == {"drop", "weeks"} or Ways(evaluation()).gap(node)
    assert Ways(evaluation(seen=True, weeks=6.0, drop=True)).gap(node) == frozenset()


def test_only_met_presentations_touch_a_patient() -> None:
    assert evaluation(pain_lumbar=True).touches(AllOf((pain, seen)))
    assert not evaluation(seen=True).touches(AllOf((pain, seen)))
    assert not evaluation().touches(Not(drop))


def test_a_trace_has_the_shape_of_the_criterion_and_enters_derivations() -> None:
    trace = evaluation(seen=True, weeks=6.0).trace(FactTest("ready"))
    assert trace.truth is MET
    assert [part.node for part in trace.parts] == [ready]
    assert leaves(trace) >= {"seen", "weeks", "drop"}


def leaves(trace: Trace) -> set[str]:
    return {ref for ref, _ in trace.facts}.union(*(leaves(part) for part in trace.parts))


def test_facts_named_enters_every_derivation() -> None:
    assert set(facts_named(FactTest("ready"), VOCABULARY)) == {"ready", "seen", "flag", "drop", "weeks"}
    assert set(facts_named(FactTest("grade", None, Comparison.AT_MOST, 3.0), VOCABULARY)) == {"grade", "weak"}
