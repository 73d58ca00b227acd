"""`cds-service new-section`: the files of a guideline section, ready to be filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from cds_service.commands.faults import reporting_faults
from cds_service.core.errors import ConfigurationError
from cds_service.guidelines.load import CASES, DATA, Document, load

NAME: Final = re.compile(r"[A-Z][A-Z-]*(-\d+(\.\d+)?)?")

SECTION: Final = """\
# {title}, section {section}.
section: {section}
title: {title}
document: {document}
population: {population}
criteria:
- id: {section}/study                 # section/name; appears in responses, so it never changes
  kind: indication
  outcome: supported                  # what follows when it is met
  says: >-
    Write what the section says in a sentence of your own.
  studies: ['72148']                  # CPT codes, study ids or groups of studies.yaml
  when: spine_pain(lumbar)            # one fact, or all, any, not and a count of several
"""

CONSULTATIONS: Final = """\
# What an order gets: written from the source, not from the criteria.
section: {section}
consultations:
- name: the study is what the section supports
  order: '72148'
  born: '1980-03-02'
  facts: {{spine_pain(lumbar): true}}
  expect: {{determination: supported}}
"""

CRITERIA: Final = """\
# When each criterion holds: at least one case for each result, and both sides of every threshold.
section: {section}
criteria:
  {section}/study:
    met:
    - {{name: the pain is there, facts: {{spine_pain(lumbar): true}}}}
    not_met:
    - {{name: known that there is none, facts: {{spine_pain(lumbar): false}}}}
    unknown:
    - {{name: the conditions could not be read, facts: {{}}, not_read: [spine_pain]}}
"""


@click.command("new-section")
@click.argument("folder")
@click.argument("section")
@click.option("--title", default="Title of the section", help="As the document prints it.")
@click.option("--root", type=click.Path(file_okay=False, exists=True, path_type=Path), default=DATA, hidden=True)
@reporting_faults
def new_section(folder: str, section: str, title: str, root: Path) -> None:
    """Write the files of SECTION (SP-5.3) into FOLDER (adult_spine_2026): its criteria, and the cases that try them.

    The files can be loaded as they are. docs/add-a-guideline.md says how to go on.
    """
    if not NAME.fullmatch(section):
        raise click.BadParameter("a section is called like SP-5.3", param_hint="SECTION")
    document = _document(folder, root)
    taken = [
        found
        for found in load(root).sections.values()
        if found.id == section and found.document == document.guideline.id
    ]
    if taken:
        raise ConfigurationError(f"{document.guideline.title} has a section {section} already")
    adult = "pediatric" not in folder
    words = {
        "section": section,
        "title": title,
        "document": document.guideline.id,
        "population": "{from: 18 years}" if adult else "{under: 18 years}",
    }
    stem = re.sub(r"[^a-z0-9]+", "_", f"{section} {title if title != 'Title of the section' else ''}".lower()).strip(
        "_"
    )
    for ending, text in ((".yaml", SECTION), (CASES, CONSULTATIONS), (f".criteria{CASES}", CRITERIA)):
        path = root / folder / f"{stem}{ending}"
        if path.exists():
            raise ConfigurationError(f"{path} is there already")
        path.write_text(text.format(**words), encoding="utf-8")
        click.echo(path)
    click.echo("Next: write the criteria, then the cases; `cds-service lint` names what is missing.", err=True)


def _document(folder: str, root: Path) -> Document:
    documents = {document.folder: document for document in load(root).documents.values()}
    if folder not in documents:
        raise ConfigurationError(f"no document has the folder {folder} (known: {', '.join(sorted(documents))})")
    return documents[folder]
