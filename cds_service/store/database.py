"""Opening and migrating the database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_service.core.errors import ConfigurationError

MIGRATIONS: Final = Path(__file__).parent / "migrations"

# How long a writer waits for another process to finish its commit, in milliseconds.
BUSY_TIMEOUT: Final = 5000

# An execution option of ours: a look at the database that must not wait for whoever writes.
READ_ONLY: Final = "read_only"


def open_database(url: str) -> Engine:
    """An engine for `url`; the folder of a SQLite file is made. Raises ConfigurationError for a URL that is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("database_url is not a URL such as sqlite:////var/lib/cds/cards.sqlite3") from None
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError("database_url must be sqlite or postgresql")
    if parsed.database and parsed.database != ":memory:":
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ConfigurationError(
                f"cannot make {folder} for the store: {fault.strerror}; set database_url"
            ) from fault
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT / 1000})
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def migrate(engine: Engine) -> None:
    """Brings the schema up to date. Run once per start, before any worker. Raises ConfigurationError."""
    config = _config()
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except SQLAlchemyError as fault:
        raise ConfigurationError(f"the store cannot be opened or migrated: {_reason(fault)}") from fault


def up_to_date(engine: Engine) -> bool:
    """Whether the schema is the one this version writes to. False also when the database cannot be reached."""
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError:
        return False
    return found == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _reason(fault: SQLAlchemyError) -> str:
    """The driver's own sentence, without statement and parameters."""
    original = getattr(fault, "orig", None)
    return str(original).split("\n")[0] if original else type(fault).__name__


def _durable(connection: Any, _record: object) -> None:
    """WAL lets readers read while we write; FULL makes a commit survive a power cut."""
    connection.isolation_level = None  # transactions are begun by `_begin_immediately`
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediately(connection: Connection) -> None:
    """A transaction that starts as a reader cannot become a writer while another one writes."""
    if not connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
