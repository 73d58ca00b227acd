"""Feedback on cards. It is acknowledged once it is on disk, and not before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Response
from werkzeug.exceptions import ServiceUnavailable

from cds_service.core.errors import RequestError
from cds_service.hooks.feedback import read_feedback
from cds_service.store.store import Store
from cds_service.web.body import read_body
from cds_service.web.hook_routes import find_service
from cds_service.web.metrics import Metrics

# Seconds after which a client may try again. By then a restarted database is usually back.
RETRY_AFTER: Final = 5


def feedback_routes(store: Store, metrics: Metrics, now: Callable[[], datetime], timeout: float) -> Blueprint:
    routes = Blueprint("feedback", __name__)

    @routes.post("/cds-services/<service_id>/feedback")
    def receive(service_id: str) -> Response:
        service = find_service(service_id)
        try:
            reports = read_feedback(read_body())
        except RequestError:
            metrics.refused.labels(service.id, "invalid").inc()
            raise
        if not store.keep_feedback(service.id, reports, now(), timeout):
            metrics.refused.labels(service.id, "store").inc()
            raise ServiceUnavailable(retry_after=RETRY_AFTER)
        for report in reports:
            metrics.feedback.labels(service.id, report.outcome).inc()
        return Response(status=200, content_type="application/json")

    return routes
