"""One JSON line per request: times, counts and determinations. Never a body, an id of a patient, or a token."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import orjson
from flask import Flask, Response, g, request

log = logging.getLogger(__name__)

REQUEST_ID: Final = "X-Request-Id"
_SANE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_FIELDS: Final = (
    "request_id",
    "method",
    "route",
    "status",
    "ms",
    "service",
    "determinations",
    "cards",
    "fault",
    "where",
    "client",
    "refused",
)
_OURS: Final = "cds_service"


class JsonLines(logging.Formatter):
    """The message and our own fields; no arguments, no exception text.

    Of other libraries' messages only the logger's name: they may hold an address with a patient's id, or a value.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if record.name.partition(".")[0] == _OURS:
            line["event"] = record.getMessage()
        else:
            line |= {"event": "library", "logger": record.name}
        line |= {name: record.__dict__[name] for name in _FIELDS if name in record.__dict__}
        return orjson.dumps(line).decode()


def configure(level: str = "info") -> None:
    """JSON lines on stderr, from every library and thread. Called by the server's entry points, not by `create_app`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.upper())
    logging.captureWarnings(True)
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """Type and place of what ended a thread, as for a request. The default would print the exception's message."""
    log.error("fault", extra={"fault": died.exc_type.__name__, "where": places(died.exc_traceback)})


def places(trace: TracebackType | None) -> list[str]:
    """Where a fault happened: file, line and function, innermost last, without any value."""
    frames = traceback.extract_tb(trace)[-8:]
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]


def register(app: Flask, new_uuid: Callable[[], str]) -> None:
    @app.before_request
    def start() -> None:
        sent = request.headers.get(REQUEST_ID, "")
        g.request_id = sent if _SANE.fullmatch(sent) else new_uuid()
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.request_id
        facts = {
            "request_id": g.request_id,
            # A caller may make up a method of any length and meaning.
            "method": request.method if request.method in _METHODS else "other",
            # The rule, not the path: a path may hold a patient's id.
            "route": request.url_rule.rule if request.url_rule else "-",
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 2),
        }
        log.info("request", extra=facts | g.get("consultation", {}))
        return response
