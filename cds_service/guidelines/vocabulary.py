"""Reads `facts.yaml` into the vocabulary that criteria are checked against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cds_service.core.criterion import Node
from cds_service.core.evaluate import order_bound_facts
from cds_service.core.quantity import UNITS
from cds_service.core.vocabulary import FactDefinition, FactType, Role, Silence, Vocabulary
from cds_service.guidelines import strict_yaml
from cds_service.guidelines.trees import TreeReader

_KEYS = (
    "unit",
    "codes",
    "note",
    "role",
    "silence",
    "ask_with",
    "denied_by_silence",
    "defined_as",
    "arguments",
    "asked_as",
    "named_whole",
    "accrues",
    "elsewhere",
)


def load_vocabulary(path: Path) -> Vocabulary:
    """Every fact by id. Raises GuidelineError naming the line at fault."""
    data = strict_yaml.read(path).allow(("regions", "facts"))
    regions = {region: f"{region} region" for region in data.texts("regions")}
    entries: dict[str, strict_yaml.Mapping] = {}
    plain: dict[str, FactDefinition] = {}
    for entry in data.mappings("facts"):
        entry.allow(("id", "type", "means"), _KEYS)
        if entry.text("id") in entries:
            entry.fail(f"fact {entry['id']} stands twice")
        entries[entry["id"]] = entry
        plain[entry["id"]] = _definition(entry, regions, None)
    first = {fact: _definition(entry, regions, TreeReader(plain)) for fact, entry in entries.items()}
    trees = TreeReader(plain, order_bound=order_bound_facts(first))
    return {fact: _definition(entry, regions, trees) for fact, entry in entries.items()}


def _definition(entry: strict_yaml.Mapping, regions: dict[str, str], trees: TreeReader | None) -> FactDefinition:
    """One definition; without `trees` its derivations are left out (the first pass, which only learns the names)."""
    unit = entry.get("unit")
    if unit is not None and unit not in UNITS:
        entry.fail(f"unknown unit {unit}")
    arguments, implied_by, answered = _arguments(entry, regions, trees)
    return FactDefinition(
        id=entry["id"],
        type=FactType(entry.text("type")),
        means=entry.text("means"),
        unit=unit,
        codes=entry.texts("codes"),
        arguments=arguments,
        role=Role(entry.text("role", Role.INDICATION)),
        silence=Silence(entry.text("silence", Silence.ABSENT)),
        ask_with=_tree(entry, "ask_with", trees),
        denied_by_silence=entry.flag("denied_by_silence"),
        defined_as=_tree(entry, "defined_as", trees),
        implied_by=implied_by,
        met_when_answered=answered,
        asked_as=entry.get("asked_as"),
        named_whole=entry.get("named_whole"),
        accrues=entry.flag("accrues"),
        elsewhere=_elsewhere(entry, arguments),
    )


def _elsewhere(entry: strict_yaml.Mapping, arguments: dict[str, str]) -> frozenset[str]:
    """`elsewhere: true`, or the arguments it holds for."""
    value = entry.get("elsewhere", False)
    if isinstance(value, bool):
        return frozenset(arguments or ("",)) if value else frozenset()
    named = frozenset(entry.texts("elsewhere"))
    if unknown := named - set(arguments):
        entry.fail(f"elsewhere: no argument {', '.join(sorted(unknown))}")
    return named


def _tree(entry: strict_yaml.Mapping, key: str, trees: TreeReader | None) -> Node | None:
    return trees.node(entry[key], entry) if trees and key in entry else None


def _arguments(
    entry: strict_yaml.Mapping, regions: dict[str, str], trees: TreeReader | None
) -> tuple[dict[str, str], dict[str, Node], dict[str, tuple[str, ...]]]:
    given: Any = entry.get("arguments", {})
    if given == "regions":
        return regions, {}, {}
    meanings: dict[str, str] = {}
    implied_by: dict[str, Node] = {}
    answered: dict[str, tuple[str, ...]] = {}
    for value, says in entry.mapping("arguments").items() if given else ():
        if isinstance(says, str):
            meanings[value] = says
            continue
        if not isinstance(says, strict_yaml.Mapping):
            entry.fail(f"argument {value} needs its meaning")
        says.allow(("means",), ("implied_by", "met_when_answered"))
        meanings[value] = says.text("means")
        if trees and "implied_by" in says:
            implied_by[value] = trees.node(says["implied_by"], says)
        if trees and "met_when_answered" in says:
            answered[value] = says.texts("met_when_answered")
    return meanings, implied_by, answered
