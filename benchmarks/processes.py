"""Servers in processes of their own: started on one core, watched through /proc, stopped at the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The server has one core to itself, the load generator another, where the machine has two.
CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = CORES[0]
CLIENT_CORE: Final = CORES[-1]
LONGEST_START: Final = 60.0  # seconds


@dataclass(frozen=True)
class Server:
    """`ready_after` are the seconds from its start to its first answer."""

    process: subprocess.Popen[bytes]
    port: int
    ready_after: float

    def cpu(self) -> float:
        """Seconds of CPU, user and system, that all processes of the server have used."""
        ticks = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Megabytes of the largest process, each shared page counted in part (PSS)."""
        return max(map(_pss, self._processes())) / 1e6

    def _processes(self) -> list[int]:
        found, new = [], [self.process.pid]
        while new:
            pid = new.pop()
            found.append(pid)
            new += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    return 0


@contextmanager
def our_service() -> Iterator[Server]:
    """The service as shipped, one worker: rules, cards, store with full synchronisation, metrics, log."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"SPINE_CDS_MODE": "demo", "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3"}
        command = [
            sys.executable,
            "-c",
            "from cds_service.cli import main; main()",
            "serve",
            "--workers",
            "1",
            "--port",
        ]
        with _running(command, settings) as server:
            yield server


@contextmanager
def wsgi(app: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Another WSGI application behind the same server."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "4",
               "--no-ws", "--log-level", "error", app, "--port"]  # fmt: skip
    with _running(command, settings) as server:
        yield server


@contextmanager
def script(python: Path, file: Path, ready: str) -> Iterator[Server]:
    """A peer in an environment of its own."""
    with _running([str(python), str(file)], {}, ready) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], settings: Mapping[str, str], ready: str = "/readyz") -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, str(port)],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        _wait(process, port, ready)
        yield Server(process, port, time.perf_counter() - started)
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.perf_counter() + LONGEST_START
    while time.perf_counter() < until:
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with {process.returncode} before it was ready")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if connection.recv(64).split(b" ")[1:2] == [b"200"]:
                    return
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit(f"{process.args} was not ready within {LONGEST_START:g} seconds")
