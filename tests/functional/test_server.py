"""The real server in a process of its own: it starts, answers, and loses nothing that it acknowledged."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, text

from cds_service.hooks.chart_keys import TABLE
from tests.hook_requests import a_request
from tests.server_process import server_process
from tests.serving import SIGN

CARD = "1981d7cb-a2cc-4872-a0ef-b16b93836{:03d}"


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
    with server_process(tmp_path, "demo") as server:
        for number in range(20):
            assert server.post(f"{SIGN}/feedback", feedback(number)) == (200, b"")
        server.kill()

    assert count(tmp_path, "feedback") == 20


@pytest.mark.slow
def test_an_orderly_stop_writes_what_waits(tmp_path: Path) -> None:
    with server_process(tmp_path, "demo") as server:
        for _ in range(5):
            status, body = server.post(SIGN, a_request())
            assert (status, bool(orjson.loads(body)["cards"])) == (200, True)
        assert server.stop() == 0

    assert count(tmp_path, "issued_cards") == 5


@pytest.mark.slow
def test_the_server_reads_chunked_bodies_and_writes_json_lines(tmp_path: Path) -> None:
    with server_process(tmp_path, "demo") as server:
        host, port = server.base.removeprefix("http://").split(":")
        body = orjson.dumps(a_request())
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = [f"POST {SIGN} HTTP/1.1", "Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked"]
            connection.sendall("\r\n".join([*head, "", f"{len(body):x}\r\n"]).encode() + body + b"\r\n0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        prefetch = orjson.loads(server.get("/cds-services"))["services"][0]["prefetch"]

    assert list(prefetch) == [row.key for row in TABLE]
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert {"request"} == {orjson.loads(line)["event"] for line in lines}
