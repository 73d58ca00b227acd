"""Outcomes and cards -> the bytes of a CDS Hooks response. Members without content are left out, never empty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import orjson

from cds_service.card_builder import Card
from cds_service.core.determination import NONE_YET, Alternative, Evidence, Review
from cds_service.core.fact import Value
from cds_service.core.quantity import Range

AGES: Final = ("age_years", "age_months")
REVIEWS: Final = "org.spine-imaging-cds.reviews"


def render(
    outcomes: Iterable[object],
    cards: Iterable[Card],
    system_actions: Sequence[dict[str, Any]] = (),
    *,
    mirrored: bool = False,
) -> bytes:
    """Every review in the response's extension; in each card's, only the review of its own order.

    `mirrored` repeats the system actions under `extension`, the only place where some older clients look.
    """
    reviews = {outcome.order.reference: review_json(outcome) for outcome in outcomes if isinstance(outcome, Review)}
    response: dict[str, Any] = {"cards": [_with_review(card, reviews) for card in cards]}
    extension: dict[str, Any] = {REVIEWS: list(reviews.values())} if reviews else {}
    if system_actions:
        response["systemActions"] = system_actions
        if mirrored:
            extension["systemActions"] = system_actions
    if extension:
        response["extension"] = extension
    return orjson.dumps(response)


def review_json(review: Review) -> dict[str, Any]:
    """One review as clients read it. Names and shapes are a promise: see `openapi.yaml`."""
    study = {"id": review.order.study.id, "code": review.order.code}
    members = {
        "order": review.order.reference,
        "study": {name: value for name, value in study.items() if value},
        "determination": review.determination.value,
        "sections": list(review.sections),
        "criteria": [{"id": judged.criterion.id, "result": judged.truth.value} for judged in review.judged],
        "asks_for": list(review.asks_for),
        "unless": list(review.unless),
        "steps": [criterion.id for criterion in review.steps],
        "alternatives": [_alternative(alternative) for alternative in review.alternatives],
        "evidence": [_evidence(evidence) for evidence in review.evidence],
        "notes": [criterion.id for criterion in review.notes],
        "guidelines": [{"id": guideline.id, "version": guideline.version} for guideline in review.guidelines],
        "edition_note": review.edition_note,
        "policy": {"id": review.policy.id, "because": review.policy.because.value} if review.policy else None,
        "not_read": list(review.not_read),
        "unreadable": list(review.unreadable),
        "foreign": list(review.foreign),
        "foreign_more": review.foreign_more,
    }
    return {name: value for name, value in members.items() if value}


def _with_review(card: Card, reviews: dict[str, dict[str, Any]]) -> dict[str, Any]:
    review = reviews.get(card.order)
    body: dict[str, Any] = card.body
    if review is None:
        return body
    return {**body, "extension": {**body.get("extension", {}), REVIEWS: [review]}}


def _alternative(alternative: Alternative) -> dict[str, Any]:
    members = {
        "study": alternative.study.id if alternative.study else NONE_YET,
        "code": alternative.code,
        "until": alternative.until.isoformat() if alternative.until else None,
        "because": alternative.because,
    }
    return {name: value for name, value in members.items() if value}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    fact = evidence.fact
    members: dict[str, Any] = {"fact": evidence.ref}
    if fact.value is not None:
        members["value"] = _completed(fact.value) if evidence.ref in AGES else value_json(fact.value)
    if fact.sources:
        members["sources"] = list(dict.fromkeys(source.reference for source in fact.sources))
    return members


def value_json(value: Value) -> Any:
    """A fact's value as clients read it: ranges as objects, dates as text, whole numbers as integers."""
    match value:
        case Range(low, high):
            return {"low": _number(low)} | ({} if high == float("inf") else {"high": _number(high)})
        case bool() | str():
            return value
        case int() | float():
            return _number(value)
        case date():
            return value.isoformat()
        case _:
            return list(value)


def _completed(value: Value) -> Any:
    """An age as people tell it: completed years or months, without the running one."""
    if isinstance(value, Range):
        high = value.high if math.isinf(value.high) else math.floor(value.high)
        return value_json(Range(math.floor(value.low), high))
    return math.floor(value) if isinstance(value, int | float) else value_json(value)


def _number(value: float) -> float | int:
    """Whole numbers without a trailing ".0"."""
    return int(value) if float(value).is_integer() else value
