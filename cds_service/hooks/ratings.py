"""Appropriateness ratings: the order comes back as a system action, unchanged but for the rating (Argonaut PAMA guide).

A client has to have agreed to this (`Profile.ratings`), for it applies what we send without asking the clinician. An
order that cannot be rated on what is on record is not among the actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from cds_service.card_builder.suggestions import PAMA_RATING, PAMA_SYSTEM, is_valid, prune
from cds_service.core.determination import Determination, Review

CONSULTED: Final = f"{PAMA_RATING}-qcdsm-consulted"
CONSULT_ID: Final = f"{PAMA_RATING}-consult-id"

# The programme asks which qualified mechanism was consulted. None was, and saying less would be read as one.
NO_MECHANISM: Final = "none: this review is not a qualified clinical decision support mechanism"

_OWN: Final = (PAMA_RATING, CONSULTED, CONSULT_ID)

_CODES: Final = {
    Determination.SUPPORTED: "appropriate",
    Determination.NOT_SUPPORTED: "not-appropriate",
    Determination.GOVERNED_ELSEWHERE: "no-criteria-apply",
    Determination.NO_GUIDELINE: "no-criteria-apply",
}

# The programme speaks of CT, MRI and nuclear medicine; these of our advanced studies are none of them.
_OUTSIDE: Final = frozenset({"XA", "3D"})


def rate(outcomes: Iterable[object], consult_id: str) -> list[dict[str, Any]]:
    """One `update` for each order that can be rated. `consult_id` is the uuid of this consultation."""
    return list(_rated(outcomes, consult_id))


def rating_of(review: Review) -> str | None:
    """The rating's code; None when information is insufficient or the programme does not speak of the study."""
    study = review.order.study
    if not study.advanced or study.modality in _OUTSIDE:
        return None
    if review.not_read and review.determination is not Determination.SUPPORTED:
        return None
    return _CODES.get(review.determination)


def _rated(outcomes: Iterable[object], consult_id: str) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        code = rating_of(outcome) if isinstance(outcome, Review) else None
        if code is None or not isinstance(outcome, Review):
            continue
        action = {
            "type": "update",
            "description": f"Record the review of {outcome.order.study.label} on its order: {code}",
            "resource": _annotated(outcome.order.resource, code, consult_id),
        }
        if is_valid(action):  # a draft that is no valid FHIR as sent cannot come back as a valid one
            yield action


def _annotated(draft: dict[str, Any], code: str, consult_id: str) -> dict[str, Any]:
    """The draft as sent without its empties, with this consultation's rating in place of any earlier one."""
    resource: dict[str, Any] = prune(draft)
    given = resource.get("extension")
    others = [item for item in given if not _is_own(item)] if isinstance(given, list) else []
    rating = {"coding": [{"system": PAMA_SYSTEM, "code": code}]}
    own = [
        {"url": PAMA_RATING, "valueCodeableConcept": rating},
        {"url": CONSULTED, "valueString": NO_MECHANISM},
        {"url": CONSULT_ID, "valueUri": f"urn:uuid:{consult_id}"},
    ]
    return {**resource, "extension": [*others, *own]}


def _is_own(extension: object) -> bool:
    return isinstance(extension, dict) and extension.get("url") in _OWN
