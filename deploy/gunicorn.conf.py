"""gunicorn instead of granian, for those who know it better:

    cds-service migrate
    gunicorn --config deploy/gunicorn.conf.py cds_service.web.wsgi:app

Settings of the service come from SPINE_CDS_* variables as ever; host, port, workers and threads too.
"""

import os
import shutil
import tempfile

from cds_service.config import load
from cds_service.store.writer import SLOW_WAITS
from cds_service.web.worker_slot import FOLDER

settings = load()

bind = f"{settings.host}:{settings.port}"
workers = settings.workers
threads = settings.threads + SLOW_WAITS
worker_class = "gthread"
# Each worker has a store writer, connections and a chart reader of its own: nothing of that survives a fork.
preload_app = False
# A file that each worker touches to show that it lives; on a slow disk the touch itself would hang.
worker_tmp_dir = "/dev/shm"  # noqa: S108

# Longer than the proxy keeps an idle connection, so that it is never the one surprised by a close.
keepalive = 75
# Not a limit on requests, which have their own: how long a worker may show no sign of life.
timeout = 60
# Seconds for what is in flight when told to stop.
graceful_timeout = 30

# Recycling is off. If memory grows over weeks: GUNICORN_CMD_ARGS="--max-requests 100000 --max-requests-jitter 10000".
max_requests = 0

# Our own lines say more, and nothing about patients.
accesslog = None

os.environ[FOLDER] = tempfile.mkdtemp(prefix="cds-metrics-")


def on_exit(server: object) -> None:
    shutil.rmtree(os.environ[FOLDER], ignore_errors=True)
