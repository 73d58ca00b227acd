"""`cds-service explain`: a section, criterion or fact in words, as a tree."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import click
import orjson
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cds_service.commands.faults import EXIT_FOUND, fail, reporting_faults
from cds_service.commands.terminal import console, grow, to_a_person
from cds_service.core.criterion import Criterion, Section
from cds_service.guidelines.explain import CONSEQUENCES
from cds_service.guidelines.explain import explain as in_words
from cds_service.guidelines.load import Guidelines, load
from cds_service.guidelines.outline import Line, ages, marks, outline


def names(guidelines: Guidelines) -> Iterator[str]:
    for section in guidelines.sections.values():
        yield section.id
        yield from (criterion.id for criterion in section.criteria)


def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names that begin like this, whatever the case."""
    found = dict.fromkeys(names(load()))
    return [CompletionItem(name) for name in found if name.casefold().startswith(begun.casefold())]


@click.command()
@click.argument("name", shell_complete=complete)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@reporting_faults
def explain(name: str, as_json: bool) -> None:
    """Print section or criterion NAME (SP-5.1, SP-5.1/mri) in words: what it says, when it holds, where it stands."""
    guidelines = load()
    chosen = list(_chosen(name, guidelines))
    if not chosen:
        fail(_nothing(name, guidelines), EXIT_FOUND)
    if as_json:
        found = [_json(section, criteria, guidelines) for section, criteria in chosen]
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    elif to_a_person():
        for section, criteria in chosen:
            _draw(console(), section, criteria, guidelines)
    else:
        click.echo(in_words(chosen[0][1][0].id if "/" in name else chosen[0][0].id, guidelines))


def _chosen(name: str, guidelines: Guidelines) -> Iterator[tuple[Section, list[Criterion]]]:
    wanted = name.strip().casefold()
    for section in guidelines.sections.values():
        whole = section.id.casefold() == wanted
        criteria = [found for found in section.criteria if whole or found.id.casefold() == wanted]
        if criteria:
            yield section, criteria


def _nothing(name: str, guidelines: Guidelines) -> str:
    known = {known.casefold(): known for known in names(guidelines)}
    close = difflib.get_close_matches(name.strip().casefold(), known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(known[each] for each in close)}?" if close else ""
    return f"no section or criterion is called {name}{hint}"


def _draw(screen: Console, section: Section, criteria: list[Criterion], guidelines: Guidelines) -> None:
    document = guidelines.documents[section.document].guideline
    title = Text.assemble((section.id, "bold cyan"), ("  "), (section.title, "bold"))
    title.append(f"\n{document.title}, {document.version}", style="dim")
    tree = Tree(title, guide_style="dim")
    for criterion in criteria:
        head = Text.assemble((criterion.id, "bold"))
        for said in marks(criterion):
            head.append(f"  {said}", style="red" if said == "red flag" else "yellow")
        head.append(f"\n{criterion.says}")
        branch = tree.add(head)
        studies = ", ".join(sorted(criterion.studies)) or "any study"
        branch.add(Text.assemble(("for ", "dim"), f"{ages(criterion.population)}; {studies}"))
        if criterion.when is not None:
            consequence = CONSEQUENCES[criterion.outcome] if criterion.outcome else "holds when"
            grow(branch.add(Text(consequence, style="bold")), outline(criterion.when, guidelines.vocabulary))
        for label, value in (
            ("instead", ", ".join(criterion.instead)),
            ("see", criterion.refers_to),
            ("note", criterion.note),
        ):
            if value:
                branch.add(Text.assemble((f"{label} ", "dim"), value))
    screen.print(tree)


def _json(section: Section, criteria: list[Criterion], guidelines: Guidelines) -> dict[str, Any]:
    document = guidelines.documents[section.document].guideline
    return {
        "section": section.id,
        "title": section.title,
        "document": {"id": document.id, "title": document.title, "version": document.version},
        "criteria": [_criterion_json(criterion, guidelines) for criterion in criteria],
    }


def _criterion_json(criterion: Criterion, guidelines: Guidelines) -> dict[str, Any]:
    members = {
        "id": criterion.id,
        "kind": criterion.kind,
        "says": criterion.says,
        "outcome": criterion.outcome.value if criterion.outcome else None,
        "ages": ages(criterion.population),
        "studies": sorted(criterion.studies),
        "marks": list(marks(criterion)),
        "when": _line_json(outline(criterion.when, guidelines.vocabulary)) if criterion.when is not None else None,
        "instead": list(criterion.instead),
        "refers_to": criterion.refers_to,
        "note": criterion.note,
    }
    return {name: value for name, value in members.items() if value}


def _line_json(line: Line) -> dict[str, Any]:
    members = {
        "text": line.text,
        "fact": line.fact,
        "value_set": line.value_set,
        "parts": [_line_json(part) for part in line.parts],
    }
    return {name: value for name, value in members.items() if value}
