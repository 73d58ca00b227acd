"""A PostgreSQL server for tests: a new cluster in a folder of its own, on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server_process import free_port

DATABASE = "postgres"


@dataclass(frozen=True)
class PostgresServer:
    """`owner` is the prefix of a command that runs as the cluster's user."""

    programs: Path
    owner: tuple[str, ...]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/{DATABASE}"

    def create(self) -> None:
        self._run("initdb", "--auth=trust", "--username=tests", "--no-sync", "--encoding=UTF8")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "--options", options, "--log", str(self.folder / "log"), "--wait", "start")

    def stop(self) -> None:
        """Without finishing what is under way, as if its processes had been killed."""
        self._run("pg_ctl", "--mode=immediate", "--wait", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.owner, str(self.programs / program), "--pgdata", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A running server; skips the test where there is none to run."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine")
    server = PostgresServer(programs, _unprivileged(folder), folder, free_port())
    server.create()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None


def _unprivileged(folder: Path) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: then its own user gets the folder and runs it."""
    if os.geteuid() != 0:
        return ()
    user = next((name for name in ("postgres", "nobody") if _exists(name)), None)
    if user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user to run it as")
    shutil.chown(folder, user)
    return ("runuser", "-u", user, "--")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
