"""What operators and machines ask: alive, ready, numbers, and the description of the interface."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from cds_service import __version__, resources
from cds_service.guidelines.load import load
from cds_service.store.store import Store
from cds_service.web.metrics import Metrics


def operation_routes(store: Store, metrics: Metrics) -> Blueprint:
    routes = Blueprint("operations", __name__)
    editions = {document.guideline.id: document.guideline.version for document in load().documents.values()}
    description = resources.openapi_path().read_bytes()

    @routes.get("/healthz")
    def alive() -> Response:
        return _json({"status": "ok", "version": __version__})

    @routes.get("/readyz")
    def ready() -> Response:
        """Ready even while the store is not: cards go out without it, and what it misses is counted here."""
        problem = store.problem()
        state = {
            "status": "degraded" if problem else "ready",
            "guidelines": editions,
            "rows_lost": metrics.rows_lost,
            "rows_waiting": store.writer.backlog,
        }
        return _json(state | ({"store": problem} if problem else {}))

    @routes.get("/metrics")
    def numbers() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    @routes.get("/openapi.yaml")
    def interface() -> Response:
        return Response(description, content_type="application/yaml")

    return routes


def _json(value: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(value), content_type="application/json", headers={"Cache-Control": "no-store"})
