"""The database is busy, full, moved or stopped: cards go out as fast as ever, feedback is refused, and it shows."""

from __future__ import annotations

import sqlite3
import tempfile
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.store.writer import SLOW_WAITS
from tests.durability.databases import migrated, rows
from tests.durability.feedback_clients import FeedbackClient, item
from tests.hook_requests import a_request
from tests.postgres_server import PostgresServer, postgres_server
from tests.server_process import ServerProcess, server_process
from tests.serving import SIGN

pytestmark = pytest.mark.slow

PROMPT = 1.0  # seconds, on a machine that does other things too; whoever waits for the database waits for three or five


def a_card(server: ServerProcess) -> float:
    """Seconds until a card came."""
    started = time.monotonic()
    status, body = server.post(SIGN, a_request())
    assert status == 200
    assert orjson.loads(body)["cards"]
    return time.monotonic() - started


def feedback_status(server: ServerProcess, number: int) -> tuple[int, str | None]:
    """Status and Retry-After."""
    try:
        status, _ = server.post(f"{SIGN}/feedback", {"feedback": [item(f"{number:08x}-0000-4000-8000-0000000000ff")]})
        return status, None
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code, refusal.headers["Retry-After"]


def ready(server: ServerProcess) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(server.get("/readyz"))
    return state


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return
        time.sleep(0.2)
    pytest.fail("it never came true")


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Nobody else writes to this SQLite file."""
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("begin immediate")
        yield


def test_a_database_that_is_busy_for_a_second_is_waited_for(tmp_path: Path) -> None:
    """As many clients as a worker has room for, and none is sent away to come again."""
    with server_process(tmp_path, "serve") as server:
        with held(tmp_path / "store.sqlite3"):
            clients = [FeedbackClient(server.base, number, 8) for number in range(SLOW_WAITS)]
            time.sleep(1)
        assert all([client.finish(20) for client in clients])  # noqa: C419 - each is to finish

    assert {status for client in clients for status in client.statuses} == {200}


def test_a_busy_database_delays_no_card_even_while_feedback_waits_for_it(tmp_path: Path) -> None:
    """Sixteen clients want to wait for the store, more than there are threads; a hook still finds one."""
    with server_process(tmp_path, "serve") as server:
        a_card(server)
        with held(tmp_path / "store.sqlite3"):
            clients = [FeedbackClient(server.base, number, 8) for number in range(16)]
            eventually(lambda: ready(server)["rows_waiting"] > 16)
            took = [a_card(server) for _ in range(10)]
            state = ready(server)

        assert all([client.finish(20) for client in clients])  # noqa: C419 - each is to finish
        eventually(lambda: ready(server)["status"] == "ready")

    assert max(took) < PROMPT
    assert state["status"] == "degraded"
    assert state["store"] in ("the database is locked", "commits take longer than a second")
    database = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    assert (rows(database, "feedback"), rows(database, "issued_cards")) == (128, 11)


def test_a_full_disk_delays_no_card_and_shows(tmp_path: Path) -> None:
    """No file may grow beyond half a megabyte: first the rows find room, then they do not."""
    database = migrated(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    with server_process(tmp_path, "serve", largest_file=400_000) as server:
        number, status = 0, 200
        while status == 200:
            number += 1
            assert number < 5000
            status, retry_after = feedback_status(server, number)
        took = [a_card(server) for _ in range(5)]
        state = ready(server)

    assert (status, retry_after) == (503, "5")
    assert max(took) < PROMPT
    assert state["status"] == "degraded"
    assert state["store"] in ("the disk is full", "the database file cannot be read or written")
    assert rows(database, "feedback") == number - 1  # every one that was acknowledged


def test_a_moved_database_is_noticed_and_taken_up_again(tmp_path: Path) -> None:
    file, away = tmp_path / "store.sqlite3", tmp_path / "away.sqlite3"
    with server_process(tmp_path, "serve") as server:
        assert feedback_status(server, 1) == (200, None)
        file.rename(away)

        assert feedback_status(server, 2) == (503, "5")
        assert a_card(server) < PROMPT
        assert ready(server)["store"] == "the database cannot be reached"
        assert not file.exists()
        away.rename(file)

        eventually(lambda: ready(server) | {"guidelines": 0} == {
            "status": "ready", "guidelines": 0, "rows_lost": 0, "rows_waiting": 0,
        })  # fmt: skip
        assert feedback_status(server, 2) == (200, None)

    database = f"sqlite:///{file}"
    assert (rows(database, "feedback"), rows(database, "issued_cards")) == (2, 1)


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as name, postgres_server(Path(name)) as server:
        yield server


@pytest.mark.postgres
def test_a_database_server_that_stops_and_returns_costs_no_card_and_no_acknowledged_feedback(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with server_process(tmp_path, "serve", environ={"SPINE_CDS_DATABASE_URL": postgres.url}) as server:
        clients = [FeedbackClient(server.base, number, 1000) for number in range(4)]
        time.sleep(0.3)
        postgres.stop()
        took = [a_card(server) for _ in range(10)]
        eventually(lambda: ready(server).get("store") == "the database cannot be reached")
        postgres.start()

        assert all([client.finish(30) for client in clients])  # noqa: C419 - each is to finish
        eventually(lambda: ready(server)["status"] == "ready" and not ready(server)["rows_waiting"])
        lost = ready(server)["rows_lost"]

    assert max(took) < PROMPT
    assert lost == 0
    assert rows(postgres.url, "feedback") == 4000
    assert rows(postgres.url, "issued_cards") == 10
    assert sum(client.statuses.get(503, 0) for client in clients) > 0


@pytest.mark.postgres
def test_a_server_that_finds_no_database_starts_and_says_so(tmp_path: Path, postgres: PostgresServer) -> None:
    migrated(postgres.url)
    postgres.stop()
    with server_process(tmp_path, "serve", environ={"SPINE_CDS_DATABASE_URL": postgres.url}) as server:
        assert a_card(server) < PROMPT
        assert ready(server)["store"] == "the database cannot be reached"
        postgres.start()
        eventually(lambda: ready(server)["status"] == "ready" and not ready(server)["rows_waiting"])

    assert rows(postgres.url, "issued_cards") == 1
    assert "starting without the store" in (tmp_path / "log").read_text()
