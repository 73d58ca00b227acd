"""What a WSGI server imports: `cds_service.web.wsgi:app`. Settings come from the environment (`config.load`)."""

from __future__ import annotations

import atexit
import gc
from multiprocessing.util import Finalize

from flask import Flask

from cds_service.config import Settings, load
from cds_service.store.database import open_database
from cds_service.store.store import Store
from cds_service.store.writer import Writer
from cds_service.web import log, worker_slot
from cds_service.web.app import create_app
from cds_service.web.desk import make_desk


def serving(settings: Settings) -> Flask:
    """An app with a store of its own that is written out when the process ends."""
    engine = open_database(settings.store_url, create=False)
    store = Store(engine, Writer(engine))
    atexit.register(store.close)
    Finalize(None, store.close, exitpriority=10)  # a worker that was forked ends without atexit
    return create_app(settings, desk=make_desk(settings), store=store)


def quiet_collector() -> None:
    """Decoding a chart makes thousands of objects; without this, each round of collection walks the guidelines too."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


settings = load()
log.configure(settings.log_level)
worker_slot.join()
app = serving(settings)
quiet_collector()
