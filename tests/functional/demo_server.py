"""The whole demo on a loopback port, for tests that need a browser or a FHIR server that the service can call back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from cds_service.config import Settings
from cds_service.store.database import migrate, open_database
from cds_service.store.store import Store
from cds_service.store.writer import Writer
from cds_service.web.app import create_app
from cds_service.web.desk import make_desk


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the service writes its own lines."""


@contextmanager
def running_demo(folder: Path, *, app: bool = False) -> Iterator[str]:
    """The address of a demo of its own, with its store in `folder`. With `app`, cards link to the documentation app."""
    port = _free_port()
    link = f"http://127.0.0.1:{port}/documentation/launch" if app else None
    settings = Settings(database_url=f"sqlite:///{folder / 'store.sqlite3'}", port=port, app_url=link)
    engine = open_database(settings.store_url)
    migrate(engine)
    store = Store(engine, Writer(engine))
    server = make_server(
        settings.host,
        port,
        create_app(settings, desk=make_desk(settings), store=store),
        threaded=True,
        request_handler=Quiet,
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{settings.host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
        store.close()
        engine.dispose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
