"""The shape of a hook request, shallow on purpose: a resource of any shape is a data fault, not a bad request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cds_service.core.errors import RequestError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

ORDER_SELECT: Final = "order-select"
ORDER_SIGN: Final = "order-sign"

# No length limit of 64 on ids: some record systems send close to 200 characters. The characters are those that need
# no escaping in a URL path, so that an id can never become a query or another path. The patterns end with "\Z", for
# "$" lets a line break through.
BARE_ID: Final = r"^(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,512}\Z"
UUID: Final = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\Z"
USER: Final = r"^(https?://.+/)?[A-Z][A-Za-z]+/[^/\s]+\Z"

_ID = {"type": "string", "pattern": BARE_ID, "description": "an id without resource type, such as 'p1'"}

_CONTEXT: dict[str, Any] = {
    "type": "object",
    "required": ["userId", "patientId", "draftOrders"],
    "properties": {
        "userId": {"type": "string", "pattern": USER, "description": "a reference such as 'Practitioner/1'"},
        "patientId": _ID,
        "encounterId": {**_ID, "type": ["string", "null"]},
        "draftOrders": {
            "type": "object",
            "properties": {
                "resourceType": {"const": "Bundle"},
                "entry": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"resource": {"type": "object"}}},
                },
            },
        },
    },
}

_SELECT_CONTEXT: dict[str, Any] = {
    **_CONTEXT,
    "required": ["userId", "patientId", "selections", "draftOrders"],
    "properties": {
        **_CONTEXT["properties"],
        "selections": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    },
}


def _request(context: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["hook", "hookInstance", "context"],
        "properties": {
            "hook": {"type": "string", "minLength": 1},
            "hookInstance": {"type": "string", "pattern": UUID, "description": "a UUID"},
            "context": context,
            "prefetch": {"type": ["object", "null"]},
            "fhirServer": {"type": ["string", "null"]},
            "fhirAuthorization": {
                "type": ["object", "null"],
                "properties": {"access_token": {"type": ["string", "null"]}},
            },
        },
    }


@cache  # building one costs fifty times what using it does, and importing the library as much again
def validator(hook: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_request(_SELECT_CONTEXT if hook == ORDER_SELECT else _CONTEXT))


def check(body: dict[str, Any], hook: str) -> None:
    """Raises RequestError 400 for the first member that is missing or has the wrong shape, outermost first.

    The schema is asked only when the plain look finds fault: it can say which, and takes fifteen times as long.
    """
    if is_plain(body, hook):
        return
    problems: Iterator[ValidationError] = validator(hook).iter_errors(body)
    worst = min(problems, key=lambda problem: len(problem.absolute_path), default=None)
    if worst is not None:
        raise bad_request(worst)


_BARE_ID: Final = re.compile(BARE_ID)
_UUID: Final = re.compile(UUID)
_USER: Final = re.compile(USER)


def is_plain(body: dict[str, Any], hook: str) -> bool:
    """Whether a body certainly fits the schema above, which stays the one that decides."""
    context = body.get("context")
    authorization = body.get("fhirAuthorization")
    return (
        isinstance(context, dict)
        and _fits(_UUID, body.get("hookInstance"))
        and bool(body.get("hook"))
        and isinstance(body["hook"], str)
        and isinstance(body.get("prefetch"), dict | None)
        and isinstance(body.get("fhirServer"), str | None)
        and (authorization is None or _is_access(authorization))
        and _fits(_USER, context.get("userId"))
        and _fits(_BARE_ID, context.get("patientId"))
        and (context.get("encounterId") is None or _fits(_BARE_ID, context["encounterId"]))
        and _are_drafts(context.get("draftOrders"))
        and (hook != ORDER_SELECT or _are_selections(context.get("selections")))
    )


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.search(value) is not None


def _is_access(authorization: object) -> bool:
    return isinstance(authorization, dict) and isinstance(authorization.get("access_token"), str | None)


def _are_drafts(bundle: object) -> bool:
    if not isinstance(bundle, dict) or bundle.get("resourceType", "Bundle") != "Bundle":
        return False
    entries = bundle.get("entry", [])
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("resource", {}), dict) for entry in entries
    )


def _are_selections(selections: object) -> bool:
    return isinstance(selections, list) and bool(selections) and all(isinstance(s, str) and s for s in selections)


def bad_request(problem: ValidationError) -> RequestError:
    """In our own words: the library's message repeats the value, which may be patient data."""
    field = _path(problem)
    rule: Any = problem.validator_value
    sent: Any = problem.instance
    schema: Any = problem.schema
    match problem.validator:
        case "required":
            missing = next(name for name in rule if name not in sent)
            field = f"{field}.{missing}" if field else missing
            return RequestError(400, "required", f"{field} is required", field)
        case "type":
            first = rule if isinstance(rule, str) else rule[0]
            says = f"must be {'an' if first[0] in 'aeiou' else 'a'} {first}"
        case "minItems" | "minLength":
            says = "must not be empty"
        case "const":
            says = f"must be '{rule}'"
        case "enum":
            says = f"must be one of {', '.join(rule)}"
        case _:
            says = f"must be {schema.get('description', 'valid')}"
    return RequestError(400, "structure", f"{field or 'the body'} {says}", field or None)


def _path(problem: ValidationError) -> str:
    """The member in the notation of FHIRPath, such as "context.selections[0]"."""
    path = ""
    for part in problem.absolute_path:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
