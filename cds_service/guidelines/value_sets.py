"""Reads the value sets under `value_sets/`: strict, and refused as a whole when one line is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cds_service.core.value_set import CodeSet, Exclusion, Member
from cds_service.guidelines import strict_yaml

FOLDER: Final = Path(__file__).parent / "value_sets"
SOURCES: Final = "sources.yaml"
NEEDS: Final = ("body_site", "reason", "route")
# CPT families printed as a range are short; a longer one is a slip of the pen.
LONGEST_RANGE: Final = 200


def load_value_sets(folder: Path = FOLDER) -> Mapping[str, CodeSet]:
    """Every value set by id.

    Raises GuidelineError with file and line for: an unknown or repeated key, an unquoted code, a code system or
    source that `sources.yaml` does not name, a code or set that stands twice, an empty set.
    """
    sources = strict_yaml.read(folder / SOURCES).allow(("systems", "sources", "checked", "unverified"))
    systems, known = sources.mapping("systems"), sources.mapping("sources")
    sets: dict[str, CodeSet] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == SOURCES:
            continue
        for entry in strict_yaml.read(path).allow(("value_sets",)).mappings("value_sets"):
            code_set = _code_set(entry, systems, known)
            if code_set.id in sets:
                entry.fail(f"value set {code_set.id} stands twice")
            sets[code_set.id] = code_set
    return sets


def _code_set(entry: strict_yaml.Mapping, systems: strict_yaml.Mapping, sources: strict_yaml.Mapping) -> CodeSet:
    entry.allow(("id", "title", "codes"), ("note", "exclude", "ranges"))
    members: dict[tuple[str, str], Member] = {}
    for coded in entry.mappings("codes"):
        member = _member(coded, systems, sources)
        if (member.system, member.code) in members:
            coded.fail(f"code {member.code} stands twice")
        members[member.system, member.code] = member
    if not members:
        entry.fail(f"value set {entry['id']} has no codes")
    for span in entry.mappings("ranges"):
        for member in _range(span, systems, sources):
            members.setdefault((member.system, member.code), member)
    exclusions = tuple(
        Exclusion(_system(gone.allow(("system", "code")), systems), gone.text("code"))
        for gone in entry.mappings("exclude")
    )
    return CodeSet(entry.text("id"), entry.text("title"), tuple(members.values()), exclusions)


def _member(coded: strict_yaml.Mapping, systems: strict_yaml.Mapping, sources: strict_yaml.Mapping) -> Member:
    coded.allow(("system", "code", "label", "source"), ("below", "weak", "needs", "regions", "means"))
    needs = coded.get("needs")
    if needs is not None and needs not in NEEDS:
        coded.fail(f"unknown needs {needs!r} (known: {', '.join(NEEDS)})")
    return Member(
        system=_system(coded, systems),
        code=coded.text("code"),
        label=coded.text("label"),
        sources=_sources(coded, sources),
        below=coded.flag("below"),
        weak=coded.flag("weak"),
        needs=needs,
        regions=coded.texts("regions"),
        means=coded.get("means"),
    )


def _range(span: strict_yaml.Mapping, systems: strict_yaml.Mapping, sources: strict_yaml.Mapping) -> list[Member]:
    """Every number of a range of codes, ends included."""
    span.allow(("system", "from", "to", "label", "source"))
    system, first, last = _system(span, systems), span.text("from"), span.text("to")
    if not (first.isdigit() and last.isdigit() and len(first) == len(last)):
        span.fail("a range runs between two numbers of equal length")
    if not 0 <= int(last) - int(first) < LONGEST_RANGE:
        span.fail(f"a range holds 1 to {LONGEST_RANGE} codes")
    named = _sources(span, sources)
    return [
        Member(system, str(number).zfill(len(first)), span.text("label"), named)
        for number in range(int(first), int(last) + 1)
    ]


def _system(entry: strict_yaml.Mapping, systems: strict_yaml.Mapping) -> str:
    name = entry.text("system")
    if name not in systems:
        entry.fail(f"unknown code system {name} (known: {', '.join(systems)})")
    return systems.text(name)


def _sources(entry: strict_yaml.Mapping, sources: strict_yaml.Mapping) -> tuple[str, ...]:
    named = entry.texts("source")
    if not named:
        entry.fail("a code needs a source")
    for source in named:
        if source not in sources:
            entry.fail(f"unknown source {source}")
    return named
