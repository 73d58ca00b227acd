"""Which resources count as evidence, going by their status."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cds_service.fhir.codes import code_values
from cds_service.fhir.elements import Resource

_COURSE: Final = frozenset({"active", "completed", "stopped", "on-hold"})
_GIVEN: Final = frozenset({"completed", "in-progress"})
_USED: Final[dict[str, frozenset[str]]] = {
    "Observation": frozenset({"final", "amended", "corrected"}),
    "DiagnosticReport": frozenset({"final", "amended", "corrected", "appended"}),
    "Procedure": _GIVEN,
    "ImagingStudy": frozenset({"available"}),
    "Encounter": frozenset({"finished", "in-progress", "arrived", "triaged", "onleave"}),
    "MedicationRequest": _COURSE,
    "MedicationStatement": _COURSE,
    "MedicationAdministration": _GIVEN,
    "MedicationDispense": _GIVEN,
    "ServiceRequest": frozenset({"active", "completed"}),
    "Device": frozenset({"active"}),
    "DeviceUseStatement": frozenset({"active"}),
    "QuestionnaireResponse": frozenset({"completed", "amended"}),
}
_ORDERED: Final = frozenset({"order", "original-order", "filler-order", "instance-order", "reflex-order"})
_VITAL_OR_LAB: Final = frozenset({"laboratory", "vital-signs"})
_CURRENT: Final = frozenset({"active", "recurrence", "relapse"})
_NEGATED: Final = {"Procedure": "not-done", "MedicationStatement": "not-taken", "MedicationAdministration": "not-done"}


class Verification(StrEnum):
    """How sure the chart is of a Condition or allergy."""

    CONFIRMED = "confirmed"  # or not stated
    SUSPECTED = "suspected"  # unconfirmed, provisional, differential, or a word we do not know
    REFUTED = "refuted"
    ENTERED_IN_ERROR = "entered-in-error"


def verification(resource: Resource) -> Verification:
    """From `verificationStatus`. Where several codings differ, the one that denies most counts."""
    codes = set(code_values(resource.get("verificationStatus")))
    if "entered-in-error" in codes:
        return Verification.ENTERED_IN_ERROR
    if "refuted" in codes:
        return Verification.REFUTED
    return Verification.SUSPECTED if codes - {"confirmed"} else Verification.CONFIRMED


def in_error(resource: Resource) -> bool:
    """Whether the resource says of itself that it should never have been written."""
    if resource.get("status") == "entered-in-error":
        return True
    stated = resource.get("verificationStatus")
    return stated is not None and "entered-in-error" in code_values(stated)


def usable(resource: Resource, *, urgent: bool = False) -> bool:
    """Whether the resource counts as evidence that what it states is so, now or in the past.

    A status that is absent does not exclude: nothing is then said against the resource. `urgent` admits preliminary
    reports. For a Condition this is verification only; see `current`.
    """
    kind = resource.get("resourceType")
    if kind == "Condition":
        return verification(resource) is Verification.CONFIRMED
    if kind == "AllergyIntolerance":
        return verification(resource) in (Verification.CONFIRMED, Verification.SUSPECTED) and current(resource)
    if resource.get("doNotPerform") is True:
        return False
    status = resource.get("status")
    used = _USED.get(kind) if isinstance(kind, str) else None
    if kind == "MedicationRequest" and not _really_ordered(resource):
        return False
    if status is None:
        return True
    if not isinstance(status, str):
        return False
    if status == "preliminary":
        return _preliminary_counts(resource, urgent)
    return status != "entered-in-error" if used is None else status in used


def _really_ordered(medication: Resource) -> bool:
    intent = medication.get("intent")
    if intent is None:
        return True
    if intent == "plan":
        return medication.get("reportedBoolean") is True or isinstance(medication.get("reportedReference"), dict)
    return isinstance(intent, str) and intent in _ORDERED


def _preliminary_counts(resource: Resource, urgent: bool) -> bool:
    if resource.get("resourceType") == "Observation":
        return not _VITAL_OR_LAB.isdisjoint(code_values(resource.get("category")))
    return urgent and resource.get("resourceType") == "DiagnosticReport"


def preliminary(resource: Resource) -> bool:
    return resource.get("status") == "preliminary"


def suspected(resource: Resource) -> bool:
    """A Condition that is only considered: evidence for `suspected...` facts and red flags, not for the disease."""
    return verification(resource) is Verification.SUSPECTED


def current(resource: Resource) -> bool:
    """Whether a Condition or allergy is present now: clinicalStatus active, recurrence, relapse, or not stated.

    Without a clinicalStatus, a stated end says that it is over.
    """
    codes = set(code_values(resource.get("clinicalStatus")))
    if codes:
        return not codes.isdisjoint(_CURRENT)
    ended = ("abatementDateTime", "abatementPeriod", "abatementAge", "abatementRange", "abatementString")
    return not any(resource.get(element) for element in ended)


def negates(resource: Resource) -> bool:
    """Whether the resource is evidence against what its code names: refuted, not done, not taken."""
    kind = resource.get("resourceType")
    if kind in ("Condition", "AllergyIntolerance"):
        return verification(resource) is Verification.REFUTED
    return isinstance(kind, str) and kind in _NEGATED and resource.get("status") == _NEGATED[kind]
