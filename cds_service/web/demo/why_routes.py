"""POST /demo/why: the same body as a hook, answered with the insides of its review."""

from __future__ import annotations

from dataclasses import replace

import orjson
from flask import Blueprint, Response

from cds_service.fhir.record import PatientRecord
from cds_service.hooks.consult import Desk
from cds_service.hooks.request import read_request
from cds_service.hooks.stopwatch import Stopwatch
from cds_service.review import Consultation, resource_types
from cds_service.web.body import read_body
from cds_service.web.demo.why import why


def why_routes(desk: Desk) -> Blueprint:
    routes = Blueprint("why", __name__)

    @routes.post("/demo/why")
    def explain() -> Response:
        asked = read_request(read_body())
        watch = Stopwatch()
        unread = PatientRecord.build(asked.patient_id, (), encounter_id=asked.encounter_id)
        today = desk.now().date()
        consultation = Consultation(
            asked.hook, asked.drafts, frozenset(asked.in_scope), unread, today, desk.fact_settings
        )
        needed = resource_types(consultation, desk.guidelines)
        watch.lap("orders")
        if needed:
            consultation = replace(consultation, record=desk.read_chart(asked, needed))
        watch.lap("chart")
        found = why(consultation, desk.guidelines)
        watch.lap("review and trees")
        answer = {"orders": found, "milliseconds": {name: took * 1000 for name, took in watch.seconds.items()}}
        return Response(orjson.dumps(answer), content_type="application/json", headers={"Cache-Control": "no-store"})

    return routes
