"""A criterion's tree as nested lines of text, for pages and the terminal: the reader sees structure, never syntax."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, Criterion, FactTest, Node, Not, Population
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines.explain import test_words
from cds_service.guidelines.sections import Icd10Codes

MONTHS_AS_YEARS: Final = 24  # up to here ages are said in months


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a tree. A leaf names the `fact` it tests, and the `value_set` it compares with; others have `parts`.

    `text` of a leaf ends where the name of its value set would follow.
    """

    text: str
    parts: tuple[Line, ...] = ()
    fact: str | None = None
    value_set: str | None = None

    def lines(self, depth: int = 0) -> Iterator[tuple[int, str]]:
        """(depth, text) of this line and all below, in print order."""
        yield depth, f"{self.text} {self.value_set}" if self.value_set else self.text
        for part in self.parts:
            yield from part.lines(depth + 1)


def outline(node: Node, vocabulary: Vocabulary) -> Line:
    match node:
        case FactTest():
            return _leaf(node, vocabulary)
        case Not(part):
            inner = outline(part, vocabulary)
            if inner.fact is not None:
                return Line(f"not: {inner.text}", fact=inner.fact, value_set=inner.value_set)
            return Line("none of this", (inner,))
        case AllOf(parts):
            title = "all of"
        case AnyOf(parts):
            title = "any of"
        case AtLeast(count, parts):
            title = f"at least {count} of"
    return Line(title, tuple(outline(part, vocabulary) for part in parts))


def _leaf(test: FactTest, vocabulary: Vocabulary) -> Line:
    if isinstance(test.operand, Icd10Codes):
        said = "is in" if test.comparison is Comparison.IN else "is not in"
        return Line(f"{test.name} {said}", fact=test.fact, value_set=test.operand.code_set.id)
    return Line(test_words(test, vocabulary), fact=test.fact)


def marks(criterion: Criterion) -> tuple[str, ...]:
    """What is special about a criterion, in a word or two each."""
    found = {
        "red flag": criterion.red_flag,
        "about the technique": criterion.about_technique,
        "not enough alone": not criterion.sufficient,
        "a person decides": criterion.clinical_review,
        "note on the card": criterion.note_card,
    }
    enforced = (str(criterion.enforce).replace("_", " "),) if criterion.enforce else ()
    return (*(name for name, holds in found.items() if holds), *enforced)


def ages(population: Population) -> str:
    """The bounds in words: "18 years and older", "older than 6 months, under 24 months", "any age"."""
    parts = []
    if population.min_months is not None:
        parts.append(f"{age(population.min_months)} and older")
    if population.over_months is not None:
        parts.append(f"older than {age(population.over_months)}")
    if population.max_months is not None:
        parts.append(f"through {age(population.max_months)}")
    if population.under_months is not None:
        parts.append(f"under {age(population.under_months)}")
    return ", ".join(parts) or "any age"


def age(months: float) -> str:
    whole_years = months % 12 == 0 and months > MONTHS_AS_YEARS
    return f"{months / 12:g} years" if whole_years else f"{months:g} months"
