"""Feedback on cards: what clinicians did with them. Unknown cards, repeats and extra members are normal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from jsonschema import Draft202012Validator

from cds_service.core.errors import RequestError
from cds_service.hooks.decode import decode
from cds_service.hooks.request_schema import UUID, bad_request
from cds_service.store.rows import Feedback

ACCEPTED: Final = "accepted"
OVERRIDDEN: Final = "overridden"

_TIMESTAMP: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
_A_TIME: Final = "a time such as 2026-11-20T17:40:19Z"
_SHORT: Final[dict[str, Any]] = {"type": ["string", "null"], "maxLength": 2000}
_REASON: Final[dict[str, Any]] = {"type": ["object", "null"], "properties": {"code": _SHORT, "system": _SHORT}}

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["feedback"],
    "properties": {
        "feedback": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["card", "outcome", "outcomeTimestamp"],
                "properties": {
                    "card": {"type": "string", "pattern": UUID, "description": "a UUID"},
                    "outcome": {"enum": [ACCEPTED, OVERRIDDEN]},
                    "outcomeTimestamp": {
                        "type": "string",
                        "pattern": _TIMESTAMP,
                        "description": _A_TIME,
                    },
                    "acceptedSuggestions": {
                        "type": ["array", "null"],
                        "maxItems": 1000,
                        "items": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 200}},
                        },
                    },
                    "overrideReason": {
                        **_REASON,
                        "properties": {
                            **_REASON["properties"],
                            "reason": _REASON,
                            "userComment": {"type": ["string", "null"], "maxLength": 20_000},
                        },
                    },
                },
            },
        }
    },
}


# Made when a server starts, for the library takes a tenth of a second to import. No command but those that serve
# imports this module.
_VALIDATOR: Final = Draft202012Validator(_SCHEMA)


def read_feedback(body: bytes) -> tuple[Feedback, ...]:
    """Raises RequestError 400 for what is not feedback, an accepted card without a suggestion, or an empty reason."""
    sent = decode(body)
    problem = min(_VALIDATOR.iter_errors(sent), key=lambda error: len(error.absolute_path), default=None)
    if problem is not None:
        raise bad_request(problem)
    return tuple(_read(item, position) for position, item in enumerate(sent["feedback"]))


def _read(item: Mapping[str, Any], position: int) -> Feedback:
    if not _exists(item["outcomeTimestamp"]):
        where = f"feedback[{position}].outcomeTimestamp"
        raise RequestError(400, "value", f"{where} must be {_A_TIME}", where)
    suggestions = tuple(suggestion["id"] for suggestion in item.get("acceptedSuggestions") or ())
    if item["outcome"] == ACCEPTED and not suggestions:
        where = f"feedback[{position}].acceptedSuggestions"
        raise RequestError(400, "required", f"{where} is required when the outcome is 'accepted'", where)
    override = item.get("overrideReason") or {}
    # Until 2020 the coding stood in overrideReason itself; clients of that age are still in use.
    reason = override.get("reason") or override
    if item.get("overrideReason") is not None and not (reason.get("code") or override.get("userComment")):
        where = f"feedback[{position}].overrideReason"
        raise RequestError(400, "required", f"{where} needs a reason with a code, or a userComment", where)
    return Feedback(
        card=item["card"].lower(),
        outcome=item["outcome"],
        at=item["outcomeTimestamp"],
        accepted_suggestions=suggestions,
        reason_code=reason.get("code"),
        reason_system=reason.get("system"),
        comment=override.get("userComment"),
    )


def _exists(timestamp: str) -> bool:
    """Whether there is such a day and time. A leap second is one, though our library has none."""
    try:
        datetime.fromisoformat(re.sub(r"(T..:..):60", r"\1:59", timestamp))
    except ValueError:
        return False
    return True
