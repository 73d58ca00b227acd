"""Feedback on cards. It is acknowledged once it is on disk, and not before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response
from werkzeug.exceptions import ServiceUnavailable

from cds_service.hooks.feedback import read_feedback
from cds_service.store.store import Store
from cds_service.web.body import read_body
from cds_service.web.hook_routes import find_service
from cds_service.web.metrics import Metrics


def feedback_routes(store: Store, metrics: Metrics, now: Callable[[], datetime], timeout: float) -> Blueprint:
    routes = Blueprint("feedback", __name__)

    @routes.post("/cds-services/<service_id>/feedback")
    def receive(service_id: str) -> Response:
        service = find_service(service_id)
        reports = read_feedback(read_body())
        if not store.keep_feedback(service.id, reports, now(), timeout):
            raise ServiceUnavailable
        for report in reports:
            metrics.feedback.labels(service.id, report.outcome).inc()
        return Response(status=200, content_type="application/json")

    return routes
