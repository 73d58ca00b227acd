"""What a WSGI server imports: `cds_service.web.wsgi:app`. Settings come from the environment (`config.load`)."""

from __future__ import annotations

import atexit
import gc

from flask import Flask

from cds_service.config import Settings, load
from cds_service.store.database import open_database
from cds_service.store.store import Store
from cds_service.store.writer import Writer
from cds_service.web import log
from cds_service.web.app import create_app
from cds_service.web.desk import make_desk


def serving(settings: Settings) -> Flask:
    """An app with a store of its own that is written out when the process ends."""
    engine = open_database(settings.store_url)
    store = Store(engine, Writer(engine))
    atexit.register(store.close)
    return create_app(settings, desk=make_desk(settings), store=store)


def quiet_collector() -> None:
    """Decoding a chart makes thousands of objects; without this, each round of collection walks the guidelines too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


log.configure()
app = serving(load())
quiet_collector()
