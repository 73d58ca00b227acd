"""What reaches stderr: our own words and numbers, and of everybody else's messages no more than whose they are."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import orjson
import pytest

from cds_service.web.log import JsonLines

PROGRAM = """
import logging, threading, warnings
from cds_service.web import log
log.configure({level!r})
{body}
"""


def emitted(body: str, level: str = "info") -> list[dict[str, Any]]:
    """The lines that a process with our logging writes while it runs `body`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body, level=level)], capture_output=True, check=True, timeout=60
    )
    assert done.stdout == b""
    return [orjson.loads(line) for line in done.stderr.splitlines()]


def test_other_libraries_are_named_and_not_quoted() -> None:
    (line,) = emitted("logging.getLogger('urllib3.connectionpool').warning('bad headers (url=%s)', '/Patient/secret')")

    assert (line["event"], line["logger"], line["level"]) == ("library", "urllib3.connectionpool", "warning")
    assert "secret" not in str(line)


def test_a_warning_is_not_quoted_either() -> None:
    (line,) = emitted("warnings.warn('value secret is odd')")

    assert line["logger"] == "py.warnings"
    assert "secret" not in str(line)


def test_a_thread_that_dies_leaves_type_and_place() -> None:
    fall = "def fall():\n    raise KeyError('secret')\n"
    (line,) = emitted(f"{fall}thread = threading.Thread(target=fall)\nthread.start()\nthread.join()")

    assert (line["event"], line["fault"]) == ("fault", "KeyError")
    assert any("fall" in place for place in line["where"])
    assert "secret" not in str(line)


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_that_of_our_own_lines(level: str, lines: int) -> None:
    body = "ours = logging.getLogger('cds_service.web.log')\n" + "\n".join(
        f"ours.{name}('x')" for name in ("debug", "info", "warning", "error")
    )
    assert len(emitted(body, level)) == lines


def test_what_libraries_say_below_a_warning_is_dropped_at_any_level() -> None:
    assert emitted("logging.getLogger('urllib3').info('x'); logging.getLogger('urllib3').debug('x')", "debug") == []


def test_only_known_fields_are_written() -> None:
    record = logging.makeLogRecord({"name": "cds_service.web", "msg": "request", "status": 200, "patient": "secret"})

    line = orjson.loads(JsonLines().format(record))
    assert line["status"] == 200
    assert "secret" not in str(line)


def test_a_lookalike_is_not_one_of_ours() -> None:
    record = logging.makeLogRecord({"name": "cds_service_extra", "msg": "secret"})

    assert "secret" not in JsonLines().format(record)
