"""Real faults of both databases, and the words we have for them."""

import re
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from cds_service.store.database import migrate, open_database
from cds_service.store.faults import Fault, fault_of
from cds_service.store.schema import metadata
from tests.serving import a_database

BEAT = "insert into heartbeat (id, at) values (:id, '2026-11-20 12:00:00')"


def fault_when(engine: Engine, act: Callable[[Connection], object]) -> Fault:
    with pytest.raises(SQLAlchemyError) as raised, engine.begin() as connection:
        act(connection)
    return fault_of(raised.value)


def a_beat(number: object = 1) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(text(BEAT), {"id": number})


def in_words(sql: str) -> Callable[[Connection], object]:
    return lambda connection: connection.exec_driver_sql(sql)


def test_a_locked_file(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    event.listen(engine, "connect", lambda connection, _: connection.execute("pragma busy_timeout=1"))
    holder = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    holder.execute("begin immediate")
    engine.dispose()

    assert fault_when(engine, a_beat()) is Fault.LOCKED
    holder.close()


def test_a_full_disk(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute("pragma max_page_count=1"))

    def fill(connection: Connection) -> None:
        for number in range(2000):
            a_beat(number)(connection)

    assert fault_when(engine, fill) is Fault.FULL


def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    a_database(tmp_path).dispose()
    engine = open_database(f"sqlite:///file:{tmp_path / 'store.sqlite3'}?mode=ro&uri=true")

    assert fault_when(engine, a_beat()) is Fault.READ_ONLY


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").write_bytes(b"something else " * 1000)

    assert fault_when(open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}"), a_beat()) is Fault.BROKEN


def test_a_missing_file_is_not_made_by_a_server(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"

    assert fault_when(open_database(f"sqlite:///{file}", create=False), a_beat()) is Fault.GONE
    assert not file.exists()


def test_a_missing_table_and_a_bad_row(tmp_path: Path) -> None:
    engine = a_database(tmp_path)

    assert fault_when(engine, in_words("insert into heartbeat (id) values (1)")) is Fault.ROWS
    assert fault_when(engine, a_beat(object())) is Fault.ROWS
    assert fault_when(engine, in_words("insert into nowhere values (1)")) is Fault.SCHEMA


def test_no_free_connection_is_a_database_out_of_reach() -> None:
    assert fault_of(NoFreeConnection()) is Fault.GONE


def test_the_words_are_sentences_of_ours() -> None:
    assert all(re.fullmatch(r"[a-z -]{10,60}", fault.value) for fault in Fault)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("insert into nowhere values (1)", Fault.SCHEMA),
        ("insert into heartbeat (id, nothing) values (1, 1)", Fault.SCHEMA),
        ("insert into heartbeat (id) values (null)", Fault.ROWS),
        ("insert into feedback (digest) values (repeat('x', 65))", Fault.ROWS),
        ("set transaction read only; insert into heartbeat values (1, now())", Fault.READ_ONLY),
        ("set local statement_timeout = 10; select pg_sleep(5)", Fault.LOCKED),
        ("do $$ begin raise exception 'full' using errcode = '53100'; end $$", Fault.FULL),
        ("do $$ begin raise exception 'broken' using errcode = 'XX001'; end $$", Fault.BROKEN),
        ("select pg_terminate_backend(pg_backend_pid())", Fault.GONE),
    ],
)
def test_faults_of_postgresql(postgres: Engine, sql: str, expected: Fault) -> None:
    assert fault_when(postgres, in_words(sql)) is expected


@pytest.mark.postgres
def test_a_row_that_somebody_else_locked(postgres: Engine) -> None:
    def wait_briefly(connection: Connection) -> None:
        connection.execute(text("set local lock_timeout = 50"))
        a_beat()(connection)

    with postgres.begin() as holder:
        a_beat()(holder)
        assert fault_when(postgres, wait_briefly) is Fault.LOCKED


@pytest.mark.postgres
def test_no_statement_waits_for_ever(postgres: Engine) -> None:
    with postgres.connect() as connection:
        waits = [connection.execute(text(f"show {name}")).scalar() for name in ("statement_timeout", "lock_timeout")]

    assert waits == ["5s", "5s"]


def test_a_server_that_does_not_listen_is_out_of_reach_at_once() -> None:
    started = time.monotonic()

    assert fault_when(open_database("postgresql://nobody@127.0.0.1:9/none"), a_beat()) is Fault.GONE
    assert time.monotonic() - started < 3


@pytest.mark.postgres
def test_several_machines_may_migrate_at_once(unmigrated: Engine, postgres_url: str) -> None:
    faults: list[Exception] = []

    def start() -> None:
        engine = open_database(postgres_url)
        try:
            migrate(engine)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the test reports it
            faults.append(fault)
        engine.dispose()

    machines = [threading.Thread(target=start) for _ in range(4)]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join(30)

    assert faults == []
    with unmigrated.begin() as connection:
        connection.execute(metadata.tables["heartbeat"].insert(), {"id": 7, "at": datetime.now(UTC)})
