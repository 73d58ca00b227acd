"""A token is used once, whichever process saw it first, and a database that fails delays nobody."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from cds_service.store.database import migrate
from cds_service.store.seen_tokens import PAUSE, PRUNE_EVERY, SeenTokens, open_seen_tokens

ISSUER = "https://ehr.example"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cards.sqlite3'}"


@pytest.fixture
def seen(store_url: str) -> Iterator[SeenTokens]:
    opened = open_seen_tokens(store_url)
    yield opened
    opened.close()


def test_once_and_never_again(seen: SeenTokens) -> None:
    assert seen.first_use(ISSUER, "a", 100.0)
    assert not seen.first_use(ISSUER, "a", 100.0)
    assert seen.first_use(ISSUER, "b", 100.0)
    assert seen.first_use("https://other.example", "a", 100.0)


def test_an_id_cannot_be_shifted_into_the_issuer(seen: SeenTokens) -> None:
    assert seen.first_use("a", "b", 100.0)
    assert seen.first_use("ab", "", 100.0)


def test_another_process_knows_too(seen: SeenTokens, store_url: str) -> None:
    other = open_seen_tokens(store_url)
    try:
        assert seen.first_use(ISSUER, "a", 100.0)
        assert not other.first_use(ISSUER, "a", 100.0)
        assert other.first_use(ISSUER, "b", 100.0)
        assert not seen.first_use(ISSUER, "b", 100.0)
    finally:
        other.close()


PROGRAM = """
import sys
from cds_service.store.seen_tokens import open_seen_tokens
seen = open_seen_tokens(sys.argv[1])
print(sum(seen.first_use("i", str(number), 1e10) for number in range(200)))
"""


def test_processes_that_race_for_the_same_tokens_get_each_once(store_url: str) -> None:
    command = [sys.executable, "-c", PROGRAM, store_url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    won = [int(process.communicate(timeout=60)[0]) for process in running]

    assert sum(won) == 200


def test_threads_share_it(seen: SeenTokens) -> None:
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda number: seen.first_use(ISSUER, str(number % 50), 1e10), range(400)))

    assert sum(won) == 50


def test_it_lies_beside_the_store_and_holds_no_token(seen: SeenTokens, tmp_path: Path) -> None:
    seen.first_use(ISSUER, "a-token-id", 100.0)
    seen.close()

    assert not (tmp_path / "cards.sqlite3").exists()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("cards.sqlite3.seen-tokens*"))
    assert content
    assert b"a-token-id" not in content
    assert b"ehr.example" not in content


def test_what_has_expired_is_forgotten(store_url: str) -> None:
    clock = Clock()
    seen = SeenTokens(open_seen_tokens(store_url)._engine, clock=clock)
    seen.first_use(ISSUER, "old", 100.0)
    seen.first_use(ISSUER, "new", 500.0)

    seen.forget(200.0)
    assert not seen.first_use(ISSUER, "old", 100.0)  # not yet: it is not done at every call
    clock.now = PRUNE_EVERY
    seen.forget(200.0)

    with seen._engine.connect() as connection:
        assert connection.execute(text("select count(*) from seen_tokens")).scalar_one() == 1
    assert not seen.first_use(ISSUER, "new", 500.0)
    seen.close()


def test_while_the_database_fails_each_process_still_knows_its_own(tmp_path: Path) -> None:
    clock = Clock()
    missing = tmp_path / "none" / "x"
    seen = SeenTokens(create_engine(f"sqlite:///{missing}"), clock=clock)

    assert seen.first_use(ISSUER, "a", 1e10)
    assert seen.failing
    assert not seen.first_use(ISSUER, "a", 1e10)

    missing.parent.mkdir()
    assert seen.first_use(ISSUER, "b", 1e10)
    assert seen.failing  # it is left alone for a while
    clock.now = PAUSE
    assert seen.first_use(ISSUER, "c", 1e10)
    assert not seen.failing
    seen.close()


def test_a_locked_database_costs_a_quarter_of_a_second_once(seen: SeenTokens, store_url: str) -> None:
    seen.first_use(ISSUER, "a", 1e10)
    locking = create_engine(f"{store_url}.seen-tokens")
    with locking.connect() as connection:
        connection.exec_driver_sql("begin exclusive")
        began = time.monotonic()
        assert seen.first_use(ISSUER, "b", 1e10)
        assert seen.first_use(ISSUER, "c", 1e10)
        assert time.monotonic() - began < 1.0
    locking.dispose()


@pytest.mark.postgres
def test_postgresql_keeps_them_in_a_table_of_its_own(postgres: Engine, postgres_url: str) -> None:
    first, second = open_seen_tokens(postgres_url), open_seen_tokens(postgres_url)
    assert first.first_use(ISSUER, "a", 100.0)
    assert not second.first_use(ISSUER, "a", 100.0)
    assert second.first_use(ISSUER, "b", 100.0)
    assert not first.first_use(ISSUER, "b", 100.0)
    assert not first.failing
    first.close()
    second.close()


@pytest.mark.postgres
def test_the_table_in_postgresql_is_made_by_the_migrations_only(unmigrated: Engine, postgres_url: str) -> None:
    """Whoever serves may be without the right to make tables."""
    clock = Clock()
    seen = SeenTokens(open_seen_tokens(postgres_url)._engine, clock=clock)
    assert seen.first_use(ISSUER, "a", 1e10)
    assert seen.failing
    assert inspect(unmigrated).get_table_names() == []

    migrate(unmigrated)
    clock.now = PAUSE
    assert seen.first_use(ISSUER, "b", 1e10)
    assert not seen.failing
    seen.close()
