"""Everything that criteria say about one study, sorted into the order of judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from cds_service.core.criterion import (
    AllOf,
    AnyOf,
    AtLeast,
    Criterion,
    Enforce,
    FactTest,
    Node,
    Not,
    Outcome,
    Pointer,
    fact_tests,
)
from cds_service.core.evaluate import NEGATIVE
from cds_service.core.vocabulary import Role, Vocabulary
from cds_service.core.watch import Watch

MRI_CONTRAINDICATED = FactTest("mri_contraindicated")
GENERAL = "general"
ADULT_MONTHS = 216  # where the adult documents begin and the pediatric ones end


class Stage(StrEnum):
    """Whom a plan is for. It only leaves out criteria that cannot fit; each criterion still tests the age itself."""

    CHILD = "child"
    ADULT = "adult"
    ANY = "any"  # the age is not known, or not exactly


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One way to support a study: a supporting criterion and the prerequisites that apply to it.

    `when` is what the criterion itself asks. `whole` adds age and every prerequisite that may hold the study back;
    `if_urgent` leaves out those that an urgent presentation turns into information. `indications` are the tests on
    presentations, findings and plans inside `when`: one of them met means that the path speaks of this patient.
    `accruing` are the tests that waiting may meet.
    """

    criterion: Criterion
    when: Node
    requires: tuple[Criterion, ...]
    whole: Node
    if_urgent: Node
    indications: tuple[FactTest, ...]
    accruing: tuple[FactTest, ...]


Entry = tuple[str, Criterion | Path]  # one criterion, and the group of a plan that it stands in
GROUPS = (
    "urgent",
    "pointers",
    "technique",
    "paths",
    "red_flags",
    "substitutions",
    "exclusions",
    "referrals",
    "preferences",
    "hints",
)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The criteria that speak of one study in one set of documents.

    `paths` hold every sufficient support, red flags included. `substitutions` are criteria by which a CT stands in
    for an MRI that is itself supported. `yielding` are document ids that never refuse this study, because a document
    they yield to speaks of it. `hints` are exclusions that never change a result. `wakes` says which of the `entries`
    a fact wakes; the `sleepless` ones count although the chart is silent.
    """

    urgent: tuple[Criterion, ...]
    pointers: tuple[Criterion, ...]
    technique: tuple[Criterion, ...]
    paths: tuple[Path, ...]
    red_flags: tuple[Path, ...]
    substitutions: tuple[Criterion, ...]
    exclusions: tuple[Criterion, ...]
    referrals: tuple[Criterion, ...]
    preferences: tuple[Criterion, ...]
    hints: tuple[Criterion, ...]
    yielding: frozenset[str]
    entries: tuple[Entry, ...] = ()
    wakes: Mapping[str, frozenset[int]] = field(default_factory=dict)
    sleepless: frozenset[int] = frozenset()

    def awake(self, facts: AbstractSet[str]) -> Plan:
        """Without the criteria that are not met, and do not speak of the patient, while only these facts may say
        something.
        """
        woken = set(self.sleepless)
        for fact in self.wakes.keys() & facts:
            woken |= self.wakes[fact]
        kept: dict[str, list[Any]] = {group: [] for group in GROUPS}
        for number in sorted(woken):
            group, entry = self.entries[number]
            kept[group].append(entry)
        groups: dict[str, Any] = {group: tuple(entries) for group, entries in kept.items()}
        return Plan(**groups, yielding=self.yielding)

    def criteria(self) -> Iterable[Criterion]:
        """Every criterion of the plan, prerequisites included, in the order of judgement."""
        for group in (self.urgent, self.pointers, self.technique, self.substitutions, self.exclusions):
            yield from group
        for path in self.paths:
            yield path.criterion
            yield from path.requires
        for group in (self.referrals, self.preferences, self.hints):
            yield from group

    def speaking(self) -> Iterable[Criterion]:
        """Criteria that could support or refuse the study."""
        yield from (path.criterion for path in self.paths)
        yield from self.technique
        yield from self.exclusions
        yield from self.substitutions


def plan_for(
    keys: Iterable[str],
    criteria: Iterable[Criterion],
    *,
    stage: Stage,
    yields_to: Mapping[str, frozenset[str]],
    vocabulary: Vocabulary,
    watch: Watch,
) -> Plan:
    """The plan for a study with these keys.

    `yields_to` maps a document to those it gives way to; `watch` is that of the vocabulary.
    """
    wanted = frozenset(keys)
    spoken = [c for c in criteria if c.when is not None and (wanted & c.studies or _any_study(c))]
    documents = {c.citation.document for c in spoken if c.outcome in (Outcome.SUPPORTED, Outcome.NOT_SUPPORTED)}
    yielding = frozenset(document for document in documents if yields_to.get(document, frozenset()) & documents)
    about = [c for c in spoken if _may_fit(c, stage)]

    def of(outcome: Outcome) -> list[Criterion]:
        return [c for c in about if c.outcome is outcome]

    requires, referrals = of(Outcome.REQUIRES), of(Outcome.REFER_OUT)
    exclusions = [c for c in of(Outcome.NOT_SUPPORTED) if c.citation.document not in yielding]
    binding = [c for c in exclusions if c.enforce is not Enforce.INFORMATION and c.kind != GENERAL]
    supports = of(Outcome.SUPPORTED) + of(Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED)
    paths = tuple(_path(c, requires, vocabulary) for c in supports if c.sufficient or c.red_flag)
    plan = Plan(
        urgent=tuple(c for c in referrals if c.pointer is Pointer.URGENT),
        pointers=tuple(c for c in referrals if c.pointer is Pointer.AFTER_RED_FLAGS),
        technique=tuple(c for c in binding if c.about_technique),
        paths=paths,
        red_flags=tuple(path for path in paths if path.criterion.red_flag),
        substitutions=tuple(c for c in supports if _stands_in(c)),
        exclusions=tuple(c for c in binding if not c.about_technique),
        referrals=tuple(c for c in referrals if c.pointer is None and c.enforce is not Enforce.INFORMATION),
        preferences=tuple(of(Outcome.PREFER_INSTEAD)),
        hints=tuple(c for c in exclusions if c not in binding),
        yielding=yielding,
    )
    return _watched(plan, watch)


def _watched(plan: Plan, watch: Watch) -> Plan:
    """The plan with what wakes each of its criteria: facts by which it may hold, be asked for, or speak of anyone."""
    entries: tuple[Entry, ...] = tuple((group, entry) for group in GROUPS for entry in getattr(plan, group))
    wakes: dict[str, set[int]] = {}
    sleepless = set()
    for number, (_, entry) in enumerate(entries):
        for facts in (facts for tree in _trees(entry) for facts in (watch.of(tree), watch.touching(tree))):
            if facts is None:
                sleepless.add(number)
            for fact in facts or ():
                wakes.setdefault(fact, set()).add(number)
    for path in plan.paths:
        watch.of(path.whole)  # the tests of prerequisites are judged as well
    found = {fact: frozenset(numbers) for fact, numbers in wakes.items()}
    return replace(plan, entries=entries, wakes=found, sleepless=frozenset(sleepless))


def _trees(entry: Criterion | Path) -> Iterator[Node]:
    if entry.when is not None:
        yield entry.when
    if isinstance(entry, Criterion) and entry.ask_open is not None:
        yield entry.ask_open.when


def _any_study(criterion: Criterion) -> bool:
    return not criterion.studies and criterion.outcome is Outcome.REFER_OUT


def _stands_in(criterion: Criterion) -> bool:
    contraindicated = criterion.outcome is Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED
    return contraindicated and not criterion.sufficient and not criterion.red_flag


def _may_fit(criterion: Criterion, stage: Stage) -> bool:
    population = criterion.population
    if stage is Stage.ADULT:
        return not any(m is not None and m <= ADULT_MONTHS for m in (population.under_months, population.max_months))
    if stage is Stage.CHILD:
        return population.min_months is None or population.min_months < ADULT_MONTHS
    return True


def _path(criterion: Criterion, requires: list[Criterion], vocabulary: Vocabulary) -> Path:
    when = criterion.when
    if when is None:
        raise ValueError(f"{criterion.id} has no tree")
    if criterion.outcome is Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED:
        when = AllOf((when, MRI_CONTRAINDICATED))
    own = tuple(c for c in requires if applies_to(c, criterion))
    binding = [c for c in own if c.enforce is not Enforce.INFORMATION]
    required = [c.when for c in binding if c.when is not None]
    always = [c for c in binding if c.enforce is not Enforce.INFORMATION_IF_URGENT]
    return Path(
        criterion,
        when,
        own,
        whole=AllOf((*criterion.ages, when, *(_for_its_age(c, criterion) for c in binding))),
        if_urgent=AllOf((*criterion.ages, when, *(_for_its_age(c, criterion) for c in always))),
        indications=tuple(dict.fromkeys(indication_tests(when, vocabulary))),
        accruing=tuple(dict.fromkeys(t for n in (when, *required) for t in accruing_tests(n, vocabulary))),
    )


def _for_its_age(requirement: Criterion, support: Criterion) -> Node:
    """A prerequisite binds only patients of the age it speaks of."""
    if requirement.when is None:
        raise ValueError(f"{requirement.id} has no tree")
    if not requirement.ages or requirement.population == support.population:
        return requirement.when
    return AnyOf((*(Not(age) for age in requirement.ages), requirement.when))


def indication_tests(node: Node, vocabulary: Vocabulary) -> Iterator[FactTest]:
    """Tests of a tree that, met, show a presentation, finding or plan. A summary fact speaks as a whole only."""
    match node:
        case FactTest():
            definition = vocabulary[node.fact]
            if definition.role is Role.INDICATION and node.comparison not in NEGATIVE:
                yield node
                if definition.defined_as is not None and definition.named_whole is None:
                    yield from indication_tests(definition.defined_as, vocabulary)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from indication_tests(part, vocabulary)
        case Not():
            return


def accruing_tests(node: Node, vocabulary: Vocabulary) -> Iterator[FactTest]:
    """Tests of durations that grow by themselves, inside derived facts too: waiting may meet them."""
    for test in fact_tests(node):
        definition = vocabulary[test.fact]
        if definition.accrues:
            yield test
        if definition.defined_as is not None:
            yield from accruing_tests(definition.defined_as, vocabulary)


def applies_to(requirement: Criterion, support: Criterion) -> bool:
    """Whether a prerequisite applies to a supporting criterion: its own section's, or those it names.

    "SP-*" stands for the sections of a document from its second chapter on, "not PEDSP-2.5" takes one out.
    """
    if not requirement.applies_to:
        return requirement.section == support.section
    names = {support.id, support.section, support.via or support.section}
    applies = False
    for pattern in requirement.applies_to:
        if pattern.startswith("not "):
            if pattern[4:] in names:
                return False
        elif pattern.endswith("-*"):
            applies = applies or any(_in_chapters(pattern[:-1], name) for name in names)
        else:
            applies = applies or pattern in names
    return applies


def _in_chapters(prefix: str, section: str) -> bool:
    """ "PEDSP-" holds PEDSP-2 and later chapters, not the introduction PEDSP-1, and no criterion id."""
    chapter = section.removeprefix(prefix).partition(".")[0]
    return section.startswith(prefix) and chapter.isdigit() and int(chapter) >= FIRST_CONDITION_CHAPTER


# Chapter 1 of both documents holds general rules and red flags, which carry their own prerequisites.
FIRST_CONDITION_CHAPTER = 2


def borrowed(criterion: Criterion, by: Criterion) -> Criterion:
    """A criterion of another population, judged for the population of `by` while `by` holds."""
    parts = tuple(node for node in (by.when, criterion.when) if node is not None)
    return replace(criterion, population=by.population, ages=by.ages, when=AllOf(parts), via=by.section)
