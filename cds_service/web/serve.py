"""The production server: granian, with our answers to what it leaves open."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from granian import Granian
from granian.constants import Interfaces

from cds_service import config
from cds_service.guidelines.load import load as load_guidelines
from cds_service.store.database import DatabaseAway, migrate, open_database
from cds_service.store.writer import SLOW_WAITS
from cds_service.web.worker_slot import FOLDER

# Seconds that a worker gets to finish what it has begun. The longest request fetches a chart and then waits for the
# store, which takes less than a third of this with the settings as they come.
GRACE: Final = 30

# Requests that may wait in a worker: for a thread, their turn, the store. More than that would be answered after
# their client has gone; they stay in the kernel's queue, where another worker may take them.
WAITING: Final = 32


def serve(settings: config.Settings) -> None:
    """Checks everything that can be wrong here, where a person sees it, then hands over to the server's workers.

    Returns when the server was told to stop and its workers have finished. A database server that does not answer
    does not keep it from starting: cards go out without it, and /readyz shows it until it is back.
    """
    load_guidelines()
    try:
        migrate_store(settings)
    except DatabaseAway as away:
        sys.stderr.write(f"cds-service: starting without the store: {away}\n")
    os.environ.update(config.as_environment(settings))  # workers are new processes and read their settings again
    # A worker that is told to stop while it starts has nothing to finish. The handler that it inherits does nothing,
    # which would make the stop as long as `GRACE`.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    with tempfile.TemporaryDirectory(prefix="cds-metrics-") as shared:
        if settings.workers > 1:
            os.environ[FOLDER] = shared
        Granian(
            "cds_service.web.wsgi:app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.threads + SLOW_WAITS,
            backpressure=settings.threads + WAITING,
            respawn_failed_workers=True,  # else one worker's death stops them all
            workers_kill_timeout=GRACE,
            websockets=False,
            log_access=False,
            working_dir=Path.cwd(),
        ).serve()


def migrate_store(settings: config.Settings) -> None:
    engine = open_database(settings.store_url)
    migrate(engine)
    engine.dispose()
