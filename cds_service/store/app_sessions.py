"""Sessions of the documentation app, shared by all workers: sealed boxes whose key only the user's browser holds.

A memory of minutes, like the tokens that have been seen, and kept in the same two ways (docs/adr/0010). A copy of this
table opens nothing, and neither does a cookie without it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

PRUNE_EVERY: Final = 60.0  # seconds
WAIT: Final = 2.0  # seconds for a lock

_CREATE: Final = """
create table if not exists app_sessions
(id varchar(64) primary key, box text not null, expires_at double precision not null)
"""
_PUT: Final = text(
    "insert into app_sessions values (:id, :box, :expires_at) "
    "on conflict (id) do update set box = excluded.box, expires_at = excluded.expires_at"
)
_GET: Final = text("select box from app_sessions where id = :id and expires_at > :now")
_DROP: Final = text("delete from app_sessions where id = :id")
_PRUNE: Final = text("delete from app_sessions where expires_at <= :now")


class SessionsAway(Exception):
    """The database does not answer: the session can be neither kept nor found."""


class AppSessions:
    """One for each process. Boxes are text, times are seconds since 1970."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._lock = threading.Lock()
        self._prune_at = 0.0

    def put(self, ident: str, box: str, expires_at: float) -> None:
        """Keeps or replaces a box. Raises SessionsAway."""
        self._prune()
        self._run(_PUT, id=ident, box=box, expires_at=expires_at)

    def get(self, ident: str) -> str | None:
        """The box, unless it has expired. Raises SessionsAway."""
        row = self._run(_GET, id=ident, now=self._clock())
        return str(row[0]) if row else None

    def drop(self, ident: str) -> None:
        self._run(_DROP, id=ident)

    def close(self) -> None:
        self._engine.dispose()

    def _prune(self) -> None:
        now = self._clock()
        with self._lock:
            if now < self._prune_at:
                return
            self._prune_at = now + PRUNE_EVERY
        self._run(_PRUNE, now=now)

    def _run(self, statement: Any, **values: object) -> Any:
        """The first row, if the statement gives rows. In a SQLite file the table is made when it is missing."""
        try:
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql(_CREATE)
                result = connection.execute(statement, values)
                return result.first() if result.returns_rows else None
        except SQLAlchemyError as fault:
            raise SessionsAway from fault


def open_app_sessions(store_url: str, *, clock: Callable[[], float] = time.time) -> AppSessions:
    """Beside the store of this URL: a SQLite file of its own, or a table in the store's PostgreSQL."""
    url = make_url(store_url)
    if url.get_backend_name() == "postgresql":
        waits = {"connect_timeout": int(WAIT), "options": f"-c statement_timeout={int(WAIT * 1000)}"}
        return AppSessions(create_engine(url.set(drivername="postgresql+psycopg"), connect_args=waits), clock=clock)
    if url.database and url.database != ":memory:":
        file = Path(url.database)
        url = url.set(database=str(file.with_name(f"{file.name}.app-sessions")))
    return AppSessions(create_engine(url, connect_args={"timeout": WAIT}), clock=clock)
