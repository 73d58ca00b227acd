"""The wheel is complete: installed away from the checkout, it finds its data and answers a hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house import source_tree
from tests.house.source_tree import ROOT

pytestmark = pytest.mark.slow

MAPPED = {
    "cards/": "cds_service/_cards/",
    "fhir_fixtures/": "cds_service/_fixtures/",
    "openapi.yaml": "cds_service/_openapi.yaml",
}


def run(command: list[str], **variables: str) -> str:
    """Standard output of a command that must succeed; its error output is shown when it does not."""
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)])
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds this wheel and nothing else; its dependencies come from the environment of the tests."""
    target = tmp_path_factory.mktemp("installed")
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(target),
            str(wheel),
        ]
    )
    return target


def run_installed(installed: Path, *arguments: str) -> str:
    """Runs Python away from the checkout with the installed package first on its path."""
    command = ["env", "-C", str(installed.parent), sys.executable, "-P", *arguments]
    return run(command, PYTHONPATH=str(installed), PYTHONDONTWRITEBYTECODE="1")


def place_in_wheel(path: str) -> str:
    for source, place in MAPPED.items():
        if path.startswith(source):
            return path.replace(source, place, 1)
    return path


def test_every_file_of_the_package_and_its_data_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = [path for path in source_tree.files() if path.startswith(("cds_service/", *MAPPED))]
    assert not [path for path in wanted if place_in_wheel(path) not in packed]


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    packed = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in packed} == {"cds_service", "spine_imaging_cds"}


def test_the_wheel_offers_the_command_and_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    read = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    assert "cds-service = cds_service.cli:main" in read["entry_points.txt"]
    assert "Apache License" in read["LICENSE"]
    assert "Dependencies" in read["NOTICE"]


def test_the_installed_package_finds_its_data_inside_itself(installed: Path) -> None:
    program = (
        "from cds_service import resources as r; from cds_service.guidelines.load import load; import json; "
        "print(json.dumps({'places': [str(p) for p in (r.cards_dir(), r.fixtures_dir(), r.openapi_path())], "
        "'sections': len(load().sections), 'templates': len(list((r.cards_dir() / 'templates').glob('*.yaml'))), "
        "'patients': len(list((r.fixtures_dir() / 'patients').iterdir()))}))"
    )
    found = json.loads(run_installed(installed, "-c", program))

    assert all(Path(place).is_relative_to(installed) for place in found["places"])
    assert found["sections"] > 50
    assert found["templates"] > 10
    assert found["patients"] > 10
