"""Clocks that are wrong, key hosts that are down, databases that go away, workers that die: the gate holds."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from sqlalchemy import create_engine

from cds_service.config import as_environment
from cds_service.store.seen_tokens import PAUSE, SeenTokens, open_seen_tokens
from cds_service.web.security import Gate
from cds_service.web.security_keys import COOLDOWN, FRESH, KeyRing
from tests.hook_requests import a_request
from tests.server_process import COMMAND_LINE, ServerProcess, server_process
from tests.serving import NOON, SIGN, Serving, serving
from tests.tokens import BASE, NOW, a_client, bearer, jwks, production, token

BODY = a_request()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("guarded"), production()) as running:
        yield running


@pytest.mark.parametrize(
    ("off_by", "gets"),
    [(0, 200), (45, 200), (-45, 200), (250, 401), (-250, 200), (-290, 200), (-400, 401), (3600, 401), (-3600, 401)],
)
def test_a_client_whose_clock_is_wrong(guarded: Serving, off_by: int, gets: int) -> None:
    """A token lives five minutes, so a clock that is slow is noticed later than one that is fast."""
    there = NOW + off_by
    assert guarded.post(SIGN, BODY, **bearer(SIGN, iat=there, exp=there + 300)).status_code == gets


@pytest.mark.parametrize("off_by", [timedelta(days=-3650), timedelta(days=3650), timedelta(hours=-2)])
def test_our_own_clock_being_wrong_locks_out_and_lets_nobody_in(tmp_path: Path, off_by: timedelta) -> None:
    with serving(tmp_path, production(), now=lambda: NOON + off_by) as service:
        assert service.post(SIGN, BODY, **bearer(SIGN)).status_code == 401


class Keys:
    """A key host that can go away, and the time it lives in."""

    def __init__(self) -> None:
        self.up = True
        self.serves = jwks("ES384")
        self.now = 0.0
        self.asked = 0

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        if not self.up:
            raise ValueError("down")
        return self.serves.encode()


def test_a_key_host_that_is_down_stops_no_client_that_we_know(tmp_path: Path) -> None:
    hosted = a_client(keys="", jwks_url="https://ehr.example/jwks.json")
    host = Keys()
    ring = KeyRing(host, clock=lambda: host.now, beside=lambda work: work())
    seen = open_seen_tokens(f"sqlite:///{tmp_path / 'x'}")
    gate = Gate([hosted], BASE, ring.key, seen, lambda: NOON)
    answers = Counter()
    with serving(tmp_path, production(hosted), gate=gate) as service:
        assert service.post(SIGN, BODY, **bearer(SIGN)).status_code == 200
        host.up = False
        for _ in range(10):
            host.now += FRESH + 1
            answers[service.post(SIGN, BODY, **bearer(SIGN)).status_code] += 1
            rotated = bearer(SIGN, key="ES384-new")
            answers[service.post(SIGN, BODY, **rotated).status_code] += 1
        asked = host.asked
        host.up, host.serves = True, jwks("ES384-new")
        host.now += COOLDOWN
        assert service.post(SIGN, BODY, **bearer(SIGN, key="ES384-new")).status_code == 200

    assert answers == {200: 10, 401: 10}
    print(f"key host down: faults injected {asked - 1}, calls answered all the same {answers[200]}")  # noqa: T201


def test_a_key_host_that_was_never_there_lets_nobody_in(tmp_path: Path) -> None:
    hosted = a_client(keys="", jwks_url="https://ehr.example/jwks.json")
    host = Keys()
    host.up = False
    seen = open_seen_tokens(f"sqlite:///{tmp_path / 'x'}")
    gate = Gate([hosted], BASE, KeyRing(host, clock=lambda: host.now).key, seen, lambda: NOON)
    with serving(tmp_path, production(hosted), gate=gate) as service:
        assert [service.post(SIGN, BODY, **bearer(SIGN)).status_code for _ in range(5)] == [401] * 5

    assert host.asked == 1


def test_the_memory_of_used_tokens_gone_and_back(tmp_path: Path) -> None:
    """Cards go out; what this worker saw itself is still refused; afterwards all is as before."""
    file = tmp_path / "not yet there" / "tokens.sqlite3"
    host = Keys()
    seen = SeenTokens(create_engine(f"sqlite:///{file}"), clock=lambda: host.now)
    ring = KeyRing(host, clock=lambda: host.now)
    ring.pin([a_client()])
    gate = Gate([a_client()], BASE, ring.key, seen, lambda: NOON)
    with serving(tmp_path, production(), gate=gate) as service:
        used = [bearer(SIGN) for _ in range(5)]
        assert [service.post(SIGN, BODY, **one).status_code for one in used] == [200] * 5
        assert [service.post(SIGN, BODY, **one).status_code for one in used] == [401] * 5
        assert "cds_tokens_checked_alone_total 5.0" in service.client.get("/metrics").text

        file.parent.mkdir()
        host.now += PAUSE
        after = bearer(SIGN, jti="after")
        assert service.post(SIGN, BODY, **after).status_code == 200
        assert "cds_tokens_checked_alone_total 5.0" in service.client.get("/metrics").text
        other = SeenTokens(create_engine(f"sqlite:///{file}"))
        assert not other.first_use(a_client().issuer, "after", NOW)
        other.close()


def headers_now(jti: str) -> dict[str, str]:
    now = datetime.now(UTC).timestamp()
    return {"Authorization": f"Bearer {token(SIGN, jti=jti, iat=now, exp=now + 300)}"}


def send(server: ServerProcess, headers: dict[str, str]) -> int:
    """The status; 0 when the connection broke."""
    request = urllib.request.Request(  # noqa: S310
        server.base + SIGN, orjson.dumps(BODY), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0


@pytest.mark.slow
def test_a_token_opens_once_while_workers_die(tmp_path: Path) -> None:
    """Two workers, four clients that send every token three times, and both workers killed."""
    settings = production(database_url=f"sqlite:///{tmp_path / 'store.sqlite3'}", workers=2)
    environ = {**as_environment(settings), "SPINE_CDS_PORT": ""}
    statuses: dict[str, list[int]] = {}
    with server_process(tmp_path, "serve", environ=environ, command=COMMAND_LINE) as server:
        done = threading.Event()
        clients = [threading.Thread(target=replaying, args=(server, number, done, statuses)) for number in range(4)]
        for client in clients:
            client.start()
        killed = 0
        give_up = time.monotonic() + 60
        while (killed < 2 or used(statuses) < 10) and time.monotonic() < give_up:
            time.sleep(0.1)
            workers = server.workers
            if killed < 2 and len(workers) == 2 and used(statuses) > 4 * killed:
                os.kill(workers[0], signal.SIGKILL)  # the older one: a server gives up when a new one dies at once
                killed += 1
        done.set()
        for client in clients:
            client.join(30)

    accepted = [answers.count(200) for answers in statuses.values()]
    every = Counter(status for answers in statuses.values() for status in answers)
    assert killed >= 2
    assert max(accepted) == 1
    assert sum(accepted) > 5
    assert set(every) <= {0, 200, 401}
    print(f"workers killed: {killed}; tokens {len(statuses)}, used twice: 0; answers {dict(every)}")  # noqa: T201


def used(statuses: dict[str, list[int]]) -> int:
    return sum(200 in answers for answers in list(statuses.values()))


def replaying(server: ServerProcess, number: int, done: threading.Event, statuses: dict[str, list[int]]) -> None:
    count = 0
    while not done.is_set():
        count += 1
        jti = f"client-{number}-{count}"
        headers = headers_now(jti)
        statuses[jti] = [send(server, headers) for _ in range(3)]
        if not any(statuses[jti]):
            time.sleep(0.1)  # nobody is there at the moment
