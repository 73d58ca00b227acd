"""Which search parameters the embedded FHIR server knows, and where in a resource each one looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a kind of search parameter
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`paths` are element names joined with dots; lists on the way are walked through."""

    name: str
    kind: Kind
    paths: tuple[str, ...]


def _parameters(kind: Kind, **paths: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name.replace("_", "-"), kind, tuple(places.split())) for name, places in paths.items())


def _of_patient(*own: tuple[Parameter, ...], subject: str = "subject") -> Mapping[str, Parameter]:
    """Parameters of a type that belongs to a patient through the element `subject`."""
    owner = _parameters(Kind.REFERENCE, patient=subject)
    if subject == "subject":
        owner += _parameters(Kind.REFERENCE, subject=subject)
    return {parameter.name: parameter for group in (owner, *own) for parameter in group}


def _free(*own: tuple[Parameter, ...]) -> Mapping[str, Parameter]:
    return {parameter.name: parameter for group in own for parameter in group}


_TOKEN, _REFERENCE, _DATE, _STRING = Kind.TOKEN, Kind.REFERENCE, Kind.DATE, Kind.STRING

_CODED: Final = _parameters(_TOKEN, code="code", category="category", status="status", identifier="identifier")
_EFFECTIVE: Final = _parameters(_DATE, date="effectiveDateTime effectivePeriod effectiveInstant")
_ENCOUNTER: Final = _parameters(_REFERENCE, encounter="encounter")
_NAMED: Final = _parameters(_STRING, name="name", family="name.family", given="name.given")
_MEDICATION: Final = _parameters(_TOKEN, code="medicationCodeableConcept", status="status", category="category")

# The types the server reads, searches and writes. Another type is answered with 404.
BY_TYPE: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "Patient": _free(
        _NAMED,
        _parameters(_TOKEN, identifier="identifier", gender="gender", active="active"),
        _parameters(_DATE, birthdate="birthDate"),
    ),
    "Practitioner": _free(_NAMED, _parameters(_TOKEN, identifier="identifier", active="active")),
    "PractitionerRole": _free(
        _parameters(_REFERENCE, practitioner="practitioner", organization="organization"),
        _parameters(_TOKEN, specialty="specialty", role="code"),
    ),
    "Organization": _free(_parameters(_STRING, name="name"), _parameters(_TOKEN, identifier="identifier")),
    "Condition": _of_patient(
        _parameters(
            _TOKEN,
            code="code",
            category="category",
            clinical_status="clinicalStatus",
            verification_status="verificationStatus",
            body_site="bodySite",
        ),
        _parameters(_DATE, onset_date="onsetDateTime onsetPeriod", recorded_date="recordedDate"),
        _ENCOUNTER,
    ),
    "Observation": _of_patient(_CODED, _EFFECTIVE, _ENCOUNTER),
    "DiagnosticReport": _of_patient(
        _CODED, _EFFECTIVE, _parameters(_DATE, issued="issued"), _parameters(_REFERENCE, based_on="basedOn"), _ENCOUNTER
    ),
    "Procedure": _of_patient(_CODED, _parameters(_DATE, date="performedDateTime performedPeriod"), _ENCOUNTER),
    "ImagingStudy": _of_patient(
        _parameters(_TOKEN, status="status", modality="modality series.modality", bodysite="series.bodySite"),
        _parameters(_DATE, started="started"),
    ),
    "Encounter": _of_patient(
        _parameters(_TOKEN, status="status", type="type", reason_code="reasonCode"),
        (Parameter("class", _TOKEN, ("class",)),),
        _parameters(_DATE, date="period"),
    ),
    "MedicationRequest": _of_patient(
        _MEDICATION, _parameters(_TOKEN, intent="intent"), _parameters(_DATE, authoredon="authoredOn"), _ENCOUNTER
    ),
    "MedicationStatement": _of_patient(_MEDICATION, _parameters(_DATE, effective="effectiveDateTime effectivePeriod")),
    "MedicationAdministration": _of_patient(
        _MEDICATION, _parameters(_DATE, effective_time="effectiveDateTime effectivePeriod")
    ),
    "MedicationDispense": _of_patient(_MEDICATION, _parameters(_DATE, whenhandedover="whenHandedOver")),
    "ServiceRequest": _of_patient(
        _CODED,
        _parameters(_TOKEN, intent="intent", priority="priority"),
        _parameters(_DATE, authored="authoredOn", occurrence="occurrenceDateTime occurrencePeriod"),
        _parameters(_REFERENCE, requester="requester"),
        _ENCOUNTER,
    ),
    "DeviceRequest": _of_patient(_parameters(_TOKEN, status="status", intent="intent")),
    "QuestionnaireResponse": _of_patient(
        _parameters(_TOKEN, status="status"),
        _parameters(_DATE, authored="authored"),
        _parameters(Kind.URI, questionnaire="questionnaire"),
        _ENCOUNTER,
    ),
    "Questionnaire": _free(_parameters(Kind.URI, url="url"), _parameters(_TOKEN, status="status")),
    "Device": _of_patient(_parameters(_TOKEN, status="status", type="type"), subject="patient"),
    "DeviceUseStatement": _of_patient(_parameters(_REFERENCE, device="device")),
    "AllergyIntolerance": _of_patient(
        _parameters(_TOKEN, code="code", clinical_status="clinicalStatus"), subject="patient"
    ),
    "Communication": _of_patient(
        _parameters(_TOKEN, status="status", category="category"), _parameters(_DATE, sent="sent", received="received")
    ),
    "CarePlan": _of_patient(
        _parameters(_TOKEN, status="status", category="category"), _parameters(_DATE, date="period")
    ),
    "Goal": _of_patient(_parameters(_TOKEN, lifecycle_status="lifecycleStatus")),
    "Coverage": _of_patient(_parameters(_TOKEN, status="status", type="type"), subject="beneficiary"),
    "DocumentReference": _of_patient(_CODED, _parameters(_TOKEN, type="type"), _parameters(_DATE, date="date")),
    "Flag": _of_patient(_CODED),
    "Appointment": _of_patient(
        _parameters(_TOKEN, status="status"), _parameters(_DATE, date="start"), subject="participant.actor"
    ),
    "Task": _of_patient(_parameters(_TOKEN, status="status", code="code"), subject="for"),
}
