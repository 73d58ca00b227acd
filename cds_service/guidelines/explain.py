"""A section as a tree a person can read: what each criterion says, when it holds, what follows, where it is printed."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.core.criterion import AllOf, AnyOf, AtLeast, Comparison, Criterion, FactTest, Node, Not, Outcome
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines.load import Guidelines

CONSEQUENCES = {
    Outcome.SUPPORTED: "supported when",
    Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED: "supported, once MRI is contraindicated, when",
    Outcome.REQUIRES: "required",
    Outcome.EXEMPTS: "waives prerequisites when",
    Outcome.NOT_SUPPORTED: "not supported when",
    Outcome.PREFER_INSTEAD: "something else is preferred when",
    Outcome.REFER_OUT: "decided elsewhere when",
}

_WORDS = {
    Comparison.IS: "is",
    Comparison.IS_NOT: "is not",
    Comparison.IN: "is one of",
    Comparison.NOT_IN: "is none of",
    Comparison.AT_LEAST: "at least",
    Comparison.AT_MOST: "at most",
    Comparison.MORE_THAN: "more than",
    Comparison.LESS_THAN: "less than",
}


def explain(name: str, guidelines: Guidelines) -> str | None:
    """The section or single criterion called `name` as text; None when there is none of that name."""
    wanted = name.strip().upper() if "/" not in name else name.strip()
    lines: list[str] = []
    for section in guidelines.sections.values():
        chosen = [c for c in section.criteria if wanted in (section.id, c.id)]
        if not chosen:
            continue
        document = guidelines.documents[section.document].guideline
        lines += [f"{section.id}  {section.title}", f"{document.title}, {document.version}", ""]
        for criterion in chosen:
            lines += [*criterion_lines(criterion, guidelines.vocabulary), ""]
    return "\n".join(lines).rstrip() or None


def criterion_lines(criterion: Criterion, vocabulary: Vocabulary) -> Iterator[str]:
    marks = [
        mark
        for mark, holds in (
            ("red flag", criterion.red_flag),
            ("technique", criterion.about_technique),
            ("not enough alone", not criterion.sufficient),
            ("clinical review", criterion.clinical_review),
            (str(criterion.enforce), criterion.enforce is not None),
        )
        if holds
    ]
    yield criterion.id + (f"  [{', '.join(marks)}]" if marks else "")
    yield f"  {criterion.says}"
    yield f"  for: {', '.join(sorted(criterion.studies)) or 'any study'}"
    if criterion.when is not None and criterion.outcome is not None:
        yield f"  {CONSEQUENCES[criterion.outcome]}"
        yield from tree_lines(criterion.when, vocabulary, "  ")
    if criterion.instead:
        yield f"  instead: {', '.join(criterion.instead)}"
    if criterion.refers_to:
        yield f"  see: {criterion.refers_to}"
    if criterion.note:
        yield f"  note: {criterion.note}"
    yield f"  printed in: {criterion.citation.document}, {criterion.citation.section}"


def tree_lines(node: Node, vocabulary: Vocabulary, indent: str = "", last: bool = True) -> Iterator[str]:
    parts: tuple[Node, ...]
    branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
    match node:
        case FactTest():
            yield indent + branch + test_words(node, vocabulary)
            return
        case Not(part):
            if isinstance(part, FactTest):
                yield f"{indent}{branch}not: {test_words(part, vocabulary)}"
                return
            title, parts = "none of this:", (part,)
        case AllOf(found):
            title, parts = "all of", found
        case AnyOf(found):
            title, parts = "any of", found
        case AtLeast(count, found):
            title, parts = f"at least {count} of", found
    yield indent + branch + title
    for position, part in enumerate(parts, start=1):
        yield from tree_lines(part, vocabulary, indent + below, position == len(parts))


def test_words(test: FactTest, vocabulary: Vocabulary) -> str:
    operand = test.operand
    if test.comparison is Comparison.MET or operand is None:
        return test.name
    if isinstance(operand, float):
        shown = f"{operand:g} {vocabulary[test.fact].unit}"
    elif isinstance(operand, str):
        shown = operand
    elif isinstance(operand, frozenset):
        shown = ", ".join(sorted(operand))
    else:
        shown = "the value set"
    return f"{test.name} {_WORDS[test.comparison]} {shown}"
