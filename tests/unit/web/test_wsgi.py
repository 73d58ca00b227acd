"""What a WSGI server imports is ready to serve, with a collector that leaves the guidelines alone."""

import os
import subprocess
import sys
from pathlib import Path

import orjson

PROBE = """
import gc, sys
from cds_service.web.wsgi import app
status = app.test_client().get("/healthz").status_code
sys.stdout.write(repr([gc.get_threshold()[0], gc.get_freeze_count() > 10_000, status]))
"""


def test_importing_makes_the_app_and_tunes_the_collector(tmp_path: Path) -> None:
    environ = os.environ | {"SPINE_CDS_DATABASE_URL": f"sqlite:///{tmp_path / 'store.sqlite3'}"}

    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environ, capture_output=True, check=True, timeout=60, text=True
    )

    assert done.stdout == "[50000, True, 200]"
    assert orjson.loads(done.stderr)["event"] == "request"
