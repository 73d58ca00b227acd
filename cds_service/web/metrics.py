"""Counters and times for Prometheus. Labels are service ids, outcomes and statuses: nothing of a patient."""

from __future__ import annotations

import os

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from cds_service.hooks.consult import Answer
from cds_service.store.rows import IssuedCard
from cds_service.store.store import Store

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """One per app. With PROMETHEUS_MULTIPROC_DIR set, a scrape of any worker shows all of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("cds_requests_total", "Requests answered", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "cds_request_seconds", "Time to answer a hook", ["service"], buckets=SECONDS, registry=self.registry
        )
        self.determinations = Counter(
            "cds_determinations_total", "Orders reviewed", ["service", "determination"], registry=self.registry
        )
        self.cards = Counter("cds_cards_total", "Cards issued", ["service", "kind"], registry=self.registry)
        self.silences = Counter(
            "cds_silences_total", "Orders answered with no card", ["service"], registry=self.registry
        )
        self.feedback = Counter("cds_feedback_total", "Feedback kept", ["service", "outcome"], registry=self.registry)
        self.lost = Counter("cds_store_rows_lost_total", "Rows that never reached the store", registry=self.registry)

    def register(self, app: Flask) -> None:
        @app.after_request
        def count(response: Response) -> Response:
            # The rule, not the path: paths are many, and one may hold an id.
            route = request.url_rule.rule if request.url_rule else "-"
            self.requests.labels(route, str(response.status_code)).inc()
            return response

    def answered(self, service: str, answer: Answer, seconds: float) -> None:
        self.seconds.labels(service).observe(seconds)
        for determination in answer.determinations:
            self.determinations.labels(service, determination).inc()
        for item in answer.issued:
            if isinstance(item, IssuedCard):
                self.cards.labels(service, item.kind).inc()
            else:
                self.silences.labels(service).inc()

    def watch(self, store: Store) -> None:
        """Counts what the store loses; shows what waits for it, unless many processes share one scrape."""
        store.writer.on_loss = self.lost.inc
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            waiting = Gauge("cds_store_backlog", "Jobs waiting for the store", registry=self.registry)
            waiting.set_function(lambda: store.writer.backlog)

    def text(self) -> bytes:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)
