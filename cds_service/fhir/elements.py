"""Tolerant access to the elements of a FHIR resource: the wrong type reads as absent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Resource = dict[str, Any]

# Every element that may say when it was, those that are not read as a date among them.
_STATED: Final = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming", "issued", "date")
_STATED_IN: Final[dict[str, tuple[str, ...]]] = {
    "Condition": ("onsetDateTime", "onsetPeriod", "onsetAge", "onsetRange", "onsetString", "recordedDate"),
    "Procedure": ("performedDateTime", "performedPeriod", "performedAge", "performedRange", "performedString"),
}


def mapping(value: object) -> Resource:
    """The JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> Iterator[Resource]:
    """The JSON objects of a list; a single object counts as a list of one."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def text(value: object) -> str | None:
    """The string without surrounding blanks; None when empty or not a string."""
    return (value.strip() or None) if isinstance(value, str) else None


def texts(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else (value,):
        found = text(item)
        if found:
            yield found


def reference(value: object) -> str | None:
    """`reference` of a Reference. A bare string in its place is read as the reference it must be meant to be."""
    return text(value.get("reference") if isinstance(value, dict) else value)


def identity(resource: Resource) -> str:
    """The reference "Type/id", or the type alone for a resource without an id (a draft, say)."""
    kind = text(resource.get("resourceType")) or "Resource"
    own_id = text(resource.get("id"))
    return f"{kind}/{own_id}" if own_id else kind


def states_date(resource: Resource) -> bool:
    """Whether a resource says in an element of its own when it was, readable or not."""
    kind = resource.get("resourceType")
    stated = _STATED_IN.get(kind, _STATED) if isinstance(kind, str) else _STATED
    return any(resource.get(element) not in (None, "", [], {}) for element in stated)
