"""What changed between two editions of one document: sections and criteria that came, went or read differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from cds_service.core.criterion import Criterion, Section
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines.load import Document, Guidelines, family_of
from cds_service.guidelines.outline import ages, marks, outline


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One aspect of a criterion, as lines of text before and after."""

    aspect: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CriterionChange:
    """`differences` are those of a changed criterion; one that came or went has none and is shown whole."""

    change: Change
    criterion: Criterion
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class SectionChange:
    """`old_title` is set where the title changed."""

    change: Change
    section: Section
    old_title: str | None = None
    criteria: tuple[CriterionChange, ...] = ()


def families(guidelines: Guidelines) -> Mapping[str, tuple[Document, ...]]:
    """Documents by family, the editions of each in the order in which they took force."""
    found: dict[str, list[Document]] = {}
    for document in guidelines.documents.values():
        found.setdefault(family_of(document), []).append(document)
    return {name: tuple(sorted(editions, key=_first_day)) for name, editions in found.items()}


def compare(old: str, new: str, guidelines: Guidelines) -> tuple[SectionChange, ...]:
    """The changes from one document id to another, in the print order of the new one; what is gone comes last."""
    before, after = _sections(old, guidelines), _sections(new, guidelines)
    return tuple(_section_changes(before, after, guidelines.vocabulary))


def _section_changes(
    before: Mapping[str, Section], after: Mapping[str, Section], vocabulary: Vocabulary
) -> Iterator[SectionChange]:
    for section, was in _paired(before, after):
        if was is None:
            yield SectionChange(Change.ADDED, section)
        elif section.id not in after:
            yield SectionChange(Change.REMOVED, section)
        else:
            criteria = tuple(_criterion_changes(was, section, vocabulary))
            old_title = was.title if was.title != section.title else None
            if criteria or old_title:
                yield SectionChange(Change.CHANGED, section, old_title, criteria)


def _criterion_changes(was: Section, section: Section, vocabulary: Vocabulary) -> Iterator[CriterionChange]:
    before = {criterion.id: criterion for criterion in was.criteria}
    after = {criterion.id: criterion for criterion in section.criteria}
    for criterion, old in _paired(before, after):
        if old is None:
            yield CriterionChange(Change.ADDED, criterion)
        elif criterion.id not in after:
            yield CriterionChange(Change.REMOVED, criterion)
        elif differences := tuple(_differences(old, criterion, vocabulary)):
            yield CriterionChange(Change.CHANGED, criterion, differences)


def _differences(old: Criterion, new: Criterion, vocabulary: Vocabulary) -> Iterator[Difference]:
    before, after = _aspects(old, vocabulary), _aspects(new, vocabulary)
    for aspect, lines in after.items():
        if before[aspect] != lines:
            yield Difference(aspect, before[aspect], lines)


def _aspects(criterion: Criterion, vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    tree = outline(criterion.when, vocabulary).lines() if criterion.when is not None else ()
    return {
        "what it says": (criterion.says,),
        "what follows": (criterion.outcome.replace("_", " ") if criterion.outcome else "nothing",),
        "when": tuple(f"{'  ' * depth}{text}" for depth, text in tree),
        "for whom": (ages(criterion.population),),
        "studies": tuple(sorted(criterion.studies)),
        "instead": criterion.instead,
        "weight": marks(criterion),
        "applies to": criterion.applies_to,
        "points to": tuple(name for name in (criterion.see_section, criterion.refers_to) if name),
        "note": (criterion.note,) if criterion.note else (),
    }


T = TypeVar("T")


def _paired(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[T, T | None]]:
    """Each item of the new edition with its old self, then the items that are gone with themselves."""
    for name, item in after.items():
        yield item, before.get(name)
    for name, item in before.items():
        if name not in after:
            yield item, item


def _sections(document: str, guidelines: Guidelines) -> dict[str, Section]:
    return {section.id: section for section in guidelines.sections.values() if section.document == document}


def _first_day(document: Document) -> str:
    return document.first.isoformat() if document.first else ""
