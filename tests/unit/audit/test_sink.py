"""The audit holds every call whole, holds no token, and is nobody else's to read."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.audit.files import records
from cds_service.audit.sink import REMOVED, AuditSink, open_sink
from cds_service.core.errors import ConfigurationError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sink(tmp_path: Path) -> AuditSink:
    return open_sink(str(tmp_path / "audit"), lambda: NOON)


def kept(sink: AuditSink) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in records(sink.folder)]


def test_a_call_is_kept_with_what_was_asked_and_answered(sink: AuditSink) -> None:
    sink.keep({"request_id": "r1", "client": "north"}, b'{"hook": "order-sign"}', b'{"cards":[]}')

    assert kept(sink) == [
        {
            "at": "2026-11-20T12:00:00.000+00:00",
            "request_id": "r1",
            "client": "north",
            "request": {"hook": "order-sign"},
            "response": {"cards": []},
        }
    ]


def test_the_access_token_is_not_kept(sink: AuditSink) -> None:
    sink.keep({}, b'{"fhirAuthorization": {"access_token": "sentinel", "scope": "user/*.read"}}', b"{}")
    sink.keep({}, b'{"fhirAuthorization": {"access_token": "sentinel"', b"{}")

    assert kept(sink)[0]["request"]["fhirAuthorization"] == {"access_token": REMOVED, "scope": "user/*.read"}
    assert kept(sink)[1]["unreadable_request"]["bytes"] == 49
    assert "sentinel" not in next(sink.folder.iterdir()).read_text()


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"fhirAuthorization": 5}', b'{"fhirAuthorization": null}'])
def test_any_body_can_be_kept(sink: AuditSink, body: bytes) -> None:
    sink.keep({}, body, b"{}")

    assert kept(sink)[0]["request"] == orjson.loads(body)


def test_only_its_owner_may_read_it(sink: AuditSink) -> None:
    sink.keep({}, b"{}", b"{}")
    (file,) = sink.folder.iterdir()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(sink.folder.stat().st_mode) == 0o700


def test_a_folder_open_to_everybody_stops_the_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match="open to everybody"):
        open_sink(str(tmp_path), lambda: NOON)


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be made"):
        open_sink(str(tmp_path / "file" / "audit"), lambda: NOON)


def test_each_day_has_a_file_and_days_are_those_of_utc(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=10))
    for at in (datetime(2026, 11, 21, 8, tzinfo=east), datetime(2026, 11, 21, 12, tzinfo=east)):
        open_sink(str(tmp_path / "audit"), lambda at=at: at).keep({}, b"{}", b"{}")

    assert sorted(file.name for file in (tmp_path / "audit").iterdir()) == [
        "audit-2026-11-20.jsonl",
        "audit-2026-11-21.jsonl",
    ]


def test_lines_of_many_writers_stay_whole(sink: AuditSink) -> None:
    body = orjson.dumps({"x": "y" * 200_000})
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: sink.keep({"request_id": str(number)}, body, b"{}"), range(64)))

    assert sorted(int(entry["request_id"]) for entry in kept(sink)) == list(range(64))


PROGRAM = """
import resource, signal, sys
from datetime import UTC, datetime
from cds_service.audit.sink import open_sink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sink = open_sink(sys.argv[1], lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
sink.keep({"request_id": "small"}, b"{}", b"{}")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    sink.keep({"request_id": "large"}, b'"' + b"x" * 100_000 + b'"', b"{}")
except OSError:
    print("refused")
sink.keep({"request_id": "small again"}, b"{}", b"{}")
"""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A limit on file size stands in for the full disk: writing stops in the middle of a line."""
    assert resource.RLIMIT_FSIZE
    assert signal.SIGXFSZ
    folder = tmp_path / "audit"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True, timeout=60, env=os.environ
    )

    assert (done.stdout, done.stderr) == ("refused\n", "")
    assert [orjson.loads(line)["request_id"] for line in records(folder)] == ["small", "small again"]
