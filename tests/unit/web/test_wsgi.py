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
LOADED = """
import sys
{imported}
sys.stdout.write(repr("jsonschema" in sys.modules))
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"SPINE_CDS_DATABASE_URL": f"sqlite:///{folder / 'store.sqlite3'}"}
    return subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, check=True, timeout=60, text=True
    )


def test_importing_makes_the_app_and_tunes_the_collector(tmp_path: Path) -> None:
    done = run(PROBE, tmp_path)

    assert done.stdout == "[50000, True, 200]"
    assert orjson.loads(done.stderr)["event"] == "request"


def test_the_first_feedback_waits_for_no_import_and_no_command_pays_for_it(tmp_path: Path) -> None:
    def loads(imported: str) -> str:
        return run(LOADED.format(imported=imported), tmp_path).stdout

    assert loads("from cds_service.web.wsgi import app") == "True"
    assert (
        loads(
            "from click.testing import CliRunner; from cds_service.cli import main; "
            "CliRunner().invoke(main, ['--help'])"
        )
        == "False"
    )
