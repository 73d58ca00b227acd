"""Random consultations over every section: what must hold whoever the patient is and whatever is ordered.

20,000 of them under CI, fewer on a desk. A failure names its number, and `consultation(number)` makes it again.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import pytest

from cds_service.core.consider import Consideration
from cds_service.core.criterion import AllOf, AnyOf, AtLeast, FactTest, Node, Not
from cds_service.core.determination import Determination, Ground, Review
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Facts, Value, Why
from cds_service.core.order import ImagingOrder, Study
from cds_service.core.plan import Plan, Stage
from cds_service.core.truth import MET, NOT_MET
from cds_service.core.vocabulary import FactDefinition, FactType
from cds_service.facts.quiet import regional
from cds_service.guidelines.load import Guidelines, load
from cds_service.review import Remembering

CI = os.environ.get("CI", "").lower() == "true"
CONSULTATIONS = 20_000 if CI else 1_000
ASKED = CONSULTATIONS // 4  # consultations in which the asked facts are answered in every way
DAY = date(2026, 11, 10)
AGES = (
    0.5,
    3.0,
    6.0,
    6 + 1 / 31,
    9.0,
    23.9,
    24.0,
    30.0,
    60.0,
    71.9,
    72.0,
    150.0,
    215.9,
    216.0,
    420.0,
    721.0,
    780.0,
    841.0,
)
NUMBERS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0, 12.0, 13.0, 24.0, 25.0, 36.0, 61.0, 100.0)
UNREAD = Fact.unknown(Why.NOT_RETRIEVED)
NEVER_REFUSED = (Determination.SUPPORTED, Determination.GOVERNED_ELSEWHERE)


@dataclass(frozen=True)
class Random:
    """One made-up patient and order. `facts` are stated; `age` is None when no birth date is on record."""

    study: Study
    age: float | None
    facts: dict[str, Value | None]  # None: could not be read
    has_reason: bool
    contrast_open: bool = False


@cache
def guidelines() -> Guidelines:
    return load()


@cache
def studies() -> list[Study]:
    """Spine studies that some document speaks of, and a few that none does."""
    return [
        study
        for study in guidelines().studies.studies.values()
        if study.cpt and (study.advanced or study.cpt == "76800")
    ]


@cache
def wanted_facts(study: Study) -> list[str]:
    """The facts the criteria of a study read, arguments filled in: random ones would rarely meet."""
    found: dict[str, None] = {}
    for criterion in guidelines().plan(study, DAY, Stage.ANY).criteria():
        if criterion.when is not None:
            for test in base_tests(criterion.when):
                found.update(dict.fromkeys(test.refs(study.regions)))
    return [ref for ref in found if not ref.startswith(("requested_", "age_", "icd10_"))]


def base_tests(node: Node) -> Iterator[FactTest]:
    match node:
        case FactTest():
            definition = guidelines().vocabulary[node.fact]
            if definition.defined_as is not None:
                yield from base_tests(definition.defined_as)
            else:
                yield node
        case Not(part):
            yield from base_tests(part)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from base_tests(part)


def consultation(number: int) -> Random:
    """The same consultation for the same number, on every machine."""
    pick = random.Random(number)  # noqa: S311 - a test's dice, not a secret's
    study = pick.choice(studies())
    chosen = pick.sample(wanted_facts(study), k=min(len(wanted_facts(study)), pick.choice((0, 1, 2, 3, 5, 8, 13))))
    facts = {ref: a_value(guidelines().vocabulary[ref.partition("(")[0]], pick) for ref in chosen}
    if pick.random() < 0.6:  # most patients have been seen and treated
        facts |= {"in_person_evaluation": True, "days_since_in_person_evaluation": 3.0}
        facts |= {"conservative_treatment_weeks": pick.choice((3.0, 4.0, 6.0)), "conservative_treatment_failed": True}
    return Random(study, pick.choice((*AGES, None)), facts, pick.random() < 0.3)


def a_value(definition: FactDefinition, pick: random.Random) -> Value:
    if definition.type is FactType.NUMBER:
        return pick.choice(NUMBERS)
    if definition.type is FactType.CODE:
        return pick.choice(definition.codes or ("none",))
    return pick.random() < 0.75


def all_awake(known: dict[str, Fact]) -> Facts:
    return Remembering(lambda ref: known.get(ref, NOT_DOCUMENTED))


class OnlyAwake(Remembering):
    """A chart that says which facts it speaks of, as a fact sheet does."""

    def __init__(self, known: dict[str, Fact]) -> None:
        super().__init__(lambda ref: known.get(ref, NOT_DOCUMENTED))
        self.awake = {name for ref in known for name in (ref, regional(ref.partition("(")[0]))}


def considered(made: Random, chart: Callable[[dict[str, Fact]], Facts] = OnlyAwake) -> Review:
    return consideration(made, chart).review()


def consideration(made: Random, chart: Callable[[dict[str, Fact]], Facts] = OnlyAwake) -> Consideration:
    study = made.study
    order = ImagingOrder(
        reference="ServiceRequest/draft-1",
        study=study,
        code=study.cpt,
        contrast=None if made.contrast_open else study.contrast,
        regions=study.regions,
        review_date=DAY,
        units=1,
        reasons=(),
        has_reason=made.has_reason,
        flags=frozenset(),
        recognised_by="coding",
        resource={},
    )
    known: dict[str, Any] = {
        "requested_cpt": study.cpt,
        **({} if made.contrast_open else {"requested_contrast": study.contrast}),
        "requested_region": study.regions,
        "requested_units": 1.0,
        **made.facts,
    }
    if made.age is not None:
        known |= {"age_months": made.age, "age_years": made.age / 12}
    if known.get("conservative_treatment_weeks") is not None:
        known.setdefault("conservative_treatment_days", known["conservative_treatment_weeks"] * 7)
    content = guidelines()
    return Consideration(
        order,
        facts=chart({ref: UNREAD if value is None else Fact.of(value) for ref, value in known.items()}),
        vocabulary=content.vocabulary,
        watch=content.watch,
        plan_of=content.plan,
        catalogue=content.studies,
        indications=content.indications,
        spinal_indications=content.spinal_indications,
        studies=content.studies.studies,
    )


def test_what_a_chart_is_silent_about_is_skipped_without_a_difference() -> None:
    """Judging every criterion on every fact gives the same review, unread facts included."""
    for number in range(CONSULTATIONS // 2):
        made = consultation(number)
        unread = dict.fromkeys(list(made.facts)[number % 4 :: 4]) if number % 3 == 0 else {}
        made = replace(made, facts={**made.facts, **unread})
        whole = considered(made, all_awake)
        assert same(considered(made), whole), f"consultation {number} is judged otherwise when silent facts are skipped"


def plan_of(made: Random) -> Plan:
    return guidelines().plan(made.study, DAY, Stage.ANY)


def test_every_consultation_is_judged_and_no_red_flag_is_held_back() -> None:
    for number in range(CONSULTATIONS):
        made = consultation(number)
        considering = consideration(made)
        found = considering.review()
        if number % 10 == 0:
            assert same(found, considered(made)), f"consultation {number} is judged otherwise a second time"
        judge = considering.judge
        supported_by_red_flag = [
            path.criterion.id
            for path in judge.plan.red_flags
            if judge.evaluation.truth(path.when) is MET and judge.fits(path.criterion) is not NOT_MET
        ]
        if supported_by_red_flag:
            assert found.determination in NEVER_REFUSED, f"consultation {number}: {supported_by_red_flag} is held back"
        assert not ({"in_person_evaluation"} & set(found.unless)), f"consultation {number} lists a step as an escape"


def test_a_red_flag_waits_for_no_contrast_and_no_level() -> None:
    """Of an order that leaves contrast open, and of one for several levels, what a red flag supports is supported."""
    wide = [study for study in guidelines().studies.studies.values() if study.components and study.modality == "MR"]
    held = 0
    for number in range(CONSULTATIONS // 2):
        made = consultation(number)
        if made.study.modality not in ("MR", "CT"):
            continue
        for asked in (replace(made, contrast_open=True), replace(made, study=wide[number % len(wide)])):
            considering = consideration(asked)
            if any(considering.judge_of(study).red_flag() for study in meant(asked)):
                held += 1
                found = considering.review()
                assert found.determination in NEVER_REFUSED, f"consultation {number}, {asked.study.id} is held back"
    assert held


def meant(made: Random) -> list[Study]:
    content = guidelines().studies
    if made.study.components:
        return [content.studies[part] for part in made.study.components]
    variants = (
        content.find(made.study.modality, made.study.regions, c) for c in ("without", "with", "without_and_with")
    )
    return [variant for variant in variants if variant is not None]


def same(one: Review, other: Review) -> bool:
    """Equal but for objects made anew (alternatives compare by value, orders by reference)."""
    return replace(one, order=other.order) == other


def test_a_further_supporting_fact_never_takes_support_away() -> None:
    """Unless an exclusion or a pointer says so: those two grounds alone may follow support."""
    for number in range(CONSULTATIONS):
        made = consultation(number)
        before = considered(made)
        if before.determination is not Determination.SUPPORTED:
            continue
        for ref in only_supporting(made)[number % 3 :: 3]:
            after = considered(replace(made, facts={**made.facts, ref: True}))
            allowed = after.determination is Determination.SUPPORTED or after.ground in (
                Ground.TECHNIQUE,
                Ground.POINTER,
                Ground.URGENT_POINTER,
            )
            assert allowed, f"consultation {number}: {ref} turned support into {after.determination}, {after.ground}"


def only_supporting(made: Random) -> list[str]:
    """Silent facts that supporting criteria want and that nothing for this study wants denied."""
    plan = plan_of(made)
    denied = {
        ref
        for criterion in plan.criteria()
        if criterion.when is not None
        for ref in refs_under_not(criterion.when, made.study, inside=False)
    }
    wanted = {
        ref
        for path in plan.paths
        for test in base_tests(path.when)
        if guidelines().vocabulary[test.fact].type is FactType.BOOLEAN
        for ref in test.refs(made.study.regions)
    }
    return sorted(wanted - denied - set(made.facts))


def refs_under_not(node: Node, study: Study, *, inside: bool) -> Iterator[str]:
    match node:
        case FactTest():
            definition = guidelines().vocabulary[node.fact]
            if definition.defined_as is not None:
                yield from refs_under_not(definition.defined_as, study, inside=inside)
            elif inside:
                yield from node.refs(study.regions)
        case Not(part):
            yield from refs_under_not(part, study, inside=True)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from refs_under_not(part, study, inside=inside)


def test_every_asked_fact_can_change_the_determination() -> None:
    for number in range(ASKED):
        made = consultation(number)
        found = considered(made)
        if found.ground is not Ground.OPEN or len(found.asks_for) > 4:
            continue
        if "requested_contrast" in found.asks_for:
            continue
        outcomes = {answered(made, found.asks_for, answers).determination for answers in all_answers(found.asks_for)}
        assert outcomes - {Determination.NEEDS_INFORMATION}, f"consultation {number}: {found.asks_for} settles nothing"


def all_answers(asked: tuple[str, ...]) -> Iterator[tuple[Value, ...]]:
    return itertools.product(*(possible_answers(ref) for ref in asked))


def possible_answers(ref: str) -> tuple[Value, ...]:
    definition = guidelines().vocabulary[ref.partition("(")[0]]
    if definition.type is FactType.NUMBER:
        return (0.0, 3.0, 6.0, 9.0, 30.0, 100.0)
    if definition.type is FactType.CODE:
        return definition.codes or ("none",)
    return (True, False)


def answered(made: Random, asked: tuple[str, ...], answers: tuple[Value, ...]) -> Review:
    facts = {**made.facts, **dict(zip(asked, answers, strict=True))}
    age = facts.pop("age_years", None)
    return considered(replace(made, facts=facts, age=made.age if age is None else float(age) * 12))  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [1, 7, 42])
def test_a_number_always_makes_the_same_consultation(number: int) -> None:
    assert consultation(number) == consultation(number)
