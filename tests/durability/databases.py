"""Looking into a server's database from outside."""

from __future__ import annotations

from sqlalchemy import create_engine, text

from cds_service.store.database import migrate, open_database


def migrated(url: str) -> str:
    engine = open_database(url)
    migrate(engine)
    engine.dispose()
    return url


def rows(url: str, table: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        number = connection.execute(text(f"select count(*) from {table}")).scalar_one()  # noqa: S608
    engine.dispose()
    return int(number)
