"""A FHIR search: query in, searchset Bundle out.

Parameters of different names, and one name repeated, are joined with AND; values separated by commas with OR.
What we do not know is ignored and left out of the self link, as FHIR wants it; under `Prefer: handling=strict` it is
an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from cds_service.web.demo import search_values as values
from cds_service.web.demo.resource_store import OWNERS, Resource, ResourceStore
from cds_service.web.demo.search_parameters import BY_TYPE, Kind, Parameter

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000

_ID: Final = Parameter("_id", Kind.TOKEN, ("id",))

# Our name for the position of the first entry of a page; only our own next links carry it.
_OFFSET: Final = "_offset"

# Known to FHIR and harmless to leave unapplied, even for a strict client: the fixtures have no versions.
_PASSED_OVER: Final = frozenset({"_lastUpdated", "_format", "_pretty", "_total", "_elements", _OFFSET})


class SearchError(Exception):
    """A query that cannot be answered. `code` is a FHIR issue type."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem


@dataclass(slots=True)
class Query:
    """A query as we understood it. `applied` are the pairs for the self link; `sort` and `count` come from them."""

    tests: list[tuple[Parameter, list[str]]] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    sort: list[tuple[Parameter, bool]] = field(default_factory=list)
    count: int = DEFAULT_PAGE
    offset: int = 0
    only_count: bool = False


def read_query(resource_type: str, pairs: Iterable[tuple[str, str]], strict: bool = False) -> Query:
    """Raises SearchError for a value or a modifier that cannot be used, and under `strict` for an unknown parameter."""
    known = {**BY_TYPE[resource_type], "_id": _ID}
    query = Query()
    for name, value in pairs:
        if name in known and value:
            _add_test(query, known[name], value)
        elif name == "_count":
            query.count = min(_whole_number(name, value), LARGEST_PAGE)
        elif name == _OFFSET:
            query.offset = _whole_number(name, value)
        elif name == "_summary" and value == "count":
            query.only_count = True
        elif name == "_sort" and (sort := _read_sort(value, known)):
            query.sort = sort
        elif name.partition(":")[0] in known and ":" in name:
            raise SearchError("not-supported", "a modifier of this query is not supported")
        elif strict and name not in _PASSED_OVER:
            raise SearchError("not-supported", "a parameter of this query is not supported for this resource type")
        else:
            continue
        if name != _OFFSET:
            query.applied.append((name, value))
    query.only_count = query.only_count or query.count == 0
    return query


def run(store: ResourceStore, resource_type: str, query: Query, base: str) -> Resource:
    """The page of a searchset Bundle that `query` asks for. `base` is the server's URL without a trailing slash."""
    found = [resource for resource in _candidates(store, resource_type, query) if _matches(resource, query)]
    for parameter, descending in reversed(query.sort):
        found.sort(key=partial(_sort_key, parameter), reverse=descending)
    url = f"{base}/{resource_type}"
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": _address(url, query.applied)}],
    }
    if query.only_count:
        return bundle
    page = found[query.offset : query.offset + query.count]
    after = query.offset + query.count
    if after < len(found):
        next_page = [*query.applied, (_OFFSET, str(after))]
        bundle["link"].append({"relation": "next", "url": _address(url, next_page)})
    if page:
        bundle["entry"] = [
            {"fullUrl": f"{url}/{resource['id']}", "resource": resource, "search": {"mode": "match"}}
            for resource in page
        ]
    return bundle


def _add_test(query: Query, parameter: Parameter, value: str) -> None:
    alternatives = [part for part in values.split(value, ",") if part]
    if parameter.kind is Kind.DATE and not all(values.read_date(part) for part in alternatives):
        raise SearchError("value", f"{parameter.name} needs a date such as 2026-11-10 or ge2026-11")
    query.tests.append((parameter, alternatives))


def _read_sort(value: str, known: dict[str, Parameter]) -> list[tuple[Parameter, bool]]:
    """The parameters to sort by, each with whether it descends; nothing when one of them is unknown."""
    names = value.split(",")
    if not all(name.lstrip("-") in known for name in names):
        return []
    return [(known[name.lstrip("-")], name.startswith("-")) for name in names]


def _whole_number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise SearchError("value", f"{name} needs a whole number")
    return int(value)


def _candidates(store: ResourceStore, resource_type: str, query: Query) -> tuple[Resource, ...]:
    """The resources worth looking at: those of one patient, when the query names one and the store indexes it."""
    for parameter, alternatives in query.tests:
        if parameter.name == "patient" and parameter.paths[0] in OWNERS and len(alternatives) == 1:
            return store.all(resource_type, alternatives[0].rsplit("/", 1)[-1])
    return store.all(resource_type)


def _matches(resource: Resource, query: Query) -> bool:
    return all(_meets(resource, parameter, alternatives) for parameter, alternatives in query.tests)


def _meets(resource: Resource, parameter: Parameter, alternatives: list[str]) -> bool:
    found = [element for path in parameter.paths for element in values.elements(resource, path)]
    return any(_element_meets(element, parameter, wanted) for element in found for wanted in alternatives)


def _element_meets(element: Any, parameter: Parameter, wanted: str) -> bool:
    match parameter.kind:
        case Kind.TOKEN:
            return values.token_matches(element, wanted)
        case Kind.REFERENCE:
            return values.reference_matches(element, wanted, "Patient" if parameter.name == "patient" else None)
        case Kind.STRING:
            return values.string_matches(element, wanted)
        case Kind.URI:
            return bool(element == values.unescape(wanted))
        case Kind.DATE:
            asked = values.read_date(wanted)
            return asked is not None and values.date_matches(element, *asked)


def _sort_key(parameter: Parameter, resource: Resource) -> tuple[bool, str]:
    """Dates by their beginning, everything else by its text; a resource without the element counts as least."""
    for path in parameter.paths:
        for element in values.elements(resource, path):
            span = values.span_of(element) if parameter.kind is Kind.DATE else None
            return True, span[0].isoformat() if span else str(element)
    return False, ""


def _address(url: str, pairs: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url
