"""The command line as a person and a program use it: trees in colour, JSON, hints, completion, batch, new sections."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cds_service.card_builder.words import Words
from cds_service.cli import main
from cds_service.commands import terminal
from cds_service.commands.explain import complete
from cds_service.commands.review import draw
from cds_service.guidelines.lint import lint
from cds_service.guidelines.load import DATA, load
from cds_service.resources import fixtures_dir
from tests.serving import a_desk
from tests.unit.batch.exports import STORIES, write_stories

DESK = a_desk()
WORDS: Words = DESK.templates.words


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def request_of(slug: str) -> str:
    return str(fixtures_dir() / "requests" / "order-sign" / f"{slug}.json")


def drawn(slug: str, *, colour: bool = False) -> str:
    """What a person sees of the review of a story."""
    response = orjson.loads(run("review", request_of(slug)).stdout_bytes)
    screen = Console(file=io.StringIO(), width=120, force_terminal=colour, color_system="standard" if colour else None)
    draw(response, DESK.guidelines, WORDS, screen)
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_review_is_drawn_with_its_reasons_and_its_card() -> None:
    said = drawn("thoracic-xray-first")
    assert "MRI thoracic spine without contrast 72146  ServiceRequest/thoracic-xray-first-order" in said
    assert "NEEDS INFORMATION" in said
    assert "? SP-4.1/prereq-xray" in said
    assert "✓ SP-4.1/prereq-treatment" in said
    assert "Has a plain x-ray of the thoracic spine been done since this episode began?" in said
    assert "instead Thoracic spine x-ray, 2 views 72070" in said
    assert "treatment without improvement: yes" in said
    assert "warning: Thoracic spine x-ray first" in said
    assert "→ Add thoracic spine x-ray" in said
    assert "\x1b[" not in said


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_every_story_can_be_drawn(story) -> None:
    assert drawn(story.slug, colour=True).strip()


def test_silence_and_orders_that_are_not_ours_are_said() -> None:
    assert "No card: the clinician sees nothing." in drawn("infant-ultrasound")
    assert "No order of this request is reviewed." in drawn("knee-mri")


def test_a_terminal_gets_the_tree_and_a_program_the_response() -> None:
    """Through a pseudo-terminal, as a shell would start it."""
    if shutil.which("script") is None:
        pytest.skip("no program to make a terminal with")
    entry = f"{sys.executable} -c 'from cds_service.cli import main; main()' review {request_of('knee-mri')}"
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    shown = subprocess.run(
        ["script", "-qec", entry, "/dev/null"], capture_output=True, text=True, timeout=60, env=environ, check=True
    )
    assert "No order of this request is reviewed." in shown.stdout
    with_json = subprocess.run(
        ["script", "-qec", f"{entry} --json", "/dev/null"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
        check=True,
    )
    assert json.loads(with_json.stdout) == {"cards": []}


def test_a_request_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    body = json.loads(Path(request_of("knee-mri")).read_text())
    del body["context"]["patientId"]
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body))
    answer = run("review", str(file))
    assert answer.exit_code == 3
    assert answer.stderr.startswith("cds-service: ")
    assert "patientId" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_explain_takes_any_case_and_suggests_what_was_meant() -> None:
    assert run("explain", "sp-4.1/MRI").stdout.startswith("SP-4.1  Upper back")
    unknown = run("explain", "SP-4.1/prereq-xry")
    assert unknown.exit_code == 1
    assert "did you mean SP-4.1/prereq-xray" in unknown.stderr
    assert "did you mean" not in run("explain", "zzzz").stderr


def test_explain_for_programs_holds_the_whole_tree() -> None:
    (found,) = json.loads(run("explain", "--json", "SP-4.1/prereq-treatment").stdout)
    (criterion,) = found["criteria"]
    assert (found["section"], found["document"]["version"]) == ("SP-4.1", "v2.0.2026")
    assert criterion["when"]["text"] == "any of"
    assert criterion["when"]["parts"][1]["parts"][0] == {
        "text": "conservative_treatment_weeks at least 6 weeks",
        "fact": "conservative_treatment_weeks",
    }
    assert len(json.loads(run("explain", "--json", "SP-4.1").stdout)[0]["criteria"]) > 3


def test_a_shell_completes_names_of_sections_and_criteria() -> None:
    command = main.commands["explain"]
    with command.make_context("explain", ["x"]) as context:
        found = [item.value for item in complete(context, command.params[0], "sp-4.1/pre")]
    assert found == [name for name in found if name.startswith("SP-4.1/pre")]
    assert "SP-4.1/prereq-xray" in found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_CDS_SERVICE_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True, timeout=30)


def test_batch_writes_one_line_for_each_order_and_says_what_it_found(tmp_path: Path) -> None:
    story = next(story for story in STORIES if story.slug == "thoracic-xray-first")
    export, output = write_stories(tmp_path / "export", [story]), tmp_path / "out.ndjson"
    done = run("batch", str(export), "-o", str(output), "--workers", "1", "--complete")
    assert done.exit_code == 0, done.stderr
    (line,) = [json.loads(text) for text in output.read_text().splitlines()]
    assert (line["patient"], line["determination"]) == (story.patient["id"], "needs_information")
    assert "1 order of 1 patient in" in done.stderr
    assert "1  needs information" in done.stderr
    assert run("batch", str(tmp_path), "-o", str(output)).exit_code == 4


def test_bars_are_drawn_for_each_stage_on_a_terminal() -> None:
    from rich.progress import Progress

    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress(console=screen) as progress:
        told = terminal.Bars(progress)
        told("Reading", 5, 10)
        told("Reading", 10, 10)
        told("Reviewing", 1, 2)
        assert [(task.description, task.completed, task.total) for task in progress.tasks] == [
            ("Reading", 10, 10),
            ("Reviewing", 1, 2),
        ]


def test_a_new_section_can_be_loaded_and_passes_lint(tmp_path: Path) -> None:
    root = tmp_path / "guidelines"
    shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    made = run("new-section", "adult_spine_2026", "SP-5.9", "--title", "A new one", "--root", str(root))
    assert made.exit_code == 0, made.stderr
    assert [Path(line).name for line in made.stdout.splitlines()] == [
        "sp_5_9_a_new_one.yaml",
        "sp_5_9_a_new_one.cases.yaml",
        "sp_5_9_a_new_one.criteria.cases.yaml",
    ]
    guidelines = load.__wrapped__(root)
    assert guidelines.criterion("SP-5.9/study") is not None
    assert [
        str(finding) for finding in lint(guidelines, root) if "SP-5.9" in str(finding) or "sp_5_9" in str(finding)
    ] == []
    load.cache_clear()
    again = run("new-section", "adult_spine_2026", "SP-5.9", "--root", str(root))
    assert (again.exit_code, "has a section SP-5.9 already" in again.stderr) == (4, True)
    assert run("new-section", "nowhere", "SP-5.8", "--root", str(root)).exit_code == 4
    assert run("new-section", "adult_spine_2026", "5.8", "--root", str(root)).exit_code == 2
