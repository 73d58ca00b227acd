"""The real server in processes of its own: start it, kill parts of it, stop it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

COMMAND_LINE = (sys.executable, "-c", "from cds_service.cli import main; main()")


@dataclass
class ServerProcess:
    """`process` leads a process group of its own, `base` is the address, `log` what it wrote."""

    process: subprocess.Popen[bytes]
    base: str
    log: Path

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that live."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"\0" in _command_of(child)]

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.base + path, timeout=10) as response:  # noqa: S310
            return bytes(response.read())

    def post(self, path: str, body: object) -> tuple[int, bytes]:
        """Status and body. Raises urllib.error.HTTPError for a status of 400 and above."""
        request = urllib.request.Request(  # noqa: S310
            self.base + path, orjson.dumps(body), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            return response.status, response.read()

    def kill(self) -> None:
        """All of it, without warning."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)

    def stop(self, within: float = 20) -> int:
        """Exit code after an orderly stop."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)


def _command_of(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server_process(
    folder: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND_LINE,
    port: int | None = None,
    largest_file: int | None = None,
) -> Iterator[ServerProcess]:
    """A server that is ready, by default `cds-service ARGUMENTS --port PORT` with its store in `folder`.

    With `largest_file` no file may grow beyond so many bytes, and the log is not kept: a full disk, for the store.
    """
    port = port or free_port()
    variables = os.environ | {"SPINE_CDS_DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}", **(environ or {})}
    line = [*command, *arguments, *(["--port", str(port)] if command is COMMAND_LINE else [])]
    log = Path(os.devnull) if largest_file else folder / "log"
    limit = ["prlimit", f"--fsize={largest_file}", "--"] if largest_file else []
    with log.open("ab") as sink:
        process = subprocess.Popen([*limit, *line], env=variables, stdout=sink, stderr=sink, start_new_session=True)
    running = ServerProcess(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.kill()


def wait_until_ready(running: ServerProcess) -> None:
    for _ in range(300):
        assert running.process.poll() is None, f"the server stopped: {running.log.read_text()[-2000:]}"
        try:
            running.get("/healthz")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")
