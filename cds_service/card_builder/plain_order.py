"""Orders that are valid FHIR at a glance: known elements in their plain shape, and nothing else.

The models of fhir.resources decide what is valid, and take 0.2 ms for one order. What is accepted here they accept too
(a test holds that), and everything else is shown to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CODE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_URI: Final = re.compile(r"[!-~]{1,200}")  # printable ASCII without blanks
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def is_plain(resource: Mapping[str, Any]) -> bool:
    """Whether a ServiceRequest certainly is valid FHIR."""
    if not resource.keys() >= _REQUIRED:
        return False
    return all(name in _SHAPES and _SHAPES[name](value) for name, value in resource.items())


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_string(value: object) -> bool:
    """Text on one line, without anything that a stricter reader may take offence at."""
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _is_day(value: object) -> bool:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _object(**shapes: Callable[[object], bool]) -> Callable[[object], bool]:
    """An object with at least one of these members, and no other."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, dict)
            and bool(value)
            and all(name in shapes and shapes[name](inner) for name, inner in value.items())
        )

    return fits


def _list(shape: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(shape, value))


_is_coding: Final = _object(system=_matches(_URI), code=_matches(_CODE), display=_is_string)
_is_concept: Final = _object(coding=_list(_is_coding), text=_is_string)
_is_reference: Final = _object(reference=_matches(_URI), display=_is_string)

_REQUIRED: Final = frozenset({"resourceType", "status", "intent", "subject"})
_SHAPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "resourceType": lambda value: value == "ServiceRequest",
    "id": _matches(_ID),
    "status": _matches(_CODE),
    "intent": _matches(_CODE),
    "priority": _matches(_CODE),
    "category": _list(_is_concept),
    "code": _is_concept,
    "bodySite": _list(_is_concept),
    "orderDetail": _list(_is_concept),
    "reasonCode": _list(_is_concept),
    "subject": _is_reference,
    "encounter": _is_reference,
    "requester": _is_reference,
    "performer": _list(_is_reference),
    "insurance": _list(_is_reference),
    "reasonReference": _list(_is_reference),
    "authoredOn": _is_day,
    "occurrenceDateTime": _is_day,
}
