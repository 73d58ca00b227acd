"""What of the resources that arrived could not be used: other patients', mistaken ones, codes that nobody knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from cds_service.doctor.findings import (
    Dropped,
    Uncoded,
    Unmapped,
    code_shown,
    reference_shown,
    status_shown,
    system_shown,
)
from cds_service.fhir.codes import codings
from cds_service.fhir.elements import identity, text
from cds_service.fhir.record import PatientRecord
from cds_service.fhir.status import in_error, negates, suspected, usable
from cds_service.guidelines.load import Guidelines
from cds_service.terminology import is_known

Resource = dict[str, Any]

# Types whose readers have their own idea of which status counts: plans, among others.
_ANY_STATUS: Final = frozenset({"Appointment", "CarePlan", "Communication", "Goal", "Patient", "ServiceRequest"})
# Types without a code of their own, and those whose codes say who somebody is.
_WITHOUT_CODE: Final = frozenset({"Patient", "Practitioner", "PractitionerRole", "QuestionnaireResponse", "Bundle"})
# The element in which a type says what it is about, where it is not `code`.
_CODED_IN: Final = {
    "Appointment": "serviceType",
    "CarePlan": "category",
    "Communication": "topic",
    "Device": "type",
    "Encounter": "type",
    "Goal": "description",
    "ImagingStudy": "procedureCode",
    "MedicationRequest": "medicationCodeableConcept",
    "MedicationStatement": "medicationCodeableConcept",
}
# What is read beside the code that says what a resource is about.
_ALSO_READ: Final[dict[str, tuple[str, ...]]] = {
    "DiagnosticReport": ("conclusionCode",),
    "Encounter": ("reasonCode",),
    "ServiceRequest": ("reasonCode", "bodySite"),
}


def dropped(resources: Iterable[Resource], record: PatientRecord) -> Iterator[Dropped]:
    """The resources that are no evidence, with the reason, each once."""
    foreign = set(record.foreign)
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        why = _why_dropped(resource, foreign)
        name = reference_shown(identity(resource))
        if why and (name, why) not in seen:
            seen.add((name, why))
            yield Dropped(name, why)


def _why_dropped(resource: Resource, foreign: set[str]) -> str | None:
    if identity(resource) in foreign:
        return "another patient"
    if in_error(resource):
        return "entered in error"
    kind = resource.get("resourceType")
    if kind in _ANY_STATUS or usable(resource) or negates(resource):
        return None
    if kind == "Condition":
        return None if suspected(resource) else "its verification status does not count"
    if resource.get("doNotPerform") is True:
        return "it asks for something not to be done"
    status = resource.get("status")
    return f"status {status_shown(status)} does not count" if status is not None else "its intent does not count"


def used(resources: Iterable[Resource], record: PatientRecord) -> Iterator[Resource]:
    """The resources that are evidence, those sent twice once."""
    foreign = set(record.foreign)
    seen: set[str] = set()
    for resource in resources:
        name = identity(resource)
        if _why_dropped(resource, foreign) or ("/" in name and name in seen):
            continue
        seen.add(name)
        yield resource


def codes_not_understood(
    resources: Iterable[Resource], record: PatientRecord, guidelines: Guidelines
) -> tuple[tuple[Unmapped, ...], tuple[Uncoded, ...]]:
    """Codes in concepts of which no coding is known, and concepts that hold no coding at all; the most frequent first.

    A concept with one known coding is understood, whatever else it holds.
    """
    unmapped: Counter[tuple[str, str, str, str]] = Counter()
    uncoded: Counter[tuple[str, str]] = Counter()
    for resource in resources:
        kind = _kind(resource)
        for element, found in _concepts(resource, kind, record):
            if not found:
                uncoded[kind, element] += 1
            elif not any(is_known(coding, guidelines) for coding in found):
                unmapped.update((kind, element, system_shown(s), code_shown(c)) for s, c in dict.fromkeys(found))
    return (
        tuple(Unmapped(*key, count) for key, count in unmapped.most_common()),
        tuple(Uncoded(*key, count) for key, count in uncoded.most_common()),
    )


def _kind(resource: Resource) -> str:
    return reference_shown(text(resource.get("resourceType")) or "Resource")


def _concepts(
    resource: Resource, kind: str, record: PatientRecord
) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """(element, its codings) of what a resource is about, and of what else is read when it is there."""
    if kind not in _WITHOUT_CODE:
        yield _CODED_IN.get(kind, "code"), record.codes(resource)
    for element in _ALSO_READ.get(kind, ()):
        if resource.get(element):
            yield element, tuple(codings(resource[element]))
