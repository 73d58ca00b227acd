"""What `cds-service lint` proves about guideline data, one function a promise.

Loading already refuses unknown and duplicate keys, unknown facts, units, studies, value sets and documents, and ids
that stand twice in a section. The rest is here. A finding names the file or section at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_service.core.criterion import Comparison, Criterion, FactTest, fact_tests
from cds_service.core.evaluate import facts_named
from cds_service.core.truth import Truth
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines import strict_yaml
from cds_service.guidelines.load import CASES, DATA, Guidelines

UNITS = "requested_units"
NUMERIC = (Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.MORE_THAN, Comparison.LESS_THAN)


@dataclass(frozen=True, slots=True)
class Finding:
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


def lint(guidelines: Guidelines, root: Path = DATA) -> list[Finding]:
    """Every finding of every promise; an empty list is a clean bill."""
    promises: tuple[Callable[[Guidelines, Path], Iterator[Finding]], ...] = (
        ids_are_unique,
        sections_have_case_files,
        criteria_have_cases,
        thresholds_have_both_sides,
        no_fact_is_an_orphan,
        prerequisites_apply_to_something,
        paths_ask_for_facts_that_can_be_had,
    )
    return [finding for promise in promises for finding in promise(guidelines, root)]


def criteria(guidelines: Guidelines) -> Iterator[Criterion]:
    for section in guidelines.sections.values():
        yield from section.criteria


def ids_are_unique(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """Within one edition of a document set a criterion id stands once."""
    seen: dict[tuple[str, str], str] = {}
    for criterion in criteria(guidelines):
        key = (criterion.citation.document, criterion.id)
        if key in seen:
            yield Finding(criterion.section, f"{criterion.id} stands twice")
        seen[key] = criterion.section


def sections_have_case_files(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    for document in guidelines.documents.values():
        folder = root / document.folder
        for path in sorted(folder.glob("*.yaml")):
            if not path.name.endswith(CASES) and not path.with_name(path.stem + CASES).exists():
                yield Finding(path.name, f"no {path.stem}{CASES} beside it")


def criteria_have_cases(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """Each criterion with an outcome has a case in which it is met, one in which it is not, and one unknown."""
    cases = _cases(guidelines, root)
    for criterion in criteria(guidelines):
        if criterion.outcome is None or criterion.when is None:
            continue
        missing = [truth.value for truth in Truth if not cases.get(criterion.id, {}).get(truth.value)]
        if missing:
            yield Finding(criterion.section, f"{criterion.id} has no case for {', '.join(missing)}")


def thresholds_have_both_sides(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """Each number a criterion compares with has a case at it or just inside, and one just outside."""
    cases = _cases(guidelines, root)
    for criterion in criteria(guidelines):
        if criterion.outcome is None or criterion.when is None:
            continue
        stated = [
            {UNITS: entry.get("units", 1), **entry["facts"]}
            for by_truth in cases.get(criterion.id, {}).values()
            for entry in by_truth
        ]
        ages = [entry for by_truth in cases.get(criterion.id, {}).values() for entry in by_truth if "age" in entry]
        for test in fact_tests(criterion.when):
            if test.comparison not in NUMERIC or not isinstance(test.operand, float):
                continue
            if test.fact in ("age_years", "age_months"):
                covered = len({entry["age"] for entry in ages}) > 1
            else:
                covered = _both_sides(test, stated)
            if not covered:
                yield Finding(
                    criterion.section, f"{criterion.id}: no case on each side of {test.name} {test.operand:g}"
                )


def _both_sides(test: FactTest, stated: list[dict[str, object]]) -> bool:
    limit = test.operand
    values = [
        float(value)
        for facts in stated
        for ref, value in facts.items()
        if ref.partition("(")[0] == test.fact and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if not isinstance(limit, float):
        return False
    return any(value <= limit for value in values) and any(value >= limit for value in values) and len(set(values)) > 1


def no_fact_is_an_orphan(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """Every fact of the vocabulary is read by some criterion, or starts the clock of others."""
    read = _facts_read(guidelines)
    for fact in guidelines.vocabulary:
        if fact not in read and fact not in SUPPORTING:
            yield Finding("facts.yaml", f"no criterion reads {fact}")


# Read by other facts rather than by criteria.
SUPPORTING = {"episode_onset_date", "evaluation_mode"}


def prerequisites_apply_to_something(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """Every name in `applies_to` exists: a section, a criterion, or the chapters of a document."""
    known = {c.id for c in criteria(guidelines)} | {section.id for section in guidelines.sections.values()}
    for criterion in criteria(guidelines):
        for pattern in criterion.applies_to:
            name = pattern.removeprefix("not ")
            prefix = name.removesuffix("*")
            exists = name in known or (name.endswith("-*") and any(section.startswith(prefix) for section in known))
            if not exists:
                yield Finding(criterion.section, f"{criterion.id} applies to {name}, which does not exist")


def paths_ask_for_facts_that_can_be_had(guidelines: Guidelines, root: Path) -> Iterator[Finding]:
    """`asked_as` names a fact of the vocabulary."""
    for definition in guidelines.vocabulary.values():
        if definition.asked_as and definition.asked_as not in guidelines.vocabulary:
            yield Finding("facts.yaml", f"{definition.id} is asked as {definition.asked_as}, which does not exist")


def _facts_read(guidelines: Guidelines) -> set[str]:
    vocabulary: Vocabulary = guidelines.vocabulary
    read: set[str] = set()
    for criterion in criteria(guidelines):
        for node in (criterion.when, criterion.ask_open.when if criterion.ask_open else None):
            if node is not None:
                read.update(facts_named(node, vocabulary))
        if criterion.ask_open:
            read.update(ref.partition("(")[0] for ref in criterion.ask_open.facts)
    return read


def _cases(guidelines: Guidelines, root: Path) -> dict[str, dict[str, list[strict_yaml.Mapping]]]:
    """Criterion cases by id and truth, from the case files beside the sections."""
    found: dict[str, dict[str, list[strict_yaml.Mapping]]] = {}
    for document in guidelines.documents.values():
        for path in sorted((root / document.folder).glob(f"*{CASES}")):
            data = strict_yaml.read(path)
            by_criterion = data.mapping("criteria") if "criteria" in data else {}
            for criterion, by_truth in by_criterion.items():
                found[criterion] = {truth: by_truth[truth] for truth in by_truth}
    return found
