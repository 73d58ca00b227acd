"""The suite's own promises: no network, and no server test left out under CI."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source_tree import ROOT

MARKERS = ("browser", "postgres", "proxy", "fhir_server")

SKIPPED = f"""
import pytest

@pytest.mark.parametrize("marker", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in {MARKERS}])
def test_needs_something(marker):
    pytest.skip("not on this machine")
"""


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_another_machine_cannot_be_reached(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as outward, pytest.raises(RuntimeError, match="only this machine"):
        outward.connect((host, 80))


def run_pytest(folder: Path, *, ci: str) -> tuple[int, str]:
    """Exit code and output of a run in which every server test skips itself."""
    (folder / "test_skipped.py").write_text(SKIPPED)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    return done.returncode, done.stdout


def test_a_skipped_server_test_fails_under_ci(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, ci="true")
    assert code == 1
    assert f"{len(MARKERS)} failed" in output
    assert "skipped under CI=true" in output


def test_elsewhere_it_is_only_skipped(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, ci="")
    assert code == 0
    assert f"{len(MARKERS)} skipped" in output


@pytest.mark.postgres
def test_the_suite_can_start_a_postgresql_server(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
