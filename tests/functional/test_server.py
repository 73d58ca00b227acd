"""The real server in a process of its own: it starts, answers, and loses nothing that it acknowledged."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, text

from cds_service.hooks.chart_keys import TABLE
from tests.hook_requests import a_request
from tests.serving import SIGN

CARD = "1981d7cb-a2cc-4872-a0ef-b16b93836{:03d}"


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A demo server on a free port, with its store in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = os.environ | {"SPINE_CDS_DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}"}
    command = [sys.executable, "-c", "from cds_service.cli import main; main()", "demo", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *arguments], env=environ, stdout=log, stderr=log, start_new_session=True)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{base}/readyz", process)
        yield process, base
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the server stopped"
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


def post(url: str, body: object) -> tuple[int, bytes]:
    request = urllib.request.Request(  # noqa: S310
        url, orjson.dumps(body), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return response.status, response.read()


def feedback(number: int) -> dict[str, Any]:
    return {
        "feedback": [{"card": CARD.format(number), "outcome": "overridden", "outcomeTimestamp": "2026-11-20T17:40:19Z"}]
    }


def count(folder: Path, table: str) -> int:
    engine = create_engine(f"sqlite:///{folder / 'store.sqlite3'}")
    with engine.connect() as connection:
        number = connection.execute(text(f"select count(*) from {table}")).scalar_one()  # noqa: S608
    engine.dispose()
    return int(number)


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with server(tmp_path) as (process, base):
        for number in range(20):
            assert post(f"{base}{SIGN}/feedback", feedback(number)) == (200, b"")
        os.killpg(process.pid, signal.SIGKILL)

    assert count(tmp_path, "feedback") == 20


@pytest.mark.slow
def test_an_orderly_stop_writes_what_waits(tmp_path: Path) -> None:
    with server(tmp_path) as (process, base):
        for _ in range(5):
            status, body = post(f"{base}{SIGN}", a_request())
            assert (status, bool(orjson.loads(body)["cards"])) == (200, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0

    assert count(tmp_path, "issued_cards") == 5


@pytest.mark.slow
def test_the_server_reads_chunked_bodies_and_writes_json_lines(tmp_path: Path) -> None:
    with server(tmp_path) as (_, base):
        host, port = base.removeprefix("http://").split(":")
        body = orjson.dumps(a_request())
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = [f"POST {SIGN} HTTP/1.1", "Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked"]
            connection.sendall("\r\n".join([*head, "", f"{len(body):x}\r\n"]).encode() + body + b"\r\n0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        with urllib.request.urlopen(f"{base}/cds-services", timeout=10) as response:  # noqa: S310
            prefetch = orjson.loads(response.read())["services"][0]["prefetch"]

    assert list(prefetch) == [row.key for row in TABLE]
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert {"request"} == {orjson.loads(line)["event"] for line in lines}
