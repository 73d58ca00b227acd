"""The path of `docs/add-a-guideline.md`, walked in a copy of the data: one folder changes, and the section answers."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.guidelines.explain import explain
from cds_service.guidelines.lint import (
    Content,
    case_files_have_sections,
    criteria_have_cases,
    sections_have_case_files,
)
from cds_service.guidelines.load import CASES, DATA, Guidelines, load, section_files
from tests.guidelines.case_files import consultation_cases, criterion_cases
from tests.guidelines.test_cases import failures, truth_of
from tests.house import source_tree

PAGE = source_tree.text("docs/add-a-guideline.md")
SECTION = "SP-5.3"
FOLDER = "adult_spine_2026"
FILES = dict(re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def copied(folder: Path) -> Path:
    root = folder / "guidelines"
    shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return root


def run(command: str, root: Path) -> str:
    """A command of the page, on the copy."""
    words = re.findall(r'"([^"]*)"|(\S+)', command.removeprefix("cds-service "))
    result = CliRunner().invoke(main, [*(quoted or plain for quoted, plain in words), "--root", str(root)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data after the first three steps of the page."""
    root = copied(tmp_path_factory.mktemp("newcomer"))
    (begin,) = [command for command in COMMANDS if command.startswith("cds-service new-section")]
    run(begin, root)
    for name, text in FILES.items():
        assert (root / FOLDER / name).is_file(), f"new-section writes no {name}"
        (root / FOLDER / name).write_text(text)
    load.cache_clear()
    return root


@pytest.fixture(scope="module")
def guidelines(root: Path) -> Guidelines:
    return load(root)


def test_the_page_shows_all_three_files() -> None:
    stem = "sp_5_3_low_back_pain_stiff_in_the_morning"
    assert set(FILES) == {f"{stem}.yaml", f"{stem}{CASES}", f"{stem}.criteria{CASES}"}


def test_what_new_section_writes_is_clean_as_it_is(tmp_path: Path) -> None:
    root = copied(tmp_path)
    before = {path for path in root.rglob("*") if path.is_file()}
    run(f"cds-service new-section {FOLDER} {SECTION}", root)
    load.cache_clear()
    run("cds-service lint", root)

    written = {path for path in root.rglob("*") if path.is_file()} - before
    assert len(written) == 3
    assert {path.parent for path in written} == {root / FOLDER}


def test_the_section_of_the_page_is_clean(root: Path) -> None:
    assert "cds-service lint" in COMMANDS
    run("cds-service lint", root)


def test_it_explains_itself(guidelines: Guidelines) -> None:
    assert f"cds-service explain {SECTION}" in COMMANDS
    text = explain(SECTION, guidelines) or ""
    assert "conservative_treatment_weeks at least 3 weeks" in text
    assert "adult-spine-2026, SP-5.3" in text


def test_an_order_is_judged_by_it(root: Path, guidelines: Guidelines) -> None:
    cases = [case for case in consultation_cases(root) if case.section == SECTION]
    assert len(cases) == 2
    assert [failures(case, guidelines) for case in cases] == [[], []]
    assert failures(cases[0], load()), "without the section three weeks are not enough"


def test_its_criteria_come_out_as_its_cases_say(root: Path, guidelines: Guidelines) -> None:
    cases = [case for case in criterion_cases(root) if case.criterion.startswith(f"{SECTION}/")]
    assert len(cases) == 6
    assert all(truth_of(case, guidelines) == case.expect for case in cases)


@pytest.fixture(scope="module")
def content() -> Content:
    return Content(load(), DATA)


class TestNothingGetsLost:
    """Each file of each section is missed by name. The whole lint would say the same, and takes a second each time."""

    def test_a_section_file_is_missed_by_its_cases(self, content: Content) -> None:
        for name, section in content.guidelines.sections.items():
            rest = {other: found for other, found in content.guidelines.sections.items() if other != name}
            lost = Content(replace(content.guidelines, sections=rest), DATA)
            lost.__dict__["files"] = content.files
            assert any(section.id in str(finding) for finding in case_files_have_sections(lost)), section.id

    def test_a_file_of_criterion_cases_is_missed_by_its_section(self, content: Content) -> None:
        judged = {found.section for found, _, _ in content.judging()}
        for file in content.files:
            if file.criteria and file.section in judged:
                lost = Content(content.guidelines, DATA)
                lost.__dict__["files"] = tuple(other for other in content.files if other is not file)
                assert any(finding.where == file.section for finding in criteria_have_cases(lost)), file.path.name

    def test_a_file_of_consultations_is_missed_by_its_section(self, tmp_path: Path) -> None:
        root = copied(tmp_path)
        content = Content(load(root), root)
        for document in content.guidelines.documents.values():
            for path in section_files(root / document.folder):
                cases = path.with_name(path.stem + CASES)
                text = cases.read_bytes()
                cases.unlink()
                missed = [finding.where for finding in sections_have_case_files(content)]
                cases.write_bytes(text)
                assert missed == [path.name]

    @pytest.mark.parametrize("ending", [".yaml", CASES, f".criteria{CASES}"])
    def test_the_command_names_what_is_gone(self, tmp_path: Path, ending: str) -> None:
        root = copied(tmp_path)
        (root / FOLDER / f"sp_4_1_thoracic_pain{ending}").unlink()
        result = CliRunner().invoke(main, ["lint", "--root", str(root)])

        assert result.exit_code == 1
        assert "SP-4.1" in result.output or "sp_4_1_thoracic_pain" in result.output
