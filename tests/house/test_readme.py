"""What the documents tell a reader to do works: every command, target, path and link."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path, PurePosixPath

import click
import pytest
from click.testing import CliRunner

from cds_service import cli
from cds_service.commands.faults import EXIT_REQUEST, EXIT_SETTINGS
from cds_service.hooks import discovery
from tests.house import source_tree

DOCUMENTS = [
    path for path in source_tree.files() if path.endswith(".md") and not path.startswith("fhir_fixtures/patients")
]
README = source_tree.text("README.md")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", source_tree.text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_make_target_exists(path: str) -> None:
    assert (
        set(
            re.findall(
                r"\bmake ([a-z]+)\b(?=[`\s]*(?:$|[`#,.;:]|ARGS|PORT|PYTHON))", source_tree.text(path), re.MULTILINE
            )
        )
        <= targets()
    )


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_command_line_exists(path: str) -> None:
    named = set(re.findall(r"(?:bin/|`|^)cds-service ([a-z][a-z-]*)", source_tree.text(path), re.MULTILINE))
    assert named <= set(cli.main.commands)


def test_the_makefile_runs_what_exists() -> None:
    makefile = source_tree.text("Makefile")
    commands = set(re.findall(r"\$\(BIN\)/cds-service ([a-z]+)", makefile))
    ours = re.findall(r"\$\(BIN\)/python (?:-m )?([\w./]+)", makefile)
    assert commands <= set(cli.main.commands)
    missing = [name for name in ours if name not in ("pip", "venv") and not _runs(name)]
    assert not missing


def _runs(program: str) -> bool:
    """Whether there is a script of this path, or a module or package to run under this name."""
    path = program if program.endswith(".py") else program.replace(".", "/")
    places = (source_tree.ROOT / path, source_tree.ROOT / f"{path}.py", source_tree.ROOT / path / "__main__.py")
    return any(place.is_file() for place in places)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_leads_somewhere(path: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", source_tree.text(path))
    folder = source_tree.ROOT / PurePosixPath(path).parent
    assert not [link for link in links if not (folder / link).exists()]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_path_exists(path: str) -> None:
    """Paths from the root, in code or in commands. "<...>" marks a pattern."""
    roots = "|".join(re.escape(name) for name in ("cds_service", "cards", "fhir_fixtures", "tests", "docs", "deploy"))
    named = re.findall(rf"(?<![\w/.<-])((?:{roots})/[\w./-]+)(?![\w<*])", source_tree.text(path))
    places = [source_tree.ROOT / name.rstrip(".") for name in named]
    assert not [str(place) for place in places if not place.exists() and place.name != "generated"]


def test_the_readme_opens_with_the_two_commands() -> None:
    first = re.search(r"```bash\n(.*?)```", README, re.DOTALL)
    assert first
    assert [shlex.split(line, comments=True) for line in first[1].splitlines()] == [["make", "run"], ["make", "test"]]


def test_the_readme_says_that_nobody_has_approved_the_content() -> None:
    assert "have not been clinically approved" in README.split("## ")[0]


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    documented = dict(re.findall(r"^\| (\d) \| ([^|]+) \|$", README, re.MULTILINE))
    assert set(documented) == {"0", "1", "2", "3", "4"}
    assert documented[str(EXIT_REQUEST)].startswith("the request cannot be answered")
    assert documented[str(EXIT_SETTINGS)].startswith("settings or guideline data")


def test_the_curl_example_shows_a_card() -> None:
    (url, name) = re.findall(r"curl -s http://127\.0\.0\.1:8080(\S+) .*?-d @(\S+)", README, re.DOTALL)[0]
    shown = CliRunner().invoke(cli.main, ["review", str(source_tree.ROOT / name)])

    assert shown.exit_code == 0, shown.output
    answer = json.loads(shown.output)
    assert url.rpartition("/")[2] == discovery.BY_HOOK[json.loads(source_tree.text(name))["hook"]].id
    assert "ltrasound" in answer["cards"][0]["summary"]
    assert answer["extension"]["org.spine-imaging-cds.reviews"][0]["alternatives"][0]["code"] == "76800"


def test_every_command_explains_itself() -> None:
    for name, command in cli.main.commands.items():
        shown = CliRunner().invoke(cli.main, [name, "--help"])
        assert shown.exit_code == 0
        assert isinstance(command, click.Command)
        assert command.help, f"{name} has no help text"


def test_the_glossary_gives_each_word_one_meaning() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", README.partition("## Words we use")[2], re.MULTILINE)
    words = [word.strip() for row in rows for word in row.split(",")]
    assert len(words) == len(set(words))
    assert {"fact", "unknown", "determination", "silence"} <= set(words)


def test_the_production_example_is_accepted(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", source_tree.text("docs/integrate.md"), re.DOTALL)
    file = tmp_path / "production.toml"
    file.write_text(example)
    shown = CliRunner().invoke(cli.main, ["config", "check", str(file)])

    assert shown.exit_code == 0, shown.output
    assert "North Hospital" in shown.output
