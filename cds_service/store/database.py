"""Opening and migrating the database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_service.core.errors import ConfigurationError
from cds_service.store.engines import READ_ONLY, postgresql_engine, sqlite_engine
from cds_service.store.faults import Fault, fault_of
from cds_service.store.schema import metadata

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class DatabaseAway(ConfigurationError):
    """The settings may be right: nobody answered."""


# Any number will do, as long as nobody else locks the same one in this database.
MIGRATION_LOCK: Final = 7_274_653


def open_database(url: str, *, create: bool = True) -> Engine:
    """An engine for `url`. Raises ConfigurationError for a URL that is none.

    With `create`, a SQLite file and its folder are made when missing. Without, a missing file stays a fault: a server
    must not write into a new, empty one because somebody moved the old one away.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("database_url is not a URL such as sqlite:////var/lib/cds/cards.sqlite3") from None
    if parsed.get_backend_name() == "postgresql":
        return postgresql_engine(parsed)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, create=create)
    raise ConfigurationError("database_url must be sqlite or postgresql")


def migrate(engine: Engine) -> None:
    """Brings the schema up to date. Run once per start, before any worker. Raises ConfigurationError, DatabaseAway.

    Several machines may do so at once: the first works, the others wait and find nothing left to do.
    """
    config = _config()
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("set local statement_timeout = 0"))
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except SQLAlchemyError as fault:
        away = engine.dialect.name == "postgresql" and fault_of(fault) is Fault.GONE
        problem = DatabaseAway if away else ConfigurationError
        raise problem(f"the store cannot be opened or migrated: {_reason(fault)}") from fault


def up_to_date(engine: Engine) -> bool:
    """Whether the schema is the one this version writes to. False also when the database cannot be reached."""
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            tables = set(inspect(connection).get_table_names())
    except SQLAlchemyError:
        return False
    return found == _newest_revision() and tables.issuperset(metadata.tables)


@cache
def _newest_revision() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _reason(fault: SQLAlchemyError) -> str:
    """The driver's own sentence, without statement and parameters."""
    original = getattr(fault, "orig", None)
    return str(original).split("\n")[0] if original else type(fault).__name__
