"""What the pages for newcomers tell them to type works: typed into a copy of the project, or run elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source_tree import ROOT, files, text
from tests.server_process import free_port, server_process

WRITTEN = "http://127.0.0.1:8080"
REQUEST = "fhir_fixtures/requests/order-sign/infant-dermal-sinus.json"

# Commands are typed in the copy's folder, and its code is to run rather than that of these tests.
OWN_CODE = {"PYTHONPATH": "."}

PART = 'make test ARGS="tests/unit/core -x"'

# What rewrites files, each with files that it has to put right again.
REWRITES = {
    "make fix": ["cds_service/resources.py"],
    "make docs": ["docs/generated/facts.md", "docs/conformance.md"],
    "make golden": [REQUEST, "cards/examples/kinds/no_guideline.json"],
}

GATE = "the gate runs it, and this test is a part of that"
INDEX = "needs a package index; the gate's `make` installs the same locks"
SANDBOX = "needs the sandbox's own repository and Node; tests/functional/test_sandbox_guide.py plays its calls"
GUIDELINE = "tests/guidelines/test_new_section.py runs it on a copy of the data"
NOT_HERE = {
    "make test": GATE,
    "make check": GATE,
    ".ci/run": GATE,
    'make test ARGS="tests/guidelines"': GATE,
    "python3 -m venv .venv": INDEX,
    ".venv/bin/pip install --require-hashes -r requirements.lock": INDEX,
    ".venv/bin/pip install --no-deps -e .": INDEX,
    ".venv/bin/cds-service demo": "`make run` ends in it",
    f".venv/bin/cds-service review {REQUEST}": "tests/house/test_readme.py runs it",
    'cds-service new-section adult_spine_2026 SP-5.3 --title "Low back pain, stiff in the morning"': GUIDELINE,
    "cds-service lint": GUIDELINE,
    "cds-service explain SP-5.3": GUIDELINE,
    "git clone https://github.com/cds-hooks/sandbox": SANDBOX,
    "cd sandbox": SANDBOX,
    "npm ci --ignore-scripts": SANDBOX,
    "npm run build": SANDBOX,
    "python3 -m http.server 8090 --bind 127.0.0.1 --directory build": SANDBOX,
}


def commands(page: str) -> Iterator[str]:
    """Every command of a page, in blocks and in the text, on one line and without its comment."""
    content = text(page)
    for language, block in re.findall(r"^ *```(bash|text)\n(.*?)^ *```$", content, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            command = re.sub(r"\s+#.*", "", line.strip())
            if language == "bash" or re.match(r"(git|cd|npm|python3) ", command):
                yield command
    prose = re.sub(r"```.*?```", "", content, flags=re.DOTALL)
    yield from re.findall(r"`((?:make |\.ci/|\.venv/bin/)[^`]+)`", prose)


TOLD = {command for page in ("README.md", "docs/sandbox.md", "docs/add-a-guideline.md") for command in commands(page)}
STARTS = sorted(command for command in TOLD if command.endswith("make run"))
CALLS = sorted(command for command in TOLD if command.startswith("curl "))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as git knows it, in a folder of its own, with the environment of these tests for its own."""
    folder = tmp_path_factory.mktemp("newcomer")
    for path in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path)
    environment = folder / ".venv"
    (environment / "sbom").mkdir(parents=True)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (environment / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".installed", ".installed-dev", "sbom/.installed"):  # newer than the locks: nothing to install
        (environment / stamp).touch()
    typed(
        folder,
        "git init --quiet && git add --all && git -c user.name=n -c user.email=n@example.org commit --quiet -m all",
    )
    return folder


def typed(folder: Path, command: str) -> str:
    """What a command prints. It has to end well."""
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=os.environ | OWN_CODE, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_is_run_here_or_elsewhere_for_a_reason() -> None:
    assert {PART, *REWRITES, *STARTS, *CALLS, "make help", *NOT_HERE} == TOLD


def test_the_gate_runs_what_is_left_to_it() -> None:
    gate = re.findall(r"^(make \w+) \|\| status=1$", text(".ci/run"), re.MULTILINE)
    assert gate == ["make check", "make test"]


def test_help_lists_every_target(copy: Path) -> None:
    shown = typed(copy, "make help")
    assert set(re.findall(r"^make ([a-z-]+) ", shown, re.MULTILINE)) == set(
        re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE)
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", REWRITES)
def test_what_rewrites_files_puts_them_right_and_leaves_the_others(copy: Path, command: str) -> None:
    for path in REWRITES[command]:
        with (copy / path).open("a") as spoiled:
            spoiled.write("\n\n\n")
    assert len(typed(copy, "git diff --name-only").splitlines()) == len(REWRITES[command])

    typed(copy, command)

    assert typed(copy, "git status --short") == ""


@pytest.mark.slow
def test_a_part_of_the_tests_can_be_run(copy: Path) -> None:
    assert re.search(r"\d+ passed", typed(copy, PART))


@pytest.mark.slow
@pytest.mark.parametrize("command", STARTS)
def test_it_starts_and_answers_what_the_pages_ask(copy: Path, tmp_path: Path, command: str) -> None:
    port = free_port()
    line = ["bash", "-c", f"cd {shlex.quote(str(copy))} && exec env {command} PORT={port}"]
    with server_process(tmp_path, command=line, port=port, environ=OWN_CODE) as server:
        for call in CALLS:
            answer = typed(copy, call.replace(WRITTEN, server.base).replace("curl -s", "curl -sf"))
            assert answer.startswith("{"), call
