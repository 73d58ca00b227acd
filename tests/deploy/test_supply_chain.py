"""The bill of materials and the audit, by the same commands that `make` runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import CI
from tests.house.source_tree import ROOT, text
from tests.house.test_lock import locked

IMAGE = locked("deploy/requirements.lock")
BIN = Path(sys.executable).parent
SBOM_BIN = BIN.parent / "sbom" / "bin"
UNREACHABLE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "AUDIT_TIMEOUT": "2"}

pytestmark = pytest.mark.slow


def needed_here(lock: str) -> set[str]:
    """Names in a lock file, without those that other platforms need."""
    entries = [Requirement(line) for line in re.findall(r"^(\S+==[^\\\n]+) \\$", text(lock), re.MULTILINE)]
    return {entry.name for entry in entries if entry.marker is None or entry.marker.evaluate()}


def run(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"BIN": str(BIN), **environ}
    return subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=120)


def bill_of_materials(folder: Path) -> dict[str, Any]:
    """What `make sbom` writes, in another folder."""
    if not (SBOM_BIN / "cyclonedx-py").exists():
        assert not CI, "`make test` installs the tool"
        pytest.skip("the tool is not installed; `make test` and `make sbom` do so")
    recipe = re.search(r"^sbom:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert recipe
    script = (
        recipe[1]
        .replace("$(SBOM_BIN)", str(SBOM_BIN))
        .replace("dist", str(folder))
        .replace("\t@", "")
        .replace("\t", "")
    )
    done = run(["bash", "-ec", script])
    assert done.returncode == 0, done.stderr
    bill: dict[str, Any] = json.loads((folder / "sbom.json").read_text())
    return bill


def test_the_bill_names_every_package_of_the_image_with_version_and_hashes(tmp_path: Path) -> None:
    bill = bill_of_materials(tmp_path)

    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "spine-imaging-cds"
    assert {part["name"]: part["version"] for part in bill["components"]} == {
        name: version for name, (version, _) in IMAGE.items()
    }
    assert all(part["externalReferences"][0]["hashes"] for part in bill["components"])
    assert bill["components"][0]["purl"].startswith("pkg:pypi/")


def test_the_bill_is_the_same_for_the_same_locks(tmp_path: Path) -> None:
    assert bill_of_materials(tmp_path) == bill_of_materials(tmp_path)


def test_the_audit_covers_every_package_of_the_image() -> None:
    done = run(["deploy/audit", "--dry-run"])
    counted = re.search(r"would have audited (\d+) packages", done.stderr)
    assert done.returncode == 0, done.stderr
    assert counted
    assert int(counted[1]) == len(needed_here("deploy/requirements.lock") | needed_here("deploy/build.lock"))


@pytest.mark.parametrize(("strict", "code"), [("", 0), ("1", 2)])
def test_without_a_network_the_audit_says_that_there_was_none(strict: str, code: int) -> None:
    done = run(["deploy/audit"], AUDIT_STRICT=strict, **UNREACHABLE)
    assert done.returncode == code
    assert done.stderr.startswith("Not audited:")
    assert "No known vulnerabilities" not in done.stdout


def test_an_audit_that_fails_for_another_reason_fails() -> None:
    done = run(["deploy/audit", "--no-such-option"])
    assert done.returncode != 0
