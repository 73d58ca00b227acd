"""Draft orders for the tests, read with the real study catalogue."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import cds_service.guidelines
from cds_service.core.order import ImagingOrder, NotRecognised, Recognition
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.studies import load_studies
from cds_service.orders import read_order

CATALOGUE = load_studies(Path(cds_service.guidelines.__file__).with_name("studies.yaml"))
TODAY = date(2026, 11, 10)
SYSTEMS = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "icd": "http://hl7.org/fhir/sid/icd-10-cm",
    "fact": "urn:spine-imaging-review:fact",
    "value": "urn:spine-imaging-review:fact-value",
    "local": "http://hospital.example/orders",
}
BILLING = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
LUMBAR, THORACIC, SACRUM, PELVIS, SI_JOINT = "122496007", "122495006", "54735007", "118645006", "39723000"


def concept(*codes: str, **elements: Any) -> dict[str, Any]:
    """A CodeableConcept of codings written "system code"."""
    pairs = [code.split() for code in codes]
    return {"coding": [{"system": SYSTEMS[system], "code": code} for system, code in pairs], **elements}


def order(*codes: str, text: str | None = None, options: tuple[str, ...] = (), **elements: Any) -> dict[str, Any]:
    code = concept(*codes, **({"text": text} if text else {}))
    if options:
        code["extension"] = [{"url": BILLING, "valueCodeableConcept": concept(option)} for option in options]
    return {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "code": code,
        "subject": {"reference": "Patient/p1"},
        **elements,
    }


def site(*codes: str) -> list[dict[str, Any]]:
    return [concept(*(f"snomed {code}" for code in codes))]


def read(resource: Any, *chart: dict[str, Any]) -> Recognition:
    record = PatientRecord.build("p1", chart)
    return read_order(resource, catalogue=CATALOGUE, today=TODAY, patient_id="p1", resolve=record.resolve)


def imaging(resource: Any, *chart: dict[str, Any]) -> ImagingOrder:
    found = read(resource, *chart)
    assert isinstance(found, ImagingOrder), found
    return found


def doubt(resource: Any) -> str:
    found = read(resource)
    assert isinstance(found, NotRecognised), found
    assert found.resource is resource
    return found.because
