"""Everything that criteria say about one study, sorted into the order of judgement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cds_service.core.criterion import AllOf, Criterion, Enforce, FactTest, Node, Outcome, Pointer

MRI_CONTRAINDICATED = FactTest("mri_contraindicated")
GENERAL = "general"


@dataclass(frozen=True, slots=True)
class Path:
    """One way to support a study: a supporting criterion and the prerequisites that apply to it."""

    criterion: Criterion
    when: Node
    requires: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The criteria that speak of one study in one set of documents.

    `paths` hold every sufficient support, red flags included. `substitutions` are criteria by which a CT stands in
    for an MRI that is itself supported. `yielding` are document ids that never refuse this study, because a document
    they yield to speaks of it. `spoken_of` is True when some criterion could support or refuse the study.
    """

    urgent: tuple[Criterion, ...]
    pointers: tuple[Criterion, ...]
    technique: tuple[Criterion, ...]
    paths: tuple[Path, ...]
    substitutions: tuple[Criterion, ...]
    exclusions: tuple[Criterion, ...]
    referrals: tuple[Criterion, ...]
    preferences: tuple[Criterion, ...]
    hints: tuple[Criterion, ...]
    yielding: frozenset[str]

    @property
    def red_flags(self) -> tuple[Path, ...]:
        return tuple(path for path in self.paths if path.criterion.red_flag)

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
        yield from (path.criterion for path in self.paths)
        yield from self.technique
        yield from self.exclusions
        yield from self.substitutions


def plan_for(keys: Iterable[str], criteria: Iterable[Criterion], yields_to: dict[str, frozenset[str]]) -> Plan:
    """The plan for a study with these keys. `yields_to` maps a document to those it gives way to."""
    wanted = frozenset(keys)
    about = [c for c in criteria if c.when is not None and (wanted & c.studies or _any_study(c))]
    requires = [c for c in about if c.outcome is Outcome.REQUIRES]
    documents = {c.citation.document for c in about if c.outcome in (Outcome.SUPPORTED, Outcome.NOT_SUPPORTED)}
    yielding = frozenset(document for document in documents if yields_to.get(document, frozenset()) & documents)

    def of(outcome: Outcome) -> list[Criterion]:
        return [c for c in about if c.outcome is outcome]

    referrals = of(Outcome.REFER_OUT)
    exclusions = [c for c in of(Outcome.NOT_SUPPORTED) if c.citation.document not in yielding]
    binding = [c for c in exclusions if c.enforce is not Enforce.INFORMATION and c.kind != GENERAL]
    supports = of(Outcome.SUPPORTED) + of(Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED)
    return Plan(
        urgent=tuple(c for c in referrals if c.pointer is Pointer.URGENT),
        pointers=tuple(c for c in referrals if c.pointer is Pointer.AFTER_RED_FLAGS),
        technique=tuple(c for c in binding if c.about_technique),
        paths=tuple(_path(c, requires) for c in supports if c.sufficient or c.red_flag),
        substitutions=tuple(
            c
            for c in supports
            if c.outcome is Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED and not c.sufficient and not c.red_flag
        ),
        exclusions=tuple(c for c in binding if not c.about_technique),
        referrals=tuple(c for c in referrals if c.pointer is None and c.enforce is not Enforce.INFORMATION),
        preferences=tuple(of(Outcome.PREFER_INSTEAD)),
        hints=tuple(c for c in exclusions if c not in binding),
        yielding=yielding,
    )


def _any_study(criterion: Criterion) -> bool:
    return not criterion.studies and criterion.outcome is Outcome.REFER_OUT


def _path(criterion: Criterion, requires: list[Criterion]) -> Path:
    when = criterion.when
    if when is None:
        raise ValueError(f"{criterion.id} has no tree")
    if criterion.outcome is Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED:
        when = AllOf((when, MRI_CONTRAINDICATED))
    return Path(criterion, when, tuple(c for c in requires if applies_to(c, criterion)))


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
    return replace(criterion, population=by.population, when=AllOf(parts), via=by.section)
