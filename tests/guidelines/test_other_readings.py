"""Under a reading that was not chosen, a case that names the resolution fails: the cases discriminate."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from cds_service.guidelines import strict_yaml
from cds_service.guidelines.load import DATA, Guidelines, load, section_files
from cds_service.guidelines.resolutions import FILE, load_resolutions, mentioned
from cds_service.guidelines.sections import SectionReader
from cds_service.guidelines.vocabulary import load_vocabulary
from tests.guidelines.case_files import ConsultationCase, consultation_cases
from tests.guidelines.test_cases import failures

READINGS = strict_yaml.read(Path(__file__).with_name("other_readings.yaml")).mappings("readings")


@cache
def cases_by_resolution() -> dict[str, list[ConsultationCase]]:
    found: dict[str, list[ConsultationCase]] = {}
    for case in consultation_cases():
        for name in mentioned(f"{case.data.get('why', '')} {case.name}"):
            found.setdefault(name, []).append(case)
    return found


def changed(text: str, entry: str, old: str | None, new: str) -> str | None:
    """One text for another in the entry of that id, or (without `old`) the whole entry; None when it is not here."""
    found = re.search(rf"(?ms)^- id: {re.escape(entry)}\n.*?(?=^- id: |\Z)", text)
    if found is None:
        return None
    assert old is None or old in found[0], f"{entry} does not say {old!r}"
    return text.replace(found[0], "" if old is None else found[0].replace(old, new))


def under(reading: strict_yaml.Mapping, folder: Path) -> Guidelines:
    """The guidelines as they would be read. Only the files that change are read again."""
    folder.mkdir()
    files: dict[Path, str] = {}
    for entry in reading.mappings("changes"):
        entry.allow(("entry",), ("old", "new", "drop"))
        for path in [*sorted(DATA.glob("*/*.yaml")), DATA / "facts.yaml"]:
            text = changed(
                files.get(path, path.read_text()), entry.text("entry"), entry.get("old"), entry.get("new", "")
            )
            if text is not None:
                files[path] = text
                break
        else:
            raise AssertionError(f"there is no {entry['entry']}")
    for path, text in files.items():
        (folder / path.name).write_text(text)
    return with_files(load(), list(files), folder)


def with_files(guidelines: Guidelines, changed_files: list[Path], folder: Path) -> Guidelines:
    vocabulary, facts = guidelines.vocabulary, folder / "facts.yaml"
    again = [path for path in changed_files if path.name != facts.name]
    if facts.exists():  # trees of every section hold on to the definitions
        vocabulary = load_vocabulary(facts)
        folders = {document.folder for document in guidelines.documents.values()}
        again = [path for name in folders for path in section_files(DATA / name)]
    reader = SectionReader(vocabulary, guidelines.studies, guidelines.value_sets)
    documents = {document.folder: document.guideline.id for document in guidelines.documents.values()}
    sections = dict(guidelines.sections)
    for path in again:
        ours = folder / path.name
        section = reader.read(ours if ours.exists() else path, documents[path.parent.name])
        sections[f"{section.document} {section.id}"] = section
    return replace(guidelines, vocabulary=vocabulary, sections=sections, _facts={}, _plans={}, _editions={})


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading["id"])
def test_a_case_fails_under_the_other_reading(reading: strict_yaml.Mapping, tmp_path: Path) -> None:
    guidelines = under(reading, tmp_path / "guidelines")
    cases = cases_by_resolution()[reading["id"]]

    assert any(failures(case, guidelines) for case in cases), f"no case notices: {reading['reading']}"


def test_every_resolution_has_another_reading() -> None:
    assert {reading["id"] for reading in READINGS} == set(load_resolutions(DATA / FILE, load().documents))
