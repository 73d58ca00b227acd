"""A migrated store in PostgreSQL, and nothing of it left for the next test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, MetaData

from cds_service.store.database import migrate, open_database


def emptied(engine: Engine) -> None:
    """Drops every table, also those that no metadata of ours knows."""
    found = MetaData()
    with engine.begin() as connection:
        found.reflect(connection)
        found.drop_all(connection)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    """A test that asks for it is marked `postgres`."""
    engine = open_database(postgres_url)
    migrate(engine)
    yield engine
    emptied(engine)
    engine.dispose()


@pytest.fixture
def unmigrated(postgres: Engine) -> Engine:
    """The same database before its first migration."""
    emptied(postgres)
    return postgres
