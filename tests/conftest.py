"""What every test lives with: no network beyond this machine, and servers that may be absent here, never under CI."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

CI = os.environ.get("CI", "").lower() == "true"
NEEDS_A_SERVER = ("browser", "postgres", "fhir_server")


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
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine")
    # Not in pytest's own folder: every pytest that starts closes that one to other users, the server's among them.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name, _server(programs, Path(name)) as url:
        yield url


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[str]:
    owner = _unprivileged_owner(folder)
    data, port = folder / "data", _free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*owner, str(programs / program), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    run("initdb", "--pgdata", str(data), "--auth=trust", "--username=tests", "--no-sync", "--encoding=UTF8")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
    run("pg_ctl", "--pgdata", str(data), "--options", options, "--log", str(folder / "log"), "--wait", "start")
    try:
        yield f"postgresql+psycopg://tests@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "--pgdata", str(data), "--mode=immediate", "stop")


def _postgres_programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None


def _unprivileged_owner(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then its own user gets the folder and runs it. Gives the command's prefix."""
    if os.geteuid() != 0:
        return []
    user = next((name for name in ("postgres", "nobody") if _exists(name)), None)
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user to run it as")
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
