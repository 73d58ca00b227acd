"""Connections that keep their promise: a commit survives a power cut, and nothing waits for ever."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from cds_service.core.errors import ConfigurationError

# How long a writer waits for another process to finish its commit, in milliseconds.
BUSY_TIMEOUT: Final = 5000

# Seconds until a PostgreSQL server that does not answer counts as gone.
CONNECT_TIMEOUT: Final = 3

# An execution option of ours: a look at the database that must not wait for whoever writes.
READ_ONLY: Final = "read_only"


def postgresql_engine(url: URL) -> Engine:
    """psycopg whatever driver the URL names. What the URL says about timeouts wins over ours."""
    waits = {"connect_timeout": CONNECT_TIMEOUT, "tcp_user_timeout": BUSY_TIMEOUT}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={name: value for name, value in waits.items() if name not in url.query},
    )
    event.listen(engine, "connect", _bounded)
    return engine


def sqlite_engine(url: URL, *, create: bool) -> Engine:
    """WAL with full synchronisation. The file is watched: a connection to one that was moved away is given up."""
    file = None if url.database in (None, "", ":memory:") or "uri" in url.query else Path(str(url.database))
    if file is not None and create:
        _make_folder(file.parent)
    elif file is not None:
        url = url.set(database=f"file:{quote(str(file))}").update_query_dict({"mode": "rw", "uri": "true"})
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT / 1000})
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin_immediately)
    if file is not None:
        _watch(engine, file)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigurationError(f"cannot make {folder} for the store: {fault.strerror}; set database_url") from fault


def _bounded(connection: Any, _record: object) -> None:
    """No statement and no lock may keep the writer longer than SQLite's busy timeout would."""
    with connection.cursor() as cursor:
        cursor.execute(f"set statement_timeout = {BUSY_TIMEOUT}")
        cursor.execute(f"set lock_timeout = {BUSY_TIMEOUT}")
    connection.commit()


def _durable(connection: Any, _record: object) -> None:
    """WAL lets readers read while we write; FULL makes a commit survive a power cut."""
    connection.isolation_level = None  # transactions are begun by `_begin_immediately`
    cursor = connection.cursor()
    try:
        # The busy timeout first: the others may have to wait for another process.
        for pragma in (f"busy_timeout={BUSY_TIMEOUT}", "journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError:
        connection.close()
        raise
    finally:
        cursor.close()


def _begin_immediately(connection: Connection) -> None:
    """A transaction that starts as a reader cannot become a writer while another one writes."""
    if not connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _watch(engine: Engine, file: Path) -> None:
    """Gives up a connection whose file is no longer the one at `file`.

    SQLite would go on writing to the deleted or renamed file, and everything acknowledged would be gone with it.
    """

    @event.listens_for(engine, "connect")
    def remember(_connection: Any, record: Any) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def compare(_connection: Any, record: Any, _proxy: object) -> None:
        if record.info.get("file") != _identity(file):
            raise DisconnectionError


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
