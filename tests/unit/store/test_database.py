"""The database is opened so that a commit survives, and its schema is the one the code writes to."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from cds_service.core.errors import ConfigurationError
from cds_service.store.database import migrate, open_database, up_to_date
from cds_service.store.schema import metadata
from tests.serving import a_database


def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    with a_database(tmp_path).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.postgres
def test_the_migrations_make_the_same_tables_in_postgresql_and_two_unlogged_ones(postgres: Engine) -> None:
    """What is remembered for minutes is beside what is stored (docs/adr/0010)."""
    assert up_to_date(postgres)
    with postgres.connect() as connection:
        unlogged = set(
            connection.scalars(text("select relname from pg_class where relkind = 'r' and relpersistence = 'u'"))
        )
        stored = {"include_name": lambda name, kind, _parents: kind != "table" or name not in unlogged}
        assert compare_metadata(MigrationContext.configure(connection, opts=stored), metadata) == []
    assert unlogged == {"app_sessions", "seen_tokens"}


@pytest.mark.postgres
def test_tables_that_an_earlier_version_made_itself_stay(unmigrated: Engine) -> None:
    with unmigrated.begin() as connection:
        for table in (
            "seen_tokens (digest varchar(64) primary key, expires_at double precision not null)",
            "app_sessions (id varchar(64) primary key, box text not null, expires_at double precision not null)",
        ):
            connection.execute(text(f"create unlogged table {table}"))
        connection.execute(text("insert into seen_tokens values ('a', 1)"))
    migrate(unmigrated)

    assert up_to_date(unmigrated)
    with unmigrated.connect() as connection:
        assert connection.scalar(text("select count(*) from seen_tokens")) == 1


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    migrate(engine)

    assert up_to_date(engine)


def test_an_empty_or_unreachable_database_is_not_up_to_date(tmp_path: Path) -> None:
    assert not up_to_date(open_database(f"sqlite:///{tmp_path / 'empty.sqlite3'}"))
    assert not up_to_date(create_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder'}"))


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    with a_database(tmp_path).connect() as connection:
        settings = [connection.execute(text(f"pragma {name}")).scalar() for name in ("journal_mode", "synchronous")]

    full = 2
    assert settings == ["wal", full]


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    with engine.begin() as writing:
        writing.execute(text("delete from feedback"))
        assert up_to_date(engine)


def test_the_folder_is_made(tmp_path: Path) -> None:
    migrate(open_database(f"sqlite:///{tmp_path / 'a' / 'b' / 'store.sqlite3'}"))

    assert (tmp_path / "a" / "b" / "store.sqlite3").is_file()


@pytest.mark.parametrize("url", ["nonsense", "mysql://user@host/db", ""])
def test_a_url_that_is_none_of_ours_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_database(url)


def test_a_database_that_cannot_be_made_stops_the_start_and_keeps_its_password(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot make"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'store.sqlite3'}")
    with pytest.raises(ConfigurationError) as raised:
        migrate(open_database("postgresql://user:hunter2@127.0.0.1:9/db"))
    assert "hunter2" not in str(raised.value)
