"""The only place where an exception becomes a status. Every error body is an OperationOutcome and says nothing
about the patient, the token or our insides."""

from __future__ import annotations

import logging
from typing import Any, Final

import orjson
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from cds_service.core.errors import RequestError
from cds_service.web.log import places

log = logging.getLogger(__name__)

_CODES: Final = {404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported", 503: "transient"}
_SAYS: Final = {
    404: "there is nothing at this address",
    405: "this address does not take this method",
    413: "the body is larger than this service accepts",
    415: "the body must be sent as application/json, without compression",
}


def register(app: Flask) -> None:
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(RecursionError, _nested_too_deeply)
    app.register_error_handler(Exception, _fault)


def outcome(status: int, code: str, says: str, field: str | None = None) -> Response:
    issue: dict[str, Any] = {"severity": "error", "code": code, "diagnostics": says}
    if field:
        issue["expression"] = [field]
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status, content_type="application/json")


def _request_error(error: RequestError) -> Response:
    return outcome(error.status, error.code, error.problem, error.field)


def http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect
        return Response(status=status, headers=[pair for pair in error.get_headers() if pair[0] == "Location"])
    response = outcome(status, _CODES.get(status, "processing"), _SAYS.get(status, error.name.lower()))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _nested_too_deeply(error: RecursionError) -> Response:
    """Resources in prefetch may be nested as deeply as JSON allows, and reading them is recursive."""
    _log(error)
    return outcome(400, "invalid", "the body is nested too deeply")


def _fault(error: Exception) -> Response:
    """A program fault. It is never an empty card list, which clients show as "all clear"."""
    _log(error)
    return outcome(
        500, "exception", f"this service failed to answer; its log has more under {g.get('request_id', '-')}"
    )


def _log(error: Exception) -> None:
    """Type and place only: an exception's message may repeat what the chart says."""
    log.error("fault", extra={"fault": type(error).__name__, "where": places(error.__traceback__)})
