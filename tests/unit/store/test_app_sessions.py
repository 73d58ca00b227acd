"""Boxes of the documentation app: kept, replaced, gone in time, and shared between processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from cds_service.store.app_sessions import AppSessions, SessionsAway, open_app_sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_store(folder: Path, clock: Clock) -> AppSessions:
    return open_app_sessions(f"sqlite:///{folder / 'store.sqlite3'}", clock=clock)


def test_a_box_is_found_by_another_process_until_it_expires(tmp_path: Path) -> None:
    clock = Clock()
    one, other = a_store(tmp_path, clock), a_store(tmp_path, clock)
    one.put("a", "box", expires_at=1060)
    assert other.get("a") == "box"
    one.put("a", "another", expires_at=1060)
    assert other.get("a") == "another"
    clock.now = 1060
    assert other.get("a") is None
    one.close()
    other.close()


def test_a_dropped_box_is_gone_and_expired_ones_leave_the_table(tmp_path: Path) -> None:
    clock = Clock()
    store = a_store(tmp_path, clock)
    store.put("a", "box", expires_at=1060)
    store.put("b", "box", expires_at=1060)
    store.drop("a")
    assert store.get("a") is None
    clock.now = 2000
    store.put("c", "box", expires_at=3000)
    store.close()
    engine = create_engine(f"sqlite:///{tmp_path / 'store.sqlite3.app-sessions'}")
    with engine.connect() as connection:
        assert [row.id for row in connection.execute(text("select id from app_sessions"))] == ["c"]
    engine.dispose()


def test_the_store_itself_holds_nothing_of_it(tmp_path: Path) -> None:
    store = a_store(tmp_path, Clock())
    store.put("a", "box", expires_at=1060)
    store.close()
    assert not (tmp_path / "store.sqlite3").exists()


def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    store = a_store(tmp_path / "missing", Clock())
    with pytest.raises(SessionsAway):
        store.get("a")


@pytest.mark.postgres
def test_postgresql_keeps_boxes_too(postgres: Engine, postgres_url: str) -> None:
    store = open_app_sessions(postgres_url, clock=Clock())
    store.put("a", "box", expires_at=1060)
    store.put("a", "new", expires_at=1060)
    assert store.get("a") == "new"
    store.close()


@pytest.mark.postgres
def test_the_table_in_postgresql_is_made_by_the_migrations_only(unmigrated: Engine, postgres_url: str) -> None:
    store = open_app_sessions(postgres_url, clock=Clock())
    with pytest.raises(SessionsAway):
        store.put("a", "box", expires_at=1060)
    assert inspect(unmigrated).get_table_names() == []
    store.close()
