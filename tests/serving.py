"""The whole service in a test: real guidelines and cards, a fixed clock, counted uuids, a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from cds_service.config import Settings
from cds_service.hooks.consult import Desk
from cds_service.store.database import migrate, open_database
from cds_service.store.store import Store
from cds_service.store.writer import Writer
from cds_service.web.app import create_app
from cds_service.web.desk import make_desk
from cds_service.web.security import Gate, make_gate

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REVIEWS = "org.spine-imaging-cds.reviews"
SIGN = "/cds-services/spine-imaging-order-sign"
SELECT = "/cds-services/spine-imaging-order-select"


def counted_uuids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


_desk = cache(make_desk)


def a_desk(settings: Settings | None = None, **parts: Any) -> Desk:
    return replace(_desk(settings or Settings()), **{"now": lambda: NOON, "new_uuid": counted_uuids(), **parts})


@dataclass(frozen=True)
class Serving:
    app: Flask
    client: FlaskClient
    store: Store

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.client.post(path, data=sent, headers={"Content-Type": "application/json", **headers})

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What the store holds, after everything that waits has been written."""
        self.store.writer.write([], timeout=5)
        with self.store.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(f"select * from {table}"))]  # noqa: S608


@contextmanager
def serving(
    folder: Path, settings: Settings | None = None, *, gate: Gate | None = None, **parts: Any
) -> Iterator[Serving]:
    """A service with its store in `folder`. `parts` replace members of its desk."""
    settings = settings or Settings()
    store = a_store(folder)
    stored = replace(settings, database_url=f"sqlite:///{folder / 'store.sqlite3'}")
    desk = a_desk(settings, **parts)
    gate = gate or make_gate(stored, desk.now)
    app = create_app(stored, desk=desk, store=store, gate=gate)
    try:
        yield Serving(app, app.test_client(), store)
    finally:
        store.close()
        if gate:
            gate.seen.close()


def a_store(folder: Path) -> Store:
    engine = a_database(folder)
    return Store(engine, Writer(engine))


def a_database(folder: Path) -> Engine:
    engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
    migrate(engine)
    return engine
