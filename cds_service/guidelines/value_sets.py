"""Reads the value sets under `value_sets/`: strict, and refused as a whole when one line is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from cds_service.core.errors import GuidelineError
from cds_service.core.value_set import CodeSet, Exclusion, Member
from cds_service.guidelines import strict_yaml
from cds_service.guidelines.codebook import Codebook

FOLDER: Final = Path(__file__).parent / "value_sets"
SOURCES: Final = "sources.yaml"
PRODUCTS: Final = "rxnorm_products.tsv"
PRODUCT_SOURCE: Final = "rxnorm-prescribable-2025-10"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
FORMS: Final = ("systemic", "topical")
NEEDS: Final = ("body_site", "reason", "route")
# CPT families printed as a range are short; a longer one is a slip of the pen.
LONGEST_RANGE: Final = 200


def load_value_sets(folder: Path = FOLDER) -> Codebook:
    """Every value set by id.

    Raises GuidelineError with file and line for: an unknown or repeated key, an unquoted code, a code system or
    source that `sources.yaml` does not name, a code or set that stands twice, an empty set, a product table line that
    does not hold numbers.
    """
    sources = strict_yaml.read(folder / SOURCES).allow(("systems", "sources", "checked", "unverified"))
    systems, known = sources.mapping("systems"), sources.mapping("sources")
    products = _products(folder / PRODUCTS)
    sets: dict[str, CodeSet] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == SOURCES:
            continue
        for entry in strict_yaml.read(path).allow(("value_sets",)).mappings("value_sets"):
            code_set = _code_set(entry, systems, known, products)
            if code_set.id in sets:
                entry.fail(f"value set {code_set.id} stands twice")
            sets[code_set.id] = code_set
    return Codebook(sets)


# Products by (ingredient, form).
Products = Mapping[tuple[str, str], tuple[str, ...]]


def _products(path: Path) -> Products:
    """The drug products of each ingredient; empty where no table is shipped."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        ingredient, form, codes = [*line.split("\t"), "", "", ""][:3]
        where = f"{path.name}:{number}"
        if form not in FORMS or not ingredient.isdigit() or not all(code.isdigit() for code in codes.split()):
            raise GuidelineError(where, "a line holds an ingredient, a form and products, all but the form numbers")
        if (ingredient, form) in found:
            raise GuidelineError(where, f"ingredient {ingredient} stands twice")
        found[ingredient, form] = tuple(codes.split())
    return found


def _code_set(
    entry: strict_yaml.Mapping, systems: strict_yaml.Mapping, sources: strict_yaml.Mapping, products: Products
) -> CodeSet:
    entry.allow(("id", "title", "codes"), ("note", "exclude", "ranges", "forms"))
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
    for form in entry.texts("forms"):
        if form not in FORMS:
            entry.fail(f"unknown form {form} (known: {', '.join(FORMS)})")
        for ingredient in [member for member in members.values() if member.system == RXNORM and member.below]:
            for code in products.get((ingredient.code, form), ()):
                members.setdefault((RXNORM, code), _product(ingredient, code, form))
    exclusions = tuple(
        Exclusion(_system(gone.allow(("system", "code")), systems), gone.text("code"))
        for gone in entry.mappings("exclude")
    )
    return CodeSet(entry.text("id"), entry.text("title"), tuple(members.values()), exclusions)


def _product(ingredient: Member, code: str, form: str) -> Member:
    """A product stands for its ingredient. Its form is known, so that no route need be stated."""
    needs = None if ingredient.needs == "route" else ingredient.needs
    return replace(ingredient, code=code, sources=(PRODUCT_SOURCE,), below=False, needs=needs, means=form)


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
