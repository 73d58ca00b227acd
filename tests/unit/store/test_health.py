"""What /readyz is told about the store: found out by a commit, and not more than once a second."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from cds_service.store.database import migrate, open_database
from cds_service.store.health import Health
from cds_service.store.writer import Writer
from tests.serving import a_database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


def health_of(engine: Engine, clock: Clock | None = None) -> tuple[Health, Writer]:
    writer = Writer(engine, retry_after=())
    clock = clock or Clock()
    return Health(engine, writer, now=clock.now, monotonic=clock), writer


def beats(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(row.at)[:19] for row in connection.execute(text("select at from heartbeat"))]


def test_a_store_in_order_is_asked_by_writing_one_row(tmp_path: Path) -> None:
    engine, clock = a_database(tmp_path), Clock()
    health, writer = health_of(engine, clock)

    assert health.problem() is None
    assert beats(engine) == ["2026-11-20 12:00:00"]

    clock.seconds = 0.9
    assert health.problem() is None
    assert beats(engine) == ["2026-11-20 12:00:00"]

    clock.seconds = 1.0
    assert health.problem() is None
    assert beats(engine) == ["2026-11-20 12:00:01"]
    writer.close()


def test_a_read_only_database_shows(tmp_path: Path) -> None:
    a_database(tmp_path).dispose()
    health, writer = health_of(open_database(f"sqlite:///file:{tmp_path / 'store.sqlite3'}?mode=ro&uri=true"))

    assert health.problem() == "the database is read-only"
    writer.close()


def test_a_moved_database_shows_and_one_that_is_back_heals(tmp_path: Path) -> None:
    file, away = tmp_path / "store.sqlite3", tmp_path / "away.sqlite3"
    migrated = a_database(tmp_path)
    migrated.dispose()
    clock = Clock()
    health, writer = health_of(open_database(f"sqlite:///{file}", create=False), clock)
    assert health.problem() is None

    file.rename(away)
    clock.seconds = 2
    assert health.problem() == "the database cannot be reached"
    assert not file.exists()

    away.rename(file)
    clock.seconds = 4
    assert health.problem() is None
    writer.close()


def test_another_file_in_its_place_is_used_from_then_on(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    clock = Clock()
    health, writer = health_of(engine, clock)
    assert health.problem() is None

    (tmp_path / "store.sqlite3").rename(tmp_path / "old.sqlite3")
    migrate(open_database(f"sqlite:///{tmp_path / 'store.sqlite3'}"))
    clock.seconds = 2
    assert health.problem() is None
    fresh = sqlite3.connect(tmp_path / "store.sqlite3")
    assert fresh.execute("select count(*) from heartbeat").fetchone() == (1,)
    fresh.close()
    writer.close()


def test_a_database_that_keeps_everybody_waiting_shows(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    health, writer = health_of(engine)
    with engine.begin():
        assert health.problem() == "commits take longer than a second"
    writer.close()


def test_a_database_without_our_tables_shows(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    health, writer = health_of(engine)

    assert health.problem() == "a table is missing or not the current one"
    writer.close()


def test_a_schema_of_another_version_shows(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0000'"))
    health, writer = health_of(engine)

    assert health.problem() == "the schema is not the current one"
    writer.close()


def test_a_stopped_writer_shows(tmp_path: Path) -> None:
    health, writer = health_of(a_database(tmp_path))
    writer.close()

    assert health.problem() == "the writer has stopped"
