"""One patient of an export: the resources make a record, and every order in scope gets the review a hook would get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from cds_service.core.determination import Review
from cds_service.core.order import LeftAlone
from cds_service.facts.settings import Settings
from cds_service.fhir.elements import identity
from cds_service.fhir.record import Failure, PatientRecord
from cds_service.guidelines.load import Guidelines
from cds_service.hooks.chart_keys import TABLE
from cds_service.hooks.request_schema import ORDER_SIGN
from cds_service.hooks.response import review_json
from cds_service.review import Consultation, review

Resource = dict[str, Any]

_POINTER: Final = re.compile(r"(?:^|/)((?:Medication|PractitionerRole|Organization)/[A-Za-z0-9._~-]{1,512})$")


@dataclass(frozen=True, slots=True)
class Options:
    """`statuses` say which ServiceRequests are reviewed. `today` counts for orders without a date.

    `complete` trusts the export: a type without a file has no resources. Otherwise nobody looked for it.
    """

    today: date
    statuses: frozenset[str] = frozenset({"draft"})
    complete: bool = False
    settings: Settings = field(default_factory=Settings)


def missing_types(exported: Iterable[str]) -> tuple[Failure, ...]:
    """What a hook would have asked for and the export has no file of."""
    there = set(exported)
    return tuple(Failure(row.resource_type, "not asked") for row in TABLE if row.resource_type not in there)


def review_patient(
    ident: str,
    resources: Iterable[Resource],
    shared: Mapping[str, Resource],
    failures: tuple[Failure, ...],
    guidelines: Guidelines,
    options: Options,
) -> Iterator[dict[str, Any]]:
    """One line for each order that is ours. `shared` are resources without a patient, by "Type/id"."""
    own = list(resources)
    orders = tuple(r for r in own if r["resourceType"] == "ServiceRequest" and r.get("status") in options.statuses)
    if not orders:
        return
    if not any(r["resourceType"] == "Patient" for r in own):
        yield {"patient": ident, "problem": "the export holds no Patient of this id"}
        return
    pointed_at = (shared[name] for name in dict.fromkeys(_pointers(own)) if name in shared)
    record = PatientRecord.build(ident, [*own, *pointed_at], failures)
    scope = frozenset(identity(order) for order in orders)
    consultation = Consultation(ORDER_SIGN, orders, scope, record, options.today, options.settings)
    for outcome in review(consultation, guidelines):
        if isinstance(outcome, Review):
            yield {"patient": ident, **review_json(outcome)}
        elif not isinstance(outcome, LeftAlone):
            yield {"patient": ident, "order": outcome.reference, "not_recognised": outcome.because}


def _pointers(value: object) -> Iterator[str]:
    """ "Type/id" of every reference to a shared type, at any depth."""
    pending: list[object] = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, dict):
            named = found.get("reference")
            if isinstance(named, str) and (pointer := _POINTER.search(named)):
                yield pointer[1]
            pending.extend(found.values())
        elif isinstance(found, list):
            pending.extend(found)
