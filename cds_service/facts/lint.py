"""What `cds-service lint` proves about the readers of facts: they read known facts, from value sets that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cds_service.core.criterion import fact_tests
from cds_service.facts import sheet
from cds_service.facts.problems import TABLE
from cds_service.facts.registry import FOLLOWS, REGISTRY, SIGNALS
from cds_service.guidelines.lint import Finding
from cds_service.guidelines.load import Guidelines
from cds_service.guidelines.sections import Icd10Codes

_SOURCES: Final = (Path(__file__).parent, Path(__file__).parent.parent / "orders")
# A text with a hyphen, or one that value sets are asked for by.
_QUOTED: Final = re.compile(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"|codes\("([a-z0-9-]+)"\)')


def lint_facts(guidelines: Guidelines) -> list[Finding]:
    return [*readers_read_known_facts(guidelines), *value_sets_exist(guidelines), *value_sets_are_read(guidelines)]


def readers_read_known_facts(guidelines: Guidelines) -> Iterator[Finding]:
    """Every reader is of a fact of the vocabulary, with an argument that it takes, and not of a derived one alone."""
    refs = {*REGISTRY, *TABLE, *FOLLOWS, *(other for other, _ in FOLLOWS.values()), *sheet.RED_FLAGS}
    for ref in sorted(refs):
        name, argument = sheet.split(ref)
        definition = guidelines.vocabulary.get(name)
        if definition is None:
            yield Finding("facts", f"{ref} is read, but facts.yaml has no {name}")
        elif argument is not None and argument not in definition.arguments:
            yield Finding("facts", f"{ref} is read, but {name} takes no {argument}")


def value_sets_exist(guidelines: Guidelines) -> Iterator[Finding]:
    """Every value set that a reader names is there."""
    for ref, rows in TABLE.items():
        for name in sorted({name for row in rows for name in (*row.sets, *row.sites)} - set(guidelines.value_sets)):
            yield Finding("facts", f"{ref} reads value set {name}, which does not exist")
    for ref, reader in REGISTRY.items():
        for name in sorted((reader.needs or frozenset()) - set(guidelines.value_sets) - SIGNALS):
            yield Finding("facts", f"{ref} needs value set {name}, which does not exist")


def value_sets_are_read(guidelines: Guidelines) -> Iterator[Finding]:
    """Every value set is named by a criterion or in the code that reads charts and orders."""
    read = {
        test.operand.code_set.id
        for section in guidelines.sections.values()
        for criterion in section.criteria
        if criterion.when is not None
        for test in fact_tests(criterion.when)
        if isinstance(test.operand, Icd10Codes)
    }
    for folder in _SOURCES:
        for path in folder.glob("*.py"):
            read.update(name for found in _QUOTED.findall(path.read_text(encoding="utf-8")) for name in found)
    read.update(name for rows in TABLE.values() for row in rows for name in row.sets)
    read.update(name for reader in REGISTRY.values() for name in reader.needs or ())
    for name in guidelines.value_sets:
        if name not in read:
            yield Finding("value_sets", f"nothing reads {name}")
