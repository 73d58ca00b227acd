"""What `cds-service lint` proves about guideline data, one function a promise.

Loading already refuses unknown and duplicate keys, unknown facts, units, studies, value sets and documents, and ids
that stand twice in a section. The rest is here; `facts/lint.py` has what concerns the readers of facts. A finding names
the file or section at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cds_service.core.criterion import Comparison, Criterion, FactTest, Node, fact_tests
from cds_service.core.evaluate import facts_named
from cds_service.core.truth import Truth
from cds_service.guidelines import resolutions
from cds_service.guidelines.case_files import FACT_CASES, ByTruth, CaseFile, case_files, fact_cases
from cds_service.guidelines.load import CASES, DATA, Guidelines, section_files

UNITS: Final = "requested_units"
AGES: Final = ("age_years", "age_months")
NUMERIC: Final = (Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.MORE_THAN, Comparison.LESS_THAN)
# Read by other facts rather than by criteria.
SUPPORTING: Final = frozenset({"episode_onset_date", "evaluation_mode"})


@dataclass(frozen=True, slots=True)
class Finding:
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True)
class Content:
    """Guidelines with the files they were loaded from."""

    guidelines: Guidelines
    root: Path

    @cached_property
    def files(self) -> tuple[CaseFile, ...]:
        return tuple(case_files(self.root, self.guidelines.documents))

    @cached_property
    def cases(self) -> Mapping[tuple[str, str], ByTruth]:
        """Criterion cases by document and criterion id."""
        return {(file.document, name): cases for file in self.files for name, cases in file.criteria.items()}

    @cached_property
    def fact_cases(self) -> Mapping[str, ByTruth]:
        return fact_cases(self.root)

    @cached_property
    def resolutions(self) -> Mapping[str, resolutions.Resolution]:
        return resolutions.load_resolutions(self.root / resolutions.FILE, self.guidelines.documents)

    def criteria(self) -> Iterator[Criterion]:
        for section in self.guidelines.sections.values():
            yield from section.criteria

    def judging(self) -> Iterator[tuple[Criterion, Node, ByTruth]]:
        """Criteria from which something follows, with their tree and their cases."""
        for criterion in self.criteria():
            if criterion.outcome is not None and criterion.when is not None:
                yield criterion, criterion.when, self.cases.get((criterion.citation.document, criterion.id), {})


def lint(guidelines: Guidelines, root: Path = DATA) -> list[Finding]:
    """Every finding of every promise; an empty list is a clean bill."""
    content = Content(guidelines, root)
    promises: tuple[Callable[[Content], Iterator[Finding]], ...] = (
        ids_are_unique,
        sections_have_case_files,
        case_files_have_sections,
        criteria_have_cases,
        derived_facts_have_cases,
        thresholds_have_both_sides,
        no_fact_is_an_orphan,
        prerequisites_apply_to_something,
        pointers_lead_somewhere,
        questions_can_be_asked,
        resolutions_have_cases,
    )
    return [finding for promise in promises for finding in promise(content)]


def ids_are_unique(content: Content) -> Iterator[Finding]:
    """Within one edition of a document set a criterion id stands once."""
    seen: set[tuple[str, str]] = set()
    for criterion in content.criteria():
        key = (criterion.citation.document, criterion.id)
        if key in seen:
            yield Finding(criterion.section, f"{criterion.id} stands twice")
        seen.add(key)


def sections_have_case_files(content: Content) -> Iterator[Finding]:
    """Each section has consultations and, where a criterion judges, criterion cases."""
    for document in content.guidelines.documents.values():
        for path in section_files(content.root / document.folder):
            if not path.with_name(path.stem + CASES).exists():
                yield Finding(path.name, f"no {path.stem}{CASES} beside it")


def case_files_have_sections(content: Content) -> Iterator[Finding]:
    """A case file names a section and criteria of its own document. Cases without their section are a lost section."""
    known = {
        (section.document, section.id): {criterion.id for criterion in section.criteria}
        for section in content.guidelines.sections.values()
    }
    for file in content.files:
        criteria = known.get((file.document, file.section))
        if criteria is None:
            yield Finding(file.path.name, f"section {file.section} is missing from {file.document}")
            continue
        for name in file.criteria:
            if name not in criteria:
                yield Finding(file.path.name, f"criterion {name} is missing from section {file.section}")


def criteria_have_cases(content: Content) -> Iterator[Finding]:
    """Each criterion from which something follows has a case that is met, one that is not, and one unknown."""
    for criterion, _, cases in content.judging():
        if missing := _missing(cases):
            yield Finding(criterion.section, f"{criterion.id} has no case for {', '.join(missing)}")


def derived_facts_have_cases(content: Content) -> Iterator[Finding]:
    """So has each fact that is defined by others, in `facts.cases.yaml`; and every case there is of such a fact."""
    derived = {name for name, fact in content.guidelines.vocabulary.items() if fact.defined_as is not None}
    for name in sorted(derived):
        if missing := _missing(content.fact_cases.get(name, {})):
            yield Finding(FACT_CASES, f"{name} has no case for {', '.join(missing)}")
    for name in content.fact_cases:
        if name not in derived:
            yield Finding(FACT_CASES, f"{name} is not a fact that others define")


def _missing(cases: ByTruth) -> list[str]:
    return [truth.value for truth in Truth if not cases.get(truth.value)]


def thresholds_have_both_sides(content: Content) -> Iterator[Finding]:
    """Each number that a tree compares with has a case at it or just inside, and one just outside."""
    for criterion, tree, cases in content.judging():
        for test in _uncovered(tree, cases):
            yield Finding(criterion.section, f"{criterion.id}: no case on each side of {test}")
    for name, fact in content.guidelines.vocabulary.items():
        if fact.defined_as is not None:
            for test in _uncovered(fact.defined_as, content.fact_cases.get(name, {})):
                yield Finding(FACT_CASES, f"{name}: no case on each side of {test}")


def _uncovered(tree: Node, cases: ByTruth) -> Iterator[str]:
    entries = [entry for by_truth in cases.values() for entry in by_truth]
    stated = [{UNITS: entry.get("units", 1), **entry["facts"]} for entry in entries]
    ages = {entry["age"] for entry in entries if "age" in entry}
    for test in fact_tests(tree):
        if test.comparison in NUMERIC and isinstance(test.operand, float):
            covered = len(ages) > 1 if test.fact in AGES else _both_sides(test, test.operand, stated)
            if not covered:
                yield f"{test.name} {test.operand:g}"


def _both_sides(test: FactTest, limit: float, stated: Iterable[Mapping[str, Any]]) -> bool:
    values = {
        float(value)
        for facts in stated
        for ref, value in facts.items()
        if ref.partition("(")[0] == test.fact and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return len(values) > 1 and min(values) <= limit <= max(values)


def no_fact_is_an_orphan(content: Content) -> Iterator[Finding]:
    """Every fact of the vocabulary is read by some criterion, or starts the clock of others."""
    read = set(SUPPORTING)
    for criterion in content.criteria():
        for node in (criterion.when, criterion.ask_open.when if criterion.ask_open else None):
            if node is not None:
                read.update(facts_named(node, content.guidelines.vocabulary))
        if criterion.ask_open:
            read.update(ref.partition("(")[0] for ref in criterion.ask_open.facts)
    for fact in content.guidelines.vocabulary:
        if fact not in read:
            yield Finding("facts.yaml", f"no criterion reads {fact}")
    for fact in sorted(SUPPORTING - set(content.guidelines.vocabulary)):
        yield Finding("facts.yaml", f"{fact} is missing, which other facts read")


def prerequisites_apply_to_something(content: Content) -> Iterator[Finding]:
    """Every name in `applies_to` exists: a section, a criterion, or the chapters of a document."""
    known = {c.id for c in content.criteria()} | {section.id for section in content.guidelines.sections.values()}
    for criterion in content.criteria():
        for pattern in criterion.applies_to:
            name = pattern.removeprefix("not ")
            prefix = name.removesuffix("*")
            exists = name in known or (name.endswith("-*") and any(section.startswith(prefix) for section in known))
            if not exists:
                yield Finding(criterion.section, f"{criterion.id} applies to {name}, which does not exist")


def pointers_lead_somewhere(content: Content) -> Iterator[Finding]:
    """`see_section` names a section."""
    known = {section.id for section in content.guidelines.sections.values()}
    for criterion in content.criteria():
        if criterion.see_section is not None and criterion.see_section not in known:
            yield Finding(criterion.section, f"{criterion.id} points to {criterion.see_section}, which does not exist")


def questions_can_be_asked(content: Content) -> Iterator[Finding]:
    """`asked_as` names a fact of the vocabulary."""
    vocabulary = content.guidelines.vocabulary
    for definition in vocabulary.values():
        if definition.asked_as and definition.asked_as not in vocabulary:
            yield Finding("facts.yaml", f"{definition.id} is asked as {definition.asked_as}, which does not exist")


def resolutions_have_cases(content: Content) -> Iterator[Finding]:
    """Each resolution has a consultation that names it, and notes name only resolutions that exist."""
    named = {name for file in content.files for text in file.said for name in resolutions.mentioned(text)}
    for name in content.resolutions:
        if name not in named:
            yield Finding(resolutions.FILE, f"no consultation names {name}")
    for criterion in content.criteria():
        for name in resolutions.mentioned(criterion.note):
            if name not in content.resolutions:
                yield Finding(criterion.section, f"{criterion.id} names {name}, which {resolutions.FILE} does not have")
    for name in sorted(named - set(content.resolutions)):
        yield Finding(resolutions.FILE, f"cases name {name}, which is not here")
