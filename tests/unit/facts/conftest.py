"""Charts for the fact tests: resources in, a fact sheet out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cds_service.core.order import ImagingOrder
from cds_service.core.vocabulary import Vocabulary
from cds_service.facts.chart import Chart
from cds_service.facts.settings import Settings
from cds_service.facts.sheet import FactSheet
from cds_service.fhir.bundle import Failure
from cds_service.fhir.codes import codings
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.studies import StudyCatalogue, load_studies
from cds_service.guidelines.value_sets import load_value_sets
from cds_service.guidelines.vocabulary import load_vocabulary

TODAY = date(2026, 11, 10)
ME = {"reference": "Patient/me"}
GUIDELINES = Path(load_studies.__code__.co_filename).parent

MakeSheet = Callable[..., FactSheet]


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return load_vocabulary(GUIDELINES / "facts.yaml")


@pytest.fixture(scope="session")
def studies() -> StudyCatalogue:
    return load_studies(GUIDELINES / "studies.yaml")


@pytest.fixture(scope="session")
def value_sets():
    return load_value_sets()


def order_of(studies: StudyCatalogue, cpt: str, own_id: str, extra: dict[str, Any]) -> ImagingOrder:
    study = studies.with_key(cpt)[0]
    resource = {"resourceType": "ServiceRequest", "id": own_id, "subject": ME, "authoredOn": str(TODAY), **extra}
    return ImagingOrder(
        reference=f"ServiceRequest/{own_id}",
        study=study,
        code=study.cpt,
        contrast=study.contrast if study.contrast in ("without", "with", "without_and_with") else None,
        regions=study.regions,
        review_date=TODAY,
        units=float(extra.get("units", 1)),
        reasons=tuple(codings(extra.get("reasonCode"))),
        has_reason="reasonCode" in extra,
        flags=frozenset(extra.get("flags", ())),
        recognised_by="code",
        resource=resource,
    )


@pytest.fixture(scope="session")
def sheet(vocabulary: Vocabulary, studies: StudyCatalogue, value_sets) -> MakeSheet:
    """sheet(resource, ..., cpt="72148", born="1980-03-02", order={...}, drafts=["72131"], failures=["Condition"])"""

    def build(
        *resources: dict[str, Any],
        cpt: str = "72148",
        born: str | None = "1980-03-02",
        order: dict[str, Any] | None = None,
        drafts: Iterable[str] = (),
        failures: Iterable[str] = (),
        encounter: str | None = None,
        today: date = TODAY,
        settings: Settings | None = None,
    ) -> FactSheet:
        patient = {"resourceType": "Patient", "id": "me", **({"birthDate": born} if born is not None else {})}
        record = PatientRecord.build(
            "me",
            [patient, *({"subject": ME, **resource} for resource in resources)],
            failures=[
                Failure(name, reason or "timeout") for name, _, reason in (found.partition(":") for found in failures)
            ],
            encounter_id=encounter,
        )
        chart = Chart(
            record=record,
            order=order_of(studies, cpt, "draft", order or {}),
            review_date=today,
            value_sets=value_sets,
            studies=studies,
            drafts=tuple(order_of(studies, code, f"other-{n}", {}) for n, code in enumerate(drafts)),
            settings=settings or Settings(),
        )
        return FactSheet(chart, vocabulary)

    return build


SYSTEMS = {
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd9cm": "http://hl7.org/fhir/sid/icd-9-cm",
    "snomed": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "actcode": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "fact": "urn:spine-imaging-review:fact",
    "fact-value": "urn:spine-imaging-review:fact-value",
    "dicom": "http://dicom.nema.org/resources/ontology/DCM",
    "devsafety": "urn:oid:2.16.840.1.113883.3.26.1.1",
}


class Coded:
    """coded("icd10cm", "M54.2") -> a CodeableConcept."""

    def __call__(self, system: str, code: str) -> dict[str, Any]:
        return {"coding": [{"system": SYSTEMS[system], "code": code}]}

    def fix(self, value: Any) -> Any:
        """The same JSON with short system names spelled out."""
        if isinstance(value, dict):
            return {
                key: SYSTEMS.get(inner, inner) if key == "system" else self.fix(inner) for key, inner in value.items()
            }
        return [self.fix(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def coded() -> Coded:
    return Coded()


@pytest.fixture(scope="session")
def stated() -> Callable[..., dict[str, Any]]:
    """stated({"night_pain": True}, when="2026-11-01") -> a completed QuestionnaireResponse."""

    def response(
        facts: dict[str, Any], when: str | None = "2026-11-10", own_id: str = "qr", **more: Any
    ) -> dict[str, Any]:
        return {
            "resourceType": "QuestionnaireResponse",
            "id": own_id,
            "status": "completed",
            **({"authored": when} if when else {}),
            "item": [{"linkId": ref, "answer": [_answer(value)]} for ref, value in facts.items()],
            **more,
        }

    return response


def _answer(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"valueBoolean": value}
        case int():
            return {"valueInteger": value}
        case float():
            return {"valueDecimal": value}
        case dict():
            return value
        case _:
            return {"valueString": value}


@pytest.fixture(scope="session")
def condition(coded: Coded) -> Callable[..., dict[str, Any]]:
    """condition("M54.50", onset="2026-10-01") -> an active, confirmed Condition."""

    def build(
        code: str,
        system: str = "icd10cm",
        onset: str | None = None,
        clinical: str | None = "active",
        verification: str | None = "confirmed",
        own_id: str = "c",
        **more: Any,
    ) -> dict[str, Any]:
        return {
            "resourceType": "Condition",
            "id": own_id,
            "code": coded(system, code),
            **({"onsetDateTime": onset} if onset else {}),
            **({"clinicalStatus": {"coding": [{"code": clinical}]}} if clinical else {}),
            **({"verificationStatus": {"coding": [{"code": verification}]}} if verification else {}),
            **more,
        }

    return build
