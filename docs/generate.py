"""Writes docs/generated/ from the guideline data, the settings and the command line: `make docs`.

The files are committed, so that they can be read without running anything; `tests/house/test_docs.py` fails when they
fall behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields
from importlib.metadata import metadata, version
from pathlib import Path

import click

from cds_service import cli, config
from cds_service.core.criterion import Criterion
from cds_service.core.vocabulary import FactDefinition, FactType, Silence
from cds_service.facts import sheet  # noqa: F401 (registers the readers)
from cds_service.facts.registry import REGISTRY
from cds_service.facts.settings import Settings as FactSettings
from cds_service.guidelines.case_files import case_files
from cds_service.guidelines.load import DATA, Guidelines, load
from cds_service.guidelines.outline import ages
from cds_service.guidelines.resolutions import FILE, load_resolutions, mentioned

FOLDER = Path(__file__).parent / "generated"
DECISION = Path(__file__).parent / "adr" / "0006-conflict-resolutions.md"
TABLE_BEGINS, TABLE_ENDS = "<!-- table: written by docs/generate.py -->", "<!-- end of the table -->"
HEAD = "<!-- Written by docs/generate.py; change the source and run `make docs`. -->\n\n"

SILENCE = {
    Silence.ABSENT: "absent",
    Silence.ASK: "asked for",
    Silence.ASK_WITH: "asked for once its companion is met",
}


def pages() -> dict[str, str]:
    """File name -> text of every generated page."""
    guidelines = load()
    return {
        "criteria.md": HEAD + "\n".join(criteria_page(guidelines)) + "\n",
        "facts.md": HEAD + "\n".join(facts_page(guidelines)) + "\n",
        "resolutions.md": HEAD + "\n".join(resolutions_page(guidelines)) + "\n",
        "studies.md": HEAD + "\n".join(studies_page(guidelines)) + "\n",
        "settings.md": HEAD + "\n".join(settings_page()) + "\n",
        "command-line.md": HEAD + "\n".join(commands_page()) + "\n",
        "licences.md": HEAD + "\n".join(licences_page()) + "\n",
    }


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(columns)
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ").strip() for cell in row) + " |"


def criteria_page(guidelines: Guidelines) -> Iterator[str]:
    yield "# Criteria\n"
    yield (
        "Every criterion by document and section, in our own sentences. "
        "They have not been clinically approved and are for information only."
    )
    for document in guidelines.documents.values():
        guideline = document.guideline
        since = f", in force from {document.first}" if document.first else ""
        yield f"\n## {guideline.title} ({guideline.version}{since})\n\nDocument id `{guideline.id}`."
        for section in guidelines.sections.values():
            if section.document == guideline.id:
                yield f"\n### {section.id} {section.title}\n"
                yield from table(("Criterion", "Says", "When met", "For"), map(criterion_row, section.criteria))


def criterion_row(criterion: Criterion) -> tuple[str, str, str, str]:
    follows = criterion.outcome.replace("_", " ") if criterion.outcome else criterion.kind
    return f"`{criterion.id}`", criterion.says, follows, ages(criterion.population)


def facts_page(guidelines: Guidelines) -> Iterator[str]:
    yield "# Facts\n"
    yield (
        "What criteria may speak of. Any of them can be stated in structured documentation under its id "
        "(`linkId`, or a code in `urn:spine-imaging-review:fact`), with the argument in brackets where it has one. "
        "*Undocumented* is how criteria that support read silence; exclusions read it as unknown unless stated "
        "(decision 0005). *Read from* are the resource types beside structured answers; "
        "[charts.md](../charts.md) says how they are read."
    )
    yield ""
    columns = ("Fact", "Type", "Means", "Undocumented", "Arguments", "Read from")
    yield from table(columns, map(fact_row, sorted(guidelines.vocabulary.values(), key=lambda fact: fact.id)))


def fact_row(fact: FactDefinition) -> tuple[str, str, str, str, str, str]:
    kind = {FactType.NUMBER: f"number of {fact.unit}", FactType.BOOLEAN: "yes or no"}.get(fact.type, str(fact.type))
    if fact.codes:
        kind = "one of " + ", ".join(f"`{code}`" for code in fact.codes)
    silence = "derived" if fact.defined_as is not None else SILENCE[fact.silence]
    if fact.denied_by_silence:
        silence += "; no for exclusions too"
    arguments = ", ".join(f"`{argument}`" for argument in fact.arguments)
    return f"`{fact.id}`", kind, fact.means, silence, arguments, read_from(fact)


def read_from(fact: FactDefinition) -> str:
    """The resource types a fact is looked for in; "the order" for one that the order itself tells."""
    readers = [reader for ref, reader in REGISTRY.items() if ref.partition("(")[0] == fact.id]
    kinds = dict.fromkeys(kind for reader in readers for kind in reader.reads)
    if kinds:
        return ", ".join(kinds)
    return "the order" if readers else "other facts" if fact.defined_as is not None else "answers only"


def resolutions_page(guidelines: Guidelines) -> Iterator[str]:
    yield "# Resolutions\n"
    yield "Where the documents disagree with each other or with themselves, and how they are read here."
    yield ""
    found = load_resolutions(DATA / FILE, guidelines.documents)
    rows = ((f"`{one.id}`", one.topic, ", ".join(one.documents), one.text) for one in found.values())
    yield from table(("Id", "Topic", "Documents", "How it is read"), rows)


def studies_page(guidelines: Guidelines) -> Iterator[str]:
    yield "# Studies\n"
    yield "What an order can be recognised as, by code and system. Labels are our own."
    yield ""
    rows = (
        (f"`{study.id}`", study.label, ", ".join(f"{code.code} ({system_name(code.system)})" for code in study.codes))
        for study in sorted(guidelines.studies.studies.values(), key=lambda study: study.id)
    )
    yield from table(("Study", "Label", "Codes"), rows)


def system_name(uri: str) -> str:
    known = {
        "http://www.ama-assn.org/go/cpt": "CPT",
        "http://loinc.org": "LOINC",
        "http://snomed.info/sct": "SNOMED CT",
    }
    return known.get(uri, uri.rpartition("/")[2])


def settings_page() -> Iterator[str]:
    yield "# Settings\n"
    yield (
        f"From a TOML file named by `{config.CONFIG_FILE}`, then from variables. Lists are separated by commas in "
        "variables; clients and facts are JSON there. What they mean stands in `cds_service/config/`, which also "
        "checks them together; `cds-service config check FILE` puts a file into words."
    )
    yield ""
    yield from table(
        ("Setting", "Variable", "Default"),
        (
            (f"`{setting.name}`", f"`{config.PREFIX}{setting.name.upper()}`", default_of(setting))
            for setting in fields(config.Settings)
        ),
    )
    yield "\n## A client\n"
    yield "Each `[[clients]]` table of the file. `keys_file` names a JWK Set beside the file, and becomes `keys`."
    yield ""
    yield from table(
        ("Setting", "Default"), ((f"`{setting.name}`", default_of(setting)) for setting in fields(config.Client))
    )

    yield "\n## Numbers that the guidelines leave open\n"
    yield (
        "The `[facts]` table of the file. A card that one of them decided says so. Thresholds that a guideline prints "
        "are no settings: they stand in the criteria."
    )
    yield ""
    yield from table(
        ("Setting", "Default", "From", "To", "Meaning"),
        (
            (f"`{number.name}`", f"{number.default:g}", *(f"{number.metadata[end]:g}" for end in ("low", "high")),
             number.metadata["means"])
            for number in fields(FactSettings)
        ),
    )  # fmt: skip


def default_of(setting: Field[object]) -> str:
    default = setting.default
    if default is MISSING or default in ("", (), None):
        return ""
    return ", ".join(f"`{item}`" for item in (default if isinstance(default, tuple) else (default,)))


def commands_page() -> Iterator[str]:
    yield "# Command line\n"
    yield from commands_of(cli.main, "cds-service")


def commands_of(group: click.Group, before: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{before} {name}")
            continue
        with click.Context(command, info_name=f"{before} {name}", terminal_width=100) as context:
            yield f"## {before} {name}\n\n```\n{command.get_help(context)}\n```\n"


def licences_page() -> Iterator[str]:
    yield "# Licences\n"
    yield (
        "What is installed beside this package in the image (`deploy/requirements.lock`), as its own metadata says. "
        "`NOTICE` credits it; `make sbom` writes the same list for machines."
    )
    yield ""
    lock = (Path(__file__).parents[1] / "deploy" / "requirements.lock").read_text(encoding="utf-8")
    locked = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==\S+(.*)", lock, re.MULTILINE)
    names = [name for name, marker in locked if "win32" not in marker]  # the image is Linux
    yield from table(("Package", "Version", "Licence"), ((name, version(name), licence(name)) for name in names))


def licence(package: str) -> str:
    """The SPDX expression where the package gives one, else its own words."""
    said = metadata(package)
    stated = said.get("License-Expression") or said.get("License")
    if stated and len(stated) < 60:
        return str(stated)
    kinds = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if line.startswith("License ::")]
    return ", ".join(kinds)


def decision() -> str:
    """The decision on conflicts with its table as the resolutions stand today."""
    text = DECISION.read_text(encoding="utf-8")
    before, _, rest = text.partition(TABLE_BEGINS)
    _, _, after = rest.partition(TABLE_ENDS)
    return f"{before}{TABLE_BEGINS}\n{chr(10).join(resolution_lines(load()))}\n{TABLE_ENDS}{after}"


def resolution_lines(guidelines: Guidelines) -> Iterator[str]:
    """One line for each resolution: its first sentence, and how many consultations name it."""
    files = case_files(DATA, guidelines.documents)
    said = [name for file in files for text in file.said for name in mentioned(text)]
    rows = (
        (found.id, found.topic, found.text.partition(". ")[0].rstrip("."), str(said.count(found.id)))
        for found in load_resolutions(DATA / FILE, guidelines.documents).values()
    )
    yield from table(("", "Question", "How it is read", "Cases"), rows)


def write() -> None:
    DECISION.write_text(decision(), encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
