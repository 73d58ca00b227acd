"""What every test lives with: no network beyond this machine, and servers that may be absent here, never under CI."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import postgres_server

CI = os.environ.get("CI", "").lower() == "true"
NEEDS_A_SERVER = ("browser", "postgres", "proxy", "fhir_server")


def _refuse_the_network(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: a test that reaches for another machine fails where it does so."""
    if event != "socket.connect" or not isinstance(args[1], tuple):  # a Unix socket's address is a string
        return
    host = str(args[1][0])
    if host != "localhost" and not _is_loopback(host):
        raise RuntimeError(f"a test tried to connect to {host}; only this machine may be reached")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # a name
        return False


sys.addaudithook(_refuse_the_network)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI a skipped server test is a failure: the gate must not pass by leaving it out."""
    report = yield
    if CI and report.skipped and any(item.get_closest_marker(name) for name in NEEDS_A_SERVER):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI=true: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. A test that asks for it is marked `browser`."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database, as SQLAlchemy names it: TEST_POSTGRES_URL, else a server of our own on loopback.

    A test that asks for it is marked `postgres`, and cleans up after itself: the database is shared by the session.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    # Not in pytest's own folder: every pytest that starts closes that one to other users, the server's among them.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name, postgres_server(Path(name)) as server:
        yield server.url
