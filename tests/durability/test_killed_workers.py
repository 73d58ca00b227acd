"""Workers are killed at random while eight clients send feedback: everything acknowledged is there, once."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from cds_service.store.database import migrate, open_database
from cds_service.store.schema import metadata
from tests.conftest import CI
from tests.durability.feedback_clients import FeedbackClient
from tests.server_process import ServerProcess, free_port, server_process

CLIENTS = 8
WORKERS = 2
ITEMS = 20_000 if CI else 4_000  # of all clients together
SECONDS = 120


class Supervisor:
    """Keeps a server running as an init system would, while it kills workers and now and then all of it."""

    def __init__(self, folder: Path, database: str, port: int, acknowledged: Callable[[], int]) -> None:
        self._port = port
        self._acknowledged = acknowledged
        self._next_kill = ITEMS // 16
        self.kills = {"worker": 0, "server": 0}
        self._folder = folder
        self._environ = {"SPINE_CDS_DATABASE_URL": database}
        self._random = random.Random(2026)  # noqa: S311
        self._done = threading.Event()
        self._server: ServerProcess | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._done.is_set():
            with ExitStack() as stack:
                server = stack.enter_context(
                    server_process(
                        self._folder, "serve", "--workers", str(WORKERS), port=self._port, environ=self._environ
                    )
                )
                self._harass(server)

    def _harass(self, server: ServerProcess) -> None:
        """Until the server has died: by our hand, or because one worker died twice within seconds.

        Kills come after so much work, not after so much time: a slow machine gets as many.
        """
        while server.process.poll() is None and not self._done.wait(0.02):
            if self._acknowledged() < self._next_kill:
                continue
            self._next_kill = self._acknowledged() + self._random.randint(ITEMS // 16, ITEMS // 8)
            if self._random.random() < 0.15:
                server.kill()
                self.kills["server"] += 1
            elif workers := server.workers:
                os.kill(self._random.choice(workers), signal.SIGKILL)
                self.kills["worker"] += 1


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite3'}"
        return
    url = request.getfixturevalue("postgres_url")
    engine = open_database(url)
    migrate(engine)
    yield url
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("drop table alembic_version"))
    engine.dispose()


@pytest.mark.slow
def test_everything_acknowledged_is_there(database: str, tmp_path: Path) -> None:
    started = time.monotonic()
    port = free_port()
    clients = [FeedbackClient(f"http://127.0.0.1:{port}", number, ITEMS // CLIENTS) for number in range(CLIENTS)]
    with Supervisor(
        tmp_path, database, port, lambda: sum(len(client.acknowledged) for client in clients)
    ) as supervisor:
        finished = [client.finish(SECONDS - (time.monotonic() - started)) for client in clients]
    seconds = time.monotonic() - started

    engine = open_database(database)
    with engine.connect() as connection:
        stored = [row.card for row in connection.execute(text("select card from feedback"))]
    engine.dispose()
    acknowledged = set().union(*(client.acknowledged for client in clients))
    lost = acknowledged - set(stored)
    broken = sum(client.statuses.get(0, 0) for client in clients)
    sys.stdout.write(
        f"\n{engine.dialect.name}: {len(acknowledged)} items acknowledged to {CLIENTS} clients in {seconds:.1f} s, "
        f"{supervisor.kills['worker']} workers and {supervisor.kills['server']} servers killed, "
        f"{broken} requests broken off, {len(lost)} acknowledged items lost\n"
    )
    assert lost == set()
    assert len(stored) == len(set(stored))
    assert all(finished)
    assert len(acknowledged) == ITEMS
    assert supervisor.kills["worker"] + supervisor.kills["server"] >= 7
    assert {status for client in clients for status in client.statuses} <= {0, 200, 503}
