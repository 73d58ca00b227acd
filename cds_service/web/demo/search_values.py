"""Does one resource match one search value? Tokens, references, dates and strings, as the FHIR search page has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

# A half-open span of time: [first, last). A partial date is the whole year, month or day.
Span = tuple[datetime, datetime]

EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)

_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")
_PREFIXED: Final = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)")


def elements(resource: Any, path: str) -> Iterator[Any]:
    """The elements at `path`, through every list on the way."""
    name, _, rest = path.partition(".")
    found = resource.get(name) if isinstance(resource, dict) else None
    for element in found if isinstance(found, list) else [found]:
        if element is None:
            continue
        if rest:
            yield from elements(element, rest)
        else:
            yield element


def split(text: str, separator: str) -> list[str]:
    r"""`text` at each separator that is not escaped with a backslash."""
    return re.split(rf"(?<!\\){re.escape(separator)}", text)


def unescape(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)


def token_matches(element: Any, wanted: str) -> bool:
    """`code`, `system|code`, `|code` (a code without a system) and `system|` (any code of the system)."""
    parts = [unescape(part) for part in split(wanted, "|")]
    for system, code in _tokens(element):
        if len(parts) == 1:
            if code == parts[0]:
                return True
        elif (system or "") == parts[0] and parts[1] in ("", code):
            return True
    return False


def _tokens(element: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of a code, boolean, Coding, CodeableConcept or Identifier."""
    if isinstance(element, bool):
        yield None, "true" if element else "false"
    elif isinstance(element, str):
        yield None, element
    elif isinstance(element, dict):
        codings = element.get("coding")
        for coding in codings if isinstance(codings, list) else [element]:
            code = coding.get("code", coding.get("value")) if isinstance(coding, dict) else None
            if isinstance(code, str):
                yield coding.get("system"), code


def reference_matches(element: Any, wanted: str, only: str | None = None) -> bool:
    """A bare id, `Type/id` or an absolute URL. `only` is the one type that may be meant."""
    reference = element.get("reference") if isinstance(element, dict) else None
    if not isinstance(reference, str):
        return False
    own_type, _, own_id = "/".join(reference.split("/")[-2:]).rpartition("/")
    asked_type, _, asked_id = "/".join(unescape(wanted).split("/")[-2:]).rpartition("/")
    if asked_id != own_id or (only and own_type != only):
        return False
    return asked_type in ("", own_type)


def string_matches(element: Any, wanted: str) -> bool:
    """Starts with, whatever the case. Every text of a HumanName counts."""
    if isinstance(element, dict):
        return any(string_matches(part, wanted) for part in element.values())
    if isinstance(element, list):
        return any(string_matches(part, wanted) for part in element)
    return isinstance(element, str) and element.casefold().startswith(unescape(wanted).casefold())


def read_span(text: str) -> Span | None:
    """A FHIR date, dateTime or instant; None when it is none. Without an offset, UTC."""
    if whole := _DATE.fullmatch(text):
        return _days(*(int(part) if part else None for part in whole.groups()))
    timed = _TIME.fullmatch(text)
    if not timed:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        # Nobody searches for less than a second; a time without seconds is its whole minute.
        return moment, moment + timedelta(seconds=1 if timed[1] else 60)
    except (ValueError, OverflowError):
        return None


def _days(year: int | None, month: int | None, day: int | None) -> Span | None:
    try:
        first = date(year or 0, month or 1, day or 1)
        if day:
            after = first + timedelta(days=1)
        elif month:
            after = date(first.year + month // 12, month % 12 + 1, 1)
        else:
            after = date(first.year + 1, 1, 1)
    except (ValueError, OverflowError):
        return None
    return _midnight(first), _midnight(after)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def span_of(element: Any) -> Span | None:
    """The time of an element: a date text, or a Period whose open ends are open."""
    if isinstance(element, str):
        return read_span(element)
    if not isinstance(element, dict) or not ("start" in element or "end" in element):
        return None
    start = read_span(str(element["start"])) if "start" in element else (EARLIEST, EARLIEST)
    end = read_span(str(element["end"])) if "end" in element else (LATEST, LATEST)
    return (start[0], end[1]) if start and end else None


def read_date(wanted: str) -> tuple[str, Span] | None:
    """Prefix and span of a search value such as `ge2026-09`; None when it is not a date. No prefix means `eq`."""
    shape = _PREFIXED.fullmatch(wanted)
    span = read_span(shape[2]) if shape else None
    return (shape[1] or "eq", span) if shape and span else None


def date_matches(element: Any, prefix: str, asked: Span) -> bool:
    """FHIR R4 search, "Prefixes": the resource's whole span against the span that was asked for."""
    own = span_of(element)
    if own is None:
        return False
    within = asked[0] <= own[0] and own[1] <= asked[1]
    match prefix:
        case "eq":
            return within
        case "ne":
            return not within
        case "gt":
            return own[1] > asked[1]
        case "lt":
            return own[0] < asked[0]
        case "ge":
            return own[1] > asked[1] or within
        case "le":
            return own[0] < asked[0] or within
        case "sa":
            return own[0] >= asked[1]
        case _:
            return own[1] <= asked[0]
