"""What each stage of one request costs in process: CPU time, medians over many repetitions.

decode   bytes to HookRequest, with its validation
index    prefetch to PatientRecord, and which resource types are needed
facts    every fact that the judgement reads
judge    the sections in force, with these facts already read
cards    the review as cards
encode   reviews and cards as bytes
whole    all of it in one go, as `hooks.consult.respond` does it
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from benchmarks.corpus import SERVICE, Request
from cds_service.card_builder import Cards, build_cards
from cds_service.config import Settings
from cds_service.core.order import ImagingOrder
from cds_service.facts.sheet import FactSheet
from cds_service.fhir.record import PatientRecord
from cds_service.hooks.consult import Desk, respond
from cds_service.hooks.request import read_request
from cds_service.hooks.response import REVIEWS, render
from cds_service.review import Consultation, chart_for, consider, resource_types, review, understand
from cds_service.web.desk import make_desk

STAGES: Final = ("decode", "index", "facts", "judge", "cards", "encode", "whole")


def quiet_desk() -> Desk:
    """A desk as a worker has it, with the collector set as in a worker."""
    desk = make_desk(Settings())
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    return desk


def cpu(work: Callable[[], object], repetitions: int) -> float:
    """Median CPU milliseconds of one call. The first calls, which fill memories that last, are not counted."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(repetitions):
        started = time.process_time_ns()
        work()
        taken.append(time.process_time_ns() - started)
    return statistics.median(taken) / 1e6


def answer(body: bytes, desk: Desk) -> list[dict[str, Any]]:
    """The reviews of a request."""
    reviews: list[dict[str, Any]] = orjson.loads(respond(read_request(body), SERVICE, desk).body)["extension"][REVIEWS]
    return reviews


def check(request: Request, desk: Desk) -> None:
    """Raises ValueError for an answer that is not the right one."""
    reviews = answer(request.body, desk)
    if reviews[0]["determination"] != request.determination:
        raise ValueError(f"{request.name}: {reviews[0]['determination']}")
    if reviews != answer(request.bare, desk):
        raise ValueError(f"{request.name}: what was added to the chart has changed the review")


def stages(request: Request, desk: Desk, repetitions: int) -> dict[str, float]:
    """CPU milliseconds of each stage. Raises ValueError when the answer is not the right one."""
    check(request, desk)
    return of_each_stage({name: cpu(work, repetitions) for name, work in works(request, desk).items()})


def of_each_stage(taken: dict[str, float]) -> dict[str, float]:
    """Facts and judgement need what comes before them, and are told by the difference."""
    alone = {"facts": taken["facts"] - taken["index"], "judge": taken["judge"] - taken["facts"]}
    return {name: alone.get(name, taken[name]) for name in STAGES}


def works(request: Request, desk: Desk) -> dict[str, Callable[[], object]]:
    """Each stage as something to call. "facts" begins with "index", "judge" with both."""
    asked = read_request(request.body)
    guidelines = desk.guidelines
    unread = PatientRecord.build(asked.patient_id, (), encounter_id=asked.encounter_id)

    def indexed() -> Consultation:
        today = desk.now().date()
        first = Consultation(asked.hook, asked.drafts, frozenset(asked.in_scope), unread, today, desk.fact_settings)
        return replace(first, record=desk.read_chart(asked, resource_types(first, guidelines)))

    consultation = indexed()
    understood = [understand(draft, consultation, guidelines) for draft in consultation.drafts]
    orders = [order for order in understood if isinstance(order, ImagingOrder)]
    to_read: list[tuple[ImagingOrder, tuple[ImagingOrder, ...], list[str]]] = []
    for order in orders:
        others = tuple(other for other in orders if other is not order)
        considered, reader = consider(order, others, consultation, guidelines)
        considered.review()
        to_read.append((order, others, list(reader.facts)))

    def facts() -> None:
        of = indexed()
        for order, others, refs in to_read:
            sheet = FactSheet(chart_for(order, others, of, guidelines), guidelines.vocabulary)
            for ref in refs:
                sheet.read(ref)

    outcomes = review(consultation, guidelines)

    def cards() -> Cards:
        return build_cards(
            outcomes, hook=asked.hook, profile="default", templates=desk.templates, new_uuid=desk.new_uuid
        )

    written = cards()
    return {
        "decode": lambda: read_request(request.body),
        "index": indexed,
        "facts": facts,
        "judge": lambda: review(indexed(), guidelines),
        "cards": cards,
        "encode": lambda: render(outcomes, written.cards),
        "whole": lambda: respond(read_request(request.body), SERVICE, desk),
    }
