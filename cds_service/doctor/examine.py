"""Replays a captured hook request, and writes down everything that came between the chart and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from cds_service.core.determination import Review
from cds_service.core.errors import RequestError
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Why
from cds_service.core.order import ImagingOrder, NotRecognised, Recognition
from cds_service.doctor.chart import codes_not_understood, dropped, used
from cds_service.doctor.findings import Fetched, Findings, Key, Open, Order, Role, State, reference_shown
from cds_service.facts.registry import ANSWERS, reads_of
from cds_service.facts.settings import Settings
from cds_service.fhir.bundle import Answer
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines
from cds_service.hooks.chart_keys import ChartKey
from cds_service.hooks.prefetch import ChartReader, read_key
from cds_service.hooks.request import HookRequest
from cds_service.review import Consultation, consider, resource_types, review_order, understand

_NO_SERVER = "the request gives no FHIR server that may be used (none, an expired token, or a token of another kind)"
_NOT_ADMITTED = "the FHIR server of the request is not on the list of servers that may be read from"
_NOT_NEEDED = "the FHIR server of the request was not needed"
_READ = "the FHIR server of the request was read from"
_BOUNDS = "what is on record only gives bounds"
_SILENT = "the FHIR server of the request answered nothing"


def examine(
    asked: HookRequest, reader: ChartReader, guidelines: Guidelines, today: date, settings: Settings
) -> Findings:
    """What the request gave and what it did not. Reads from the FHIR server as the service itself would."""
    fetched: list[Answer] = []
    unread = PatientRecord.build(asked.patient_id, (), encounter_id=asked.encounter_id)
    consultation = Consultation(asked.hook, asked.drafts, frozenset(asked.in_scope), unread, today, settings)
    needed = resource_types(consultation, guidelines)
    sent = {row: read_key(asked.prefetch, row) for row in reader.offered}
    problem = None
    if needed:
        try:
            record = replace(reader, seen=fetched.append)(asked, needed)
            consultation = replace(consultation, record=record)
        except RequestError as fault:
            problem = fault.problem
    else:
        problem = "no order in scope is a spine imaging study that we review, so no chart is read"
    keys = tuple(_keys(asked, sent, fetched))
    orders = () if problem and needed else tuple(_orders(consultation, guidelines))
    found = Findings(
        hook=asked.hook,
        server=_server(asked, reader, fetched),
        keys=keys,
        unknown_keys=len(set(asked.prefetch) - {row.key for row in reader.offered}),
        fetched=tuple(_rarer(reader.offered, fetched)),
        not_asked=() if fetched else tuple(sorted(needed - {row.resource_type for row in reader.offered})),
        orders=orders,
        problem=problem,
        **_of_resources(asked, consultation.record, sent, fetched, guidelines),
    )
    return replace(found, needed=tuple(dict.fromkeys(_needed(found))))


def _of_resources(
    asked: HookRequest,
    record: PatientRecord,
    sent: Mapping[ChartKey, Answer | None],
    fetched: Sequence[Answer],
    guidelines: Guidelines,
) -> dict[str, Any]:
    answers = (*(answer for answer in sent.values() if answer is not None), *fetched)
    arrived = [resource for answer in answers for resource in answer.resources]
    kept = [*used(arrived, record), *asked.drafts]
    unmapped, uncoded = codes_not_understood(kept, record, guidelines)
    return {"dropped": tuple(dropped(arrived, record)), "unmapped": unmapped, "uncoded": uncoded}


# -- keys ------------------------------------------------------------------------------------------------------------


def _keys(asked: HookRequest, sent: Mapping[ChartKey, Answer | None], fetched: Sequence[Answer]) -> Iterator[Key]:
    by_type = {answer.resource_type: answer for answer in fetched}
    for row, answer in sent.items():
        state, reason = _state(asked, row, answer)
        then = by_type.get(row.resource_type) if state in (State.ABSENT, State.TRUNCATED) else None
        failed = then.failure.reason if then is not None and then.failure else None
        whole = state not in (State.FAILED, State.ABSENT, State.TRUNCATED)
        yield Key(
            key=row.key,
            resource_type=row.resource_type,
            state=state,
            count=len(answer.resources) if answer else 0,
            reason=reason,
            fetched=len(then.resources) if then is not None else None,
            fetch_failed=failed,
            settled=whole or (then is not None and failed is None),
        )


def _state(asked: HookRequest, row: ChartKey, answer: Answer | None) -> tuple[State, str | None]:
    if answer is None:
        return State.ABSENT, None
    if asked.prefetch[row.key] is None:
        return State.NULL, None
    if answer.failure is not None:
        return State.FAILED, answer.failure.reason
    if answer.complete.failure is not None:
        return State.TRUNCATED, None
    return (State.FILLED if answer.resources else State.EMPTY), None


def _rarer(offered: Sequence[ChartKey], fetched: Sequence[Answer]) -> Iterator[Fetched]:
    keyed = {row.resource_type for row in offered}
    for answer in fetched:
        if answer.resource_type not in keyed:
            failure = answer.failure.reason if answer.failure else None
            yield Fetched(answer.resource_type, len(answer.resources), failure)


def _server(asked: HookRequest, reader: ChartReader, fetched: Sequence[Answer]) -> str:
    if asked.fhir is None:
        return _NO_SERVER
    if not reader.servers.allows(asked.fhir.base_url):
        return _NOT_ADMITTED
    if not fetched:
        return _NOT_NEEDED
    return _SILENT if all(answer.failure and not answer.resources for answer in fetched) else _READ


# -- orders ----------------------------------------------------------------------------------------------------------


def _orders(consultation: Consultation, guidelines: Guidelines) -> Iterator[Order]:
    understood = [understand(draft, consultation, guidelines) for draft in consultation.drafts]
    orders = tuple(order for order in understood if isinstance(order, ImagingOrder))
    for order in understood:
        if order.reference in consultation.in_scope:
            yield _order(order, orders, consultation, guidelines)


def _order(
    order: Recognition, orders: tuple[ImagingOrder, ...], consultation: Consultation, guidelines: Guidelines
) -> Order:
    name = reference_shown(order.reference)
    if not isinstance(order, ImagingOrder):
        kind = "not_recognised" if isinstance(order, NotRecognised) else "left_alone"
        return Order(name, kind, because=order.because)
    found = review_order(order, orders, consultation, guidelines)
    if not isinstance(found, Review):
        return Order(name, "left_alone", because=found.because, study=order.study.id)
    others = tuple(other for other in orders if other is not order)
    considered, read = consider(order, others, consultation, guidelines)
    considered.review()
    # "indication" is asked for like a fact and is none: it stands for any reason to image at all. A number that is
    # asked for may be known within bounds only.
    wanted = {ref: read.facts.get(ref, NOT_DOCUMENTED) for ref in (*found.asks_for, *found.unless)}
    facts = wanted | {ref: fact for ref, fact in read.facts.items() if not fact.known}
    opened = sorted(
        (_open(ref, fact, found) for ref, fact in facts.items()),
        key=lambda each: (list(Role).index(each.role), each.why, each.ref),
    )
    worth = tuple(each for each in opened if each.role is not Role.READ or each.note or each.why != Why.NOT_DOCUMENTED)
    return Order(
        name,
        "reviewed",
        study=order.study.id,
        recognised_by=order.recognised_by,
        determination=found.determination.value,
        known=sum(fact.known for fact in read.facts.values()),
        silent=len(opened) - len(worth),
        open=worth,
    )


def _open(ref: str, fact: Fact, found: Review) -> Open:
    role = Role.ASKED if ref in found.asks_for else Role.WOULD_CHANGE if ref in found.unless else Role.READ
    return Open(
        ref=ref,
        why=str(fact.why or Why.NOT_DOCUMENTED),
        role=role,
        note=fact.note or (_BOUNDS if fact.known else None),
        sources=tuple(dict.fromkeys(reference_shown(source.reference) for source in fact.sources)),
        read_from=tuple(kind for kind in reads_of(ref.partition("(")[0]) if kind not in ANSWERS),
    )


# -- what would help -------------------------------------------------------------------------------------------------


def _needed(found: Findings) -> Iterator[str]:
    for key in found.keys:
        if key.settled:
            continue
        match key.state:
            case State.ABSENT:
                yield f"{key.key}: send it, or give a FHIR server from which {key.resource_type} can be read"
            case State.TRUNCATED:
                yield f"{key.key}: send all pages, or give a FHIR server from which the rest can be read"
            case _:
                yield f"{key.key}: the client's own search failed; mend it, or leave the key out to have it read"
    for rare in found.fetched:
        if rare.failed:
            yield f"{rare.resource_type}: allow reading it ({rare.failed})"
    for order in found.orders:
        if order.understood == "not_recognised":
            yield f"{order.reference}: code the order in CPT, LOINC or SNOMED CT"
        for each in order.open:
            if each.role is Role.ASKED and each.why == Why.NOT_DOCUMENTED:
                yield f"{each.ref}: record it, or answer it under this linkId or fact code"
            elif each.why == Why.UNREADABLE:
                named = ", ".join(each.sources) or "the chart"
                yield f"{each.ref}: correct {named}" + (f" ({each.note})" if each.note else "")
    if found.unmapped:
        yield "unmapped codes: send a known coding beside the local one (`cds-service codes` tells which are known)"
