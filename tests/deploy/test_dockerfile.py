"""The image: small rules of ours, and those of a linter. No engine is needed to check them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.source_tree import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """(name, arguments) with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines()) if name]


def of_kind(kind: str) -> list[str]:
    return [rest for name, rest in instructions() if name == kind]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), str(DOCKERFILE)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_base_is_one_version_of_one_image() -> None:
    versions = dict(pair.split("=", 1) for pair in of_kind("ARG"))
    bases = [
        re.sub(r"\$\{(\w+)\}", lambda found: versions[found[1]], base.split(" AS ")[0]) for base in of_kind("FROM")
    ]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)


def test_what_is_built_is_not_what_builds() -> None:
    names = [name for name, _ in last_stage()]
    assert "COPY" in names
    assert all("--from=build" in rest for name, rest in last_stage() if name == "COPY")
    assert not any("pip install" in rest for name, rest in last_stage() if name == "RUN")


def test_nothing_is_installed_that_the_locks_do_not_hold() -> None:
    installs = [
        step for run in of_kind("RUN") for step in re.split(r"&&", run) if re.search(r"pip (install|wheel)", step)
    ]
    assert len(installs) == 4
    assert all("--require-hashes" in step or "--no-deps" in step for step in installs)


def test_it_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    stage = dict(last_stage())
    user, group = stage["USER"].split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert "/healthz" in stage["HEALTHCHECK"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert stage["ENTRYPOINT"] == '["cds-service"]'  # a list, so that the signal reaches it
    assert "SPINE_CDS_MODE=production" in stage["ENV"]


def test_what_is_copied_exists_and_is_let_through() -> None:
    let_through = [
        line[1:] for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    copied = [source for rest in of_kind("COPY") if "--from" not in rest for source in rest.split()[:-1]]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) for pattern in let_through), source
    assert [name for name in let_through if not list(ROOT.glob(name))] == []


def test_everything_that_the_wheel_is_built_from_is_copied() -> None:
    copied = {source for rest in of_kind("COPY") for source in rest.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["only-include"], *wheel["force-include"], *project["project"]["license-files"]}
    assert needed | {"pyproject.toml", project["project"]["readme"]} <= copied
