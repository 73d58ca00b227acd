"""The requests that are measured: stories of the demo, each with so much unremarkable chart around it.

A story decides the answer; what is added is what fills real charts (vital signs, laboratory values, old visits,
long-term medicine) and must not change it. So every answer can be checked: the determination against the table below,
the whole review against the review of the bare story.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from typing import Any, Final

from cds_service.resources import fixtures_dir

SERVICE: Final = "spine-imaging-order-sign"
SIZES: Final = (20, 90, 200, 300)
# Who is seen, story, what the service must answer about its order.
STORIES: Final[tuple[tuple[str, str, str], ...]] = (
    ("adult", "low-back-pain-six-weeks", "supported"),
    ("adult", "low-back-pain-too-early", "not_supported"),
    ("adult", "thoracic-xray-first", "needs_information"),
    ("pediatric", "teen-back-pain", "supported"),
    ("pediatric", "infant-dermal-sinus", "not_supported"),
    ("pediatric", "teen-back-pain-no-xray", "needs_information"),
    ("ultrasound", "infant-ultrasound", "supported"),
    ("ultrasound", "adult-ultrasound", "not_supported"),
    ("ultrasound", "newborn-sacral-dimple", "needs_information"),
)
# The one request that single figures are about.
MAIN: Final = STORIES[2][1]

# Of ten added resources: how many of each kind, and the prefetch key they come under.
_MIX: Final = ("Observation",) * 10 + ("Condition",) * 3 + ("MedicationRequest",) * 3 + (
    "Procedure", "Procedure", "Encounter", "Encounter", "DiagnosticReport",
)  # fmt: skip
_KEYS: Final = {
    "Observation": "observations",
    "Condition": "conditions",
    "MedicationRequest": "medicationRequests",
    "Procedure": "procedures",
    "Encounter": "encounters",
    "DiagnosticReport": "diagnosticReports",
}
_LOINC: Final = "http://loinc.org"
_ICD10: Final = "http://hl7.org/fhir/sid/icd-10-cm"
_SNOMED: Final = "http://snomed.info/sct"
_RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
# (system, code, our label) by kind; none of them speaks of the spine, of danger, or of anything else that is judged.
_CODES: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "Observation": (
        (_LOINC, "8867-4", "Heart rate"),
        (_LOINC, "85354-9", "Blood pressure"),
        (_LOINC, "2093-3", "Cholesterol"),
        (_LOINC, "29463-7", "Body weight"),
        (_LOINC, "2160-0", "Creatinine"),
        (_LOINC, "59408-5", "Oxygen saturation"),
        (_LOINC, "718-7", "Hemoglobin"),
        (_LOINC, "72166-2", "Tobacco smoking status"),
        (_LOINC, "8302-2", "Body height"),
        (_LOINC, "2951-2", "Sodium"),
        (_LOINC, "777-3", "Platelets"),
    ),
    "Condition": (
        (_ICD10, "J30.2", "Seasonal allergic rhinitis"),
        (_ICD10, "L20.9", "Eczema"),
        (_ICD10, "H52.13", "Short-sightedness"),
        (_ICD10, "K21.9", "Reflux"),
        (_ICD10, "I10", "High blood pressure"),
    ),
    "MedicationRequest": (
        (_RXNORM, "20610", "cetirizine"),
        (_RXNORM, "7646", "omeprazole"),
        (_RXNORM, "29046", "lisinopril"),
        (_RXNORM, "83367", "atorvastatin"),
    ),
    "Procedure": ((_SNOMED, "73761001", "Colonoscopy"), (_SNOMED, "80146002", "Appendectomy")),
    "Encounter": ((_SNOMED, "185349003", "Check-up"), (_SNOMED, "308646001", "Certificate")),
    "DiagnosticReport": ((_LOINC, "58410-2", "Blood count"), (_LOINC, "24331-1", "Lipid panel")),
}
# Orders beside the story's own: other spine studies, and one that is none of our business.
_BESIDE: Final = (("72141", "MRI neck"), ("72146", "MRI mid back"), ("72131", "CT low back"), ("80061", "Lipid panel"))


@dataclass(frozen=True)
class Request:
    """One request with the answer it must get. `determination` is that of the story's own order."""

    name: str
    population: str
    resources: int
    drafts: int
    determination: str
    body: bytes
    bare: bytes  # the same orders with the story's chart alone: its reviews must come out the same


def requests(sizes: tuple[int, ...] = SIZES, drafts: tuple[int, ...] = (1, 5)) -> Iterator[Request]:
    for size in sizes:
        for orders in drafts:
            for _, story, _ in STORIES:
                yield request(story, size, orders)


def request(story: str, resources: int, drafts: int = 1) -> Request:
    """The story with `resources` resources in its chart (never fewer than its own) and `drafts` draft orders."""
    population, _, determination = next(row for row in STORIES if row[1] == story)
    hook = _story(story, drafts)
    bare = _written(hook)
    _fill(hook, resources - sum(1 for _ in chart(hook)))
    name = f"{population} {determination}, {resources} resources, {drafts} drafts"
    return Request(name, population, resources, drafts, determination, _written(hook), bare)


def _story(story: str, drafts: int) -> dict[str, Any]:
    path = fixtures_dir() / "requests" / "order-sign" / f"{story}.json"
    hook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del hook["fhirServer"]  # prefetch alone, so that nobody else's server is measured
    entries = hook["context"]["draftOrders"]["entry"]
    del entries[1:]
    order = entries[0]["resource"]
    for number, (cpt, title) in zip(range(1, drafts), cycle(_BESIDE), strict=False):
        coding = {"system": "http://www.ama-assn.org/go/cpt", "code": cpt, "display": title}
        code = {"coding": [coding], "text": title}
        entries.append({"resource": {**order, "id": f"beside-{number}", "code": code}})
    return hook


def chart(hook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every resource that came as prefetch."""
    for value in hook["prefetch"].values():
        if value and value["resourceType"] == "Bundle":
            yield from (entry["resource"] for entry in value.get("entry", []))
        elif value:
            yield value


def _fill(hook: dict[str, Any], count: int) -> None:
    patient = hook["context"]["patientId"]
    codes = {kind: cycle(listed) for kind, listed in _CODES.items()}
    for number, kind in zip(range(count), cycle(_MIX), strict=False):
        resource = unremarkable(kind, number, patient, next(codes[kind]))
        bundle = hook["prefetch"][_KEYS[kind]]
        bundle.setdefault("entry", []).append(
            {"fullUrl": f"http://ehr.example.org/fhir/{kind}/{resource['id']}", "resource": resource}
        )
        bundle["total"] = len(bundle["entry"])


def unremarkable(kind: str, number: int, patient: str, coded: tuple[str, str, str]) -> dict[str, Any]:
    """One resource as record systems write them, about 1.2 kilobytes."""
    day = date(2026, 10, 1) - timedelta(days=number)
    system, code, label = coded
    concept = {"coding": [{"system": system, "code": code, "display": label}], "text": label}
    words = "Recorded by the practice, nothing remarkable. " * 11
    return {
        "resourceType": kind,
        "id": f"bench-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{day}T08:15:00Z", "profile": [f"http://example.org/{kind}"]},
        "text": {"status": "generated", "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{words}</div>"},
        "identifier": [{"system": "http://example.org/ids", "value": f"{kind}-{number}"}],
        "subject": {"reference": f"Patient/{patient}"},
        **_PARTS[kind](concept, number, day.isoformat()),
    }


def _observation(concept: dict[str, Any], number: int, day: str) -> dict[str, Any]:
    return {
        "status": "final",
        "category": [{"coding": [{"system": "http://example.org/category", "code": "vital-signs"}]}],
        "code": concept,
        "effectiveDateTime": f"{day}T08:15:00Z",
        "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "system": "http://unitsofmeasure.org"},
    }


def _condition(concept: dict[str, Any], _number: int, day: str) -> dict[str, Any]:
    terms = "http://terminology.hl7.org/CodeSystem/condition"
    return {
        "clinicalStatus": {"coding": [{"system": f"{terms}-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{terms}-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": f"{terms}-category", "code": "problem-list-item"}]}],
        "code": concept,
        "onsetDateTime": day,
        "recordedDate": day,
    }


def _medication(concept: dict[str, Any], number: int, day: str) -> dict[str, Any]:
    # Begun long before any present symptoms.
    begun = (date.fromisoformat(day) - timedelta(days=900)).isoformat()
    return {
        "status": "active" if number % 2 else "completed",
        "intent": "order",
        "medicationCodeableConcept": concept,
        "authoredOn": begun,
        "dosageInstruction": [{"text": "once a day", "timing": {"repeat": {"frequency": 1, "period": 1}}}],
    }


def _procedure(concept: dict[str, Any], _number: int, day: str) -> dict[str, Any]:
    return {"status": "completed", "code": concept, "performedDateTime": day}


def _encounter(concept: dict[str, Any], _number: int, day: str) -> dict[str, Any]:
    return {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [concept],
        "period": {"start": f"{day}T09:00:00Z", "end": f"{day}T09:20:00Z"},
        "reasonCode": [{"coding": [{"system": _ICD10, "code": "Z00.00", "display": "Check-up"}]}],
    }


def _report(concept: dict[str, Any], number: int, day: str) -> dict[str, Any]:
    return {
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": concept,
        "effectiveDateTime": day,
        "result": [{"reference": f"Observation/bench-{number}"}],
    }


_PARTS: Final = {
    "Observation": _observation,
    "Condition": _condition,
    "MedicationRequest": _medication,
    "Procedure": _procedure,
    "Encounter": _encounter,
    "DiagnosticReport": _report,
}


def _written(hook: dict[str, Any]) -> bytes:
    return json.dumps(hook, separators=(",", ":")).encode()
