"""Servers stop, restart workers and lose workers without losing what is in flight, on granian and on gunicorn."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from tests.durability.databases import migrated, rows
from tests.durability.feedback_clients import FeedbackClient, item
from tests.hook_requests import BACK_PAIN, PATIENT, a_request, full_prefetch
from tests.server_process import ServerProcess, free_port, server_process
from tests.serving import SIGN
from tests.stub_fhir import bundle, stub_fhir

pytestmark = pytest.mark.slow

GUNICORN = (
    sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "cds_service.web.wsgi:app",
)  # fmt: skip
Start = Callable[..., AbstractContextManager[ServerProcess]]


def start_granian(folder: Path, **environ: str) -> AbstractContextManager[ServerProcess]:
    return server_process(folder, "serve", environ=environ)


def start_gunicorn(folder: Path, **environ: str) -> AbstractContextManager[ServerProcess]:
    port = free_port()
    migrated(f"sqlite:///{folder / 'store.sqlite3'}")
    return server_process(folder, environ=environ | {"SPINE_CDS_PORT": str(port)}, command=GUNICORN, port=port)


@pytest.fixture(params=[start_granian, start_gunicorn], ids=["granian", "gunicorn"])
def start(request: pytest.FixtureRequest) -> Start:
    chosen: Start = request.param
    return chosen


def stored(folder: Path, table: str) -> int:
    return rows(f"sqlite:///{folder / 'store.sqlite3'}", table)


def test_what_is_in_flight_is_answered_before_the_stop(start: Start, tmp_path: Path) -> None:
    """The chart comes a second after the server was told to stop."""
    released = threading.Event()
    answers: list[tuple[int, bytes]] = []

    def answer(kind: str, ident: str | None) -> tuple[int, bytes]:
        released.wait(10)
        return 200, orjson.dumps(PATIENT if kind == "Patient" else bundle())

    with stub_fhir() as fhir, start(tmp_path) as server:
        fhir.answer = answer
        asked = a_request(fhirServer=fhir.base_url, prefetch={"patient": full_prefetch(BACK_PAIN)["patient"]})
        in_flight = threading.Thread(target=lambda: answers.append(server.post(SIGN, asked)))
        in_flight.start()
        wait_for(lambda: bool(fhir.seen))
        threading.Timer(1, released.set).start()
        assert server.stop() == 0
        in_flight.join(5)

    assert [status for status, _ in answers] == [200]
    assert orjson.loads(answers[0][1])["cards"]
    assert stored(tmp_path, "issued_cards") == 1


def test_rows_that_wait_for_a_busy_database_are_written_before_the_end(start: Start, tmp_path: Path) -> None:
    with start(tmp_path) as server:
        holder = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None, check_same_thread=False)
        holder.execute("begin immediate")
        for _ in range(3):
            assert orjson.loads(server.post(SIGN, a_request())[1])["cards"]
        threading.Timer(1, lambda: holder.execute("rollback")).start()
        assert server.stop() == 0
        holder.close()

    assert stored(tmp_path, "issued_cards") == 3


def requests_counted(server: ServerProcess) -> float:
    counts = re.findall(r"^cds_feedback_total\{.*\} (\S+)$", server.get("/metrics").decode(), re.MULTILINE)
    return sum(map(float, counts))


def test_numbers_of_all_workers_are_one_and_outlive_a_worker(start: Start, tmp_path: Path) -> None:
    with start(tmp_path, SPINE_CDS_WORKERS="2") as server:
        for number in range(40):  # each on a connection of its own, so that both workers get some
            server.post(f"{SIGN}/feedback", {"feedback": [item(f"{number:08x}-0000-4000-8000-000000000000")]})
        assert [requests_counted(server) for _ in range(6)] == [40] * 6

        for _ in range(2):
            before = server.workers
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda before=before: len(set(server.workers) - set(before)) == 1 and answers(server))
            time.sleep(1)
        assert [requests_counted(server) for _ in range(6)] == [40] * 6
        assert server.stop() == 0


def test_a_worker_that_is_still_starting_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with start_granian(tmp_path, SPINE_CDS_WORKERS="2") as server:
        first = set(server.workers)
        os.kill(min(first), signal.SIGKILL)
        wait_for(lambda: set(server.workers) - first)
        assert server.stop() == 0


def test_workers_are_renewed_under_load_and_nothing_acknowledged_is_lost(start: Start, tmp_path: Path) -> None:
    with start(tmp_path, SPINE_CDS_WORKERS="2") as server:
        first = set(server.workers)
        clients = [FeedbackClient(server.base, number, items=10**6) for number in range(4)]
        wait_for(lambda: all(client.acknowledged for client in clients))
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not first & set(server.workers), 30)
        renewed = [len(client.acknowledged) for client in clients]
        wait_for(lambda: all(len(client.acknowledged) > old for client, old in zip(clients, renewed, strict=True)))
        for client in clients:
            client.enough()
        assert all([client.finish(30) for client in clients])  # noqa: C419 - each is to finish
        assert server.stop() == 0

    assert stored(tmp_path, "feedback") == sum(len(client.acknowledged) for client in clients)
    assert {status for client in clients for status in client.statuses} <= {0, 200}
    broken = sum(client.statuses.get(0, 0) for client in clients)
    sys.stdout.write(f"\n{broken} connections broken off while workers were renewed\n")
    assert broken <= 16  # one for each connection and each of two workers; each was sent again


def test_gunicorn_recycles_after_so_many_requests_without_breaking_one(tmp_path: Path) -> None:
    recycling = "--max-requests 50 --max-requests-jitter 10"
    number, workers = 0, set[int]()
    with start_gunicorn(tmp_path, SPINE_CDS_WORKERS="2", GUNICORN_CMD_ARGS=recycling) as server:
        while len(workers) < 6:  # so four were recycled, or more
            number += 1
            assert server.post(f"{SIGN}/feedback", {"feedback": [item(f"{number:08x}-0000-4000-8000-000000000000")]})
            workers |= set(server.workers)
        assert requests_counted(server) == number

    assert stored(tmp_path, "feedback") == number
    assert number < 600


def answers(server: ServerProcess) -> bool:
    address = urlsplit(server.base)
    with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False


def wait_for(holds: Callable[[], bool], seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it never came true")
