"""One JSON line per request: times, counts and determinations. Never a body, an id of a patient, or a token."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from flask import Flask, Response, g, request

log = logging.getLogger(__name__)

REQUEST_ID: Final = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
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
)


class JsonLines(logging.Formatter):
    """The message and our own fields; no arguments, no exception text."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: record.__dict__[name] for name in _FIELDS if name in record.__dict__}
        return orjson.dumps(line).decode()


def configure() -> None:
    """JSON lines on stderr. Called by the server's entry points, not by `create_app`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("cds_service")
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False


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
            "method": request.method,
            # The rule, not the path: a path may hold a patient's id.
            "route": request.url_rule.rule if request.url_rule else "-",
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 2),
        }
        log.info("request", extra=facts | g.get("consultation", {}))
        return response
