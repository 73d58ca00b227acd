"""Who pays for an order: the identifiers of the payors of its coverage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from cds_service.fhir.dates import period
from cds_service.fhir.elements import Resource, mappings, reference, text
from cds_service.fhir.record import PatientRecord, names_patient

COVERAGE: Final = "Coverage"
# Coverage.order says who pays first; one that does not say comes after those that do.
_LAST: Final = 1_000_000


def payers_of(order: Resource, record: PatientRecord, day: date) -> tuple[tuple[str, str], ...] | None:
    """(system, value) of whoever pays for a draft ServiceRequest, the first payer first; empty when nobody is known to.

    Read from the coverage that the order names (`insurance`), else from what covers the patient on this day. None when
    the coverage could not be read, or the order names one that is not in the record.
    """
    named = [found for found in map(reference, mappings(order.get("insurance"))) if found]
    resolved = [found for pointer in named if (found := record.resolve(pointer, order)) is not None]
    coverages = [found for found in resolved if names_patient(found.get("beneficiary"), record.patient_id)]
    if not named:
        coverages = sorted((held for held in record.all(COVERAGE) if _covers(held, day)), key=_rank)
    payers = dict.fromkeys(payer for found in coverages for payer in _payors(found, record))
    unread = len(resolved) < len(named) or bool(record.failures((COVERAGE,)))
    return None if unread and not payers else tuple(payers)


def _covers(coverage: Resource, day: date) -> bool:
    first, last = period(coverage.get("period"))
    begun = first is None or first.first <= day
    return coverage.get("status") == "active" and begun and (last is None or day <= last.last)


def _rank(coverage: Resource) -> int:
    order = coverage.get("order")
    return order if isinstance(order, int) and not isinstance(order, bool) else _LAST


def _payors(found: Resource, record: PatientRecord) -> Iterator[tuple[str, str]]:
    """Of a Coverage its payors, of a ClaimResponse the insurer, as identified by the reference or the Organization."""
    for payor in mappings(found.get("payor") or found.get("insurer")):
        organization = record.resolve(reference(payor) or "", found) or {}
        for identifier in (*mappings(payor.get("identifier")), *mappings(organization.get("identifier"))):
            system, value = text(identifier.get("system")), text(identifier.get("value"))
            if system and value:
                yield system, value
