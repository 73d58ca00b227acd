"""Counters and times for Prometheus. Labels are service ids, outcomes and statuses: nothing of a patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from cds_service.fhir.bundle import Answer as Fetched
from cds_service.hooks.consult import Answer, Desk
from cds_service.hooks.prefetch import ChartReader
from cds_service.store.rows import IssuedCard
from cds_service.store.store import Store
from cds_service.web import worker_slot

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """One per app. Where several workers share them (`worker_slot`), a scrape of any worker shows all of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # (metric, its labels): the library's own look-up, a dozen for each hook, takes a lock and makes text of each.
        self._of: Callable[..., Any] = cache(lambda metric, *labels: metric.labels(*labels))
        self.requests = self._counter("cds_requests_total", "Requests answered", "route", "status")
        self.seconds = self._histogram("cds_request_seconds", "Time to answer a hook", "service")
        self.stages = self._histogram("cds_stage_seconds", "Where the time of a hook went", "stage")
        self.orders = self._counter("cds_orders_total", "Orders in scope, by what we made of them", "service", "order")
        self.determinations = self._counter("cds_determinations_total", "Orders reviewed", "service", "determination")
        self.unknown = self._counter("cds_unknown_total", "What kept reviews from being complete", "why", "what")
        self.unmapped = self._counter("cds_unmapped_total", "Resources coded in nothing we know", "resource_type")
        self.fetches = self._counter("cds_fhir_fetches_total", "Queries to FHIR servers", "resource_type", "outcome")
        self.cards = self._counter("cds_cards_total", "Cards issued", "service", "kind")
        self.silences = self._counter("cds_silences_total", "Orders answered with no card", "service")
        self.feedback = self._counter("cds_feedback_total", "Feedback kept", "service", "outcome")
        self.refused = self._counter("cds_feedback_refused_total", "Feedback requests refused", "service", "reason")
        self.offered = self._counter("cds_store_rows_offered_total", "Rows of cards and silences given to the store")
        self.stored = self._counter("cds_store_rows_stored_total", "Rows of cards and silences on disk")
        self.lost = self._counter("cds_store_rows_lost_total", "Rows that never reached the store")

    def register(self, app: Flask) -> None:
        @app.after_request
        def count(response: Response) -> Response:
            # The rule, not the path: paths are many, and one may hold an id.
            route = request.url_rule.rule if request.url_rule else "-"
            self._of(self.requests, route, str(response.status_code)).inc()
            return response

    def answered(self, service: str, answer: Answer, seconds: float) -> None:
        self._of(self.seconds, service).observe(seconds)
        for stage, spent in answer.seconds.items():
            self._of(self.stages, stage).observe(spent)
        for order in answer.orders:
            self._of(self.orders, service, order).inc()
        for determination in answer.determinations:
            self._of(self.determinations, service, determination).inc()
        for why, what in answer.unknown:
            self._of(self.unknown, why, what).inc()
        for resource_type, count in answer.unmapped:
            self._of(self.unmapped, resource_type).inc(count)
        for item in answer.issued:
            if isinstance(item, IssuedCard):
                self._of(self.cards, service, item.kind).inc()
            else:
                self._of(self.silences, service).inc()

    def counting_fetches(self, desk: Desk) -> Desk:
        """The same desk; every query of its chart reader is counted."""
        if not isinstance(desk.read_chart, ChartReader):
            return desk
        return replace(desk, read_chart=replace(desk.read_chart, seen=self._fetched))

    def _fetched(self, answer: Fetched) -> None:
        outcome = answer.failure.reason if answer.failure else "ok"
        self.fetches.labels(answer.resource_type, outcome).inc()

    def watch(self, store: Store) -> None:
        """Counts what becomes of rows; shows what waits, unless several processes share one scrape.

        Then what waits is offered minus stored minus lost; what died with a killed worker stays in that difference.
        """
        writer = store.writer
        writer.on_offer, writer.on_store, writer.on_loss = self.offered.inc, self.stored.inc, self.lost.inc
        if not worker_slot.shared():
            waiting = Gauge("cds_store_backlog", "Jobs waiting for the store", registry=self.registry)
            waiting.set_function(lambda: writer.backlog)

    @property
    def rows_lost(self) -> int:
        """Of all workers that share these metrics."""
        return int(self._everyone().get_sample_value("cds_store_rows_lost_total") or 0)

    def text(self) -> bytes:
        return generate_latest(self._everyone())

    def _everyone(self) -> CollectorRegistry:
        if not worker_slot.shared():
            return self.registry
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return everyone

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, label: str) -> Histogram:
        return Histogram(name, about, [label], buckets=SECONDS, registry=self.registry)
