"""`cds-service review`: what the service would answer, as a tree for a person or as the very response for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click
import orjson
from rich.console import Console, Group
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from cds_service import config
from cds_service.card_builder.words import Words
from cds_service.commands.faults import reporting_faults
from cds_service.commands.terminal import INDICATORS, console, grow, mark, to_a_person
from cds_service.guidelines.load import Guidelines
from cds_service.guidelines.outline import outline
from cds_service.hooks.response import REVIEWS

DETERMINATIONS: Final = {
    "supported": "bold green",
    "not_supported": "bold red",
    "needs_information": "bold magenta",
    "governed_elsewhere": "bold yellow",
    "no_guideline": "bold dim",
}


@click.command()
@click.argument("request_file", type=click.File("rb"), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="The response itself, also on a terminal.")
@reporting_faults
def review(request_file: Any, as_json: bool) -> None:
    """Print the response to the hook request in FILE ("-" for stdin). Nothing is stored.

    On a terminal it is drawn as a tree; to a pipe or a file goes the response, byte for byte.
    """
    from cds_service.hooks import discovery
    from cds_service.hooks.consult import respond
    from cds_service.hooks.request import read_request
    from cds_service.web.desk import make_desk

    asked = read_request(request_file.read())
    desk = make_desk(config.load())
    answer = respond(asked, discovery.BY_HOOK[asked.hook].id, desk)
    if to_a_person() and not as_json:
        draw(orjson.loads(answer.body), desk.guidelines, desk.templates.words, console())
        click.echo(f"\n{sum(answer.seconds.values()) * 1000:.1f} ms", err=True)
    else:
        click.echo(answer.body, nl=to_a_person())


def drawing(response: dict[str, Any], guidelines: Guidelines, words: Words) -> Iterator[Any]:
    """A tree for each review, then the cards."""
    reviews = response.get("extension", {}).get(REVIEWS, [])
    for found in reviews:
        yield _review(found, guidelines, words)
    if not reviews:
        yield Text("No order of this request is reviewed.", style="dim")
    if not response["cards"]:
        yield Text("\nNo card: the clinician sees nothing.", style="dim")
    for card in response["cards"]:
        yield _card(card)


def _review(found: dict[str, Any], guidelines: Guidelines, words: Words) -> Tree:
    determination = found["determination"]
    study = guidelines.studies.studies[found["study"]["id"]]
    code = found["study"].get("code", "")
    head = Text.assemble((f"{study.label} {code}".strip(), "bold"), (f"  {found['order']}\n", "dim"))
    head.append(determination.replace("_", " ").upper(), style=DETERMINATIONS[determination])
    for document in found.get("guidelines", ()):
        head.append(f"  {guidelines.documents[document['id']].guideline.title} {document['version']}", style="dim")
    tree = Tree(head, guide_style="dim")
    _add_criteria(tree, found, guidelines)
    _add_facts(tree, "asks for", found.get("asks_for", ()), words, asking=True)
    _add_facts(tree, "would change with", found.get("unless", ()), words, asking=False)
    for alternative in found.get("alternatives", ()):
        tree.add(_alternative(alternative, guidelines))
    _add_evidence(tree, found.get("evidence", ()), words)
    for label, key in (
        ("could not be read", "not_read"),
        ("not understood", "unreadable"),
        ("of another patient", "foreign"),
    ):
        if found.get(key):
            more = f" and {found[f'{key}_more']} more" if f"{key}_more" in found else ""
            tree.add(Text.assemble((f"{label} ", "bold yellow"), ", ".join(found[key]) + more))
    if found.get("edition_note"):
        tree.add(Text(found["edition_note"], style="dim"))
    return tree


def _add_criteria(tree: Tree, found: dict[str, Any], guidelines: Guidelines) -> None:
    for judged in found.get("criteria", ()):
        criterion = guidelines.criterion(judged["id"])
        branch = tree.add(Text.assemble(mark(judged["result"]), (judged["id"], "bold")))
        if criterion is None:
            continue
        branch.add(criterion.says)
        # A criterion that is met is explained by the evidence; an open one by what it would take.
        if criterion.when is not None and judged["result"] != "met":
            grow(branch, outline(criterion.when, guidelines.vocabulary))


def _add_facts(tree: Tree, label: str, refs: Any, words: Words, *, asking: bool) -> None:
    if refs:
        branch = tree.add(Text(label, style="bold"))
        for ref in refs:
            phrase = words.phrase(ref)
            branch.add(Text.assemble(phrase.question if asking else phrase.statement, (f"  {ref}", "dim")))


def _add_evidence(tree: Tree, evidence: Any, words: Words) -> None:
    if evidence:
        branch = tree.add(Text("from the chart", style="bold"))
        for item in evidence:
            phrase = words.phrase(item["fact"])
            unit = f" {phrase.unit[1]}".rstrip() if phrase.unit else ""
            line = Text.assemble(f"{phrase.statement}: ", (_said(item.get("value"), unit), "bold"))
            branch.add(line.append(f"  {', '.join(item.get('sources', ()))}", style="dim"))


def _said(value: Any, unit: str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case {"low": low, "high": high}:
            return f"{low:.3g} to {high:.3g}{unit}"
        case {"low": low}:
            return f"at least {low:.3g}{unit}"
        case int() | float():
            return f"{value:.6g}{unit}"
        case list():
            return ", ".join(str(each) for each in value)
        case None:
            return "unknown"
        case _:
            return str(value).replace("_", " ")


def _alternative(alternative: dict[str, Any], guidelines: Guidelines) -> Text:
    if alternative["study"] == "none_yet":
        until = f" before {alternative['until']}" if "until" in alternative else ""
        said = f"no imaging{until}"
    else:
        said = f"{guidelines.studies.studies[alternative['study']].label} {alternative.get('code', '')}".rstrip()
    return Text.assemble(("instead ", "bold"), (said, "cyan"), (f"  {alternative['because']}", "dim"))


def _card(card: dict[str, Any]) -> Group:
    style = INDICATORS[card["indicator"]]
    lines: list[Any] = [Text.assemble("\n", (f"{card['indicator']}: ", style), (card["summary"], "bold"))]
    lines += [Padding(Text(f"→ {each['label']}", style="cyan"), (0, 0, 0, 2)) for each in card.get("suggestions", ())]
    lines += [Padding(Text(f"↗ {each['label']}", style="cyan"), (0, 0, 0, 2)) for each in card.get("links", ())]
    return Group(*lines)


def draw(response: dict[str, Any], guidelines: Guidelines, words: Words, screen: Console) -> None:
    for part in drawing(response, guidelines, words):
        screen.print(part)
