"""Discovery and the two services."""

from __future__ import annotations

import threading
import time

import orjson
from flask import Blueprint, Response, g
from werkzeug.exceptions import NotFound

from cds_service.hooks import discovery
from cds_service.hooks.consult import Desk, respond
from cds_service.hooks.request import read_request
from cds_service.store.store import Store
from cds_service.web.body import read_body
from cds_service.web.metrics import Metrics
from cds_service.web.security import caller


def hook_routes(desk: Desk, store: Store, metrics: Metrics, *, at_once: int) -> Blueprint:
    """`at_once` hooks are answered at a time, the others wait for their turn: charts are large."""
    routes = Blueprint("hooks", __name__)
    turns = threading.Semaphore(at_once)
    desk = metrics.counting_fetches(desk)
    discovered = orjson.dumps(discovery.describe(desk.resource_types))

    @routes.get("/cds-services")
    def discover() -> Response:
        return Response(discovered, content_type="application/json")

    @routes.post("/cds-services/<service_id>")
    def consult(service_id: str) -> Response:
        started = time.perf_counter()
        service = find_service(service_id)
        body, who = read_body(), caller()
        with turns:
            asked = read_request(body, service.hook)
            if who is None:
                answer = respond(asked, service.id, desk)
            else:
                answer = respond(asked.within(who.client.servers), service.id, desk, who.client.profile)
        store.keep_issued(answer.issued)
        metrics.answered(service.id, answer, time.perf_counter() - started)
        g.consultation = g.get("consultation", {}) | {
            "service": service.id,
            "determinations": answer.determinations,
            "cards": answer.cards,
        }
        return Response(answer.body, content_type="application/json", headers={"Cache-Control": "no-store"})

    return routes


def find_service(service_id: str) -> discovery.OfferedService:
    service = discovery.BY_ID.get(service_id)
    if service is None:
        raise NotFound
    return service
