"""Which client tokens have been used, shared by all workers: a token is good for one call.

This is no record worth keeping, only a memory of minutes, so it stays away from the lock of the writer: a SQLite file
of its own beside the store, made when it is missing, or an unlogged table in the store's PostgreSQL, made by the
migrations (docs/adr/0010). Tokens are known by a digest (docs/adr/0009).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

WAIT: Final = 250  # milliseconds for one look: no clinician waits for book-keeping
PAUSE: Final = 5.0  # seconds before a database that failed is asked again
PRUNE_EVERY: Final = 60.0

_CREATE: Final = """
create table if not exists seen_tokens (digest varchar(64) primary key, expires_at double precision not null)
"""
_INSERT: Final = text("insert into seen_tokens values (:digest, :expires_at) on conflict do nothing")
_PRUNE: Final = text("delete from seen_tokens where expires_at < :now")


class SeenTokens:
    """One for each process. While the database fails (`failing`), what this process saw itself still counts."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.failing = False
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._ours: dict[str, float] = {}
        self._lock = threading.Lock()
        self._prepared = False
        self._ask_again_at = 0.0
        self._prune_at = clock() + PRUNE_EVERY

    def first_use(self, issuer: str, token_id: str, expires_at: float) -> bool:
        """Whether this token has not been seen before; from now on it has. `expires_at` in seconds since 1970."""
        digest = hashlib.sha256(f"{issuer}\n{token_id}".encode()).hexdigest()
        with self._lock:
            if digest in self._ours:
                return False
            self._ours[digest] = expires_at
        return self._shared_first_use(digest, expires_at)

    def forget(self, now: float) -> None:
        """Drops what has expired at `now` (seconds since 1970), at most once a minute."""
        with self._lock:
            if self._clock() < self._prune_at:
                return
            self._prune_at = self._clock() + PRUNE_EVERY
            self._ours = {digest: until for digest, until in self._ours.items() if until >= now}
        if not self.failing:
            self._try(lambda connection: connection.execute(_PRUNE, {"now": now}))

    def close(self) -> None:
        self._engine.dispose()

    def _shared_first_use(self, digest: str, expires_at: float) -> bool:
        if self.failing and self._clock() < self._ask_again_at:
            return True
        values = {"digest": digest, "expires_at": expires_at}
        inserted = self._try(lambda connection: connection.execute(_INSERT, values).rowcount)
        return inserted is None or inserted == 1

    def _try(self, work: Callable[[Any], Any]) -> Any:
        """What `work` gives, or None when the database fails."""
        try:
            with self._engine.connect() as connection:
                if not self._prepared and self._engine.dialect.name == "sqlite":
                    connection.exec_driver_sql(_CREATE)
                    self._prepared = True
                result = work(connection)
        except SQLAlchemyError:
            self.failing, self._prepared = True, False
            self._ask_again_at = self._clock() + PAUSE
            return None
        self.failing = False
        return result


def open_seen_tokens(store_url: str) -> SeenTokens:
    """Beside the store of this URL."""
    url = make_url(store_url)
    if url.get_backend_name() == "postgresql":
        waits = {"connect_timeout": 2, "tcp_user_timeout": 1000, "options": f"-c statement_timeout={WAIT}"}
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"), connect_args=waits, pool_timeout=WAIT / 1000, max_overflow=0
        )
        return SeenTokens(engine)
    if url.database and url.database != ":memory:":
        file = Path(url.database)
        url = url.set(database=str(file.with_name(f"{file.name}.seen-tokens")))
    engine = create_engine(url, connect_args={"timeout": WAIT / 1000}, pool_timeout=WAIT / 1000)
    event.listen(engine, "connect", _light)
    return SeenTokens(engine)


def _light(connection: Any, _record: object) -> None:
    """Nothing here needs to survive a power cut, only the end of a worker."""
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={WAIT}", "journal_mode=WAL", "synchronous=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
