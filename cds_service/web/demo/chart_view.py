"""A chart at a glance: what stands in it, by kind and newest first, in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cds_service.web.demo.resource_store import Resource

# Heading of each kind of entry, in the order in which a clinician reads.
_HEADINGS: Final[Mapping[str, str]] = {
    "Condition": "Problems",
    "Observation": "Findings",
    "QuestionnaireResponse": "Answers",
    "Device": "Implants",
    "Encounter": "Visits",
    "MedicationRequest": "Medicines",
    "Procedure": "Therapy and procedures",
    "DiagnosticReport": "Imaging",
    "ImagingStudy": "Imaging",
}
_DATES: Final = ("onsetDateTime", "effectiveDateTime", "performedDateTime", "authoredOn", "authored", "recordedDate")
_NAMES: Final = ("code", "medicationCodeableConcept", "type", "vaccineCode")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `label` is what the resource says, `day` an ISO day or "" and `reference` its "Type/id"."""

    label: str
    day: str
    reference: str


def chart_at_a_glance(resources: Iterable[Resource]) -> list[tuple[str, list[Entry]]]:
    """(heading, entries) for each kind of entry that the chart has; the draft orders are left out."""
    groups: dict[str, list[Entry]] = {heading: [] for heading in _HEADINGS.values()}
    for resource in resources:
        heading = _HEADINGS.get(resource["resourceType"])
        if heading:
            reference = f"{resource['resourceType']}/{resource['id']}"
            groups[heading] += [Entry(label, _day(resource), reference) for label in _labels(resource)]
    for entries in groups.values():
        entries.sort(key=lambda entry: entry.day, reverse=True)
    return [(heading, entries) for heading, entries in groups.items() if entries]


def _labels(resource: Resource) -> Iterator[str]:
    if resource["resourceType"] == "QuestionnaireResponse":
        for item in resource.get("item", ()):
            said = ", ".join(_said(answer) for answer in item.get("answer", ()))
            yield f"{item.get('text', item['linkId'])} {said}"
        return
    name = next((_text(resource[key]) for key in _NAMES if key in resource), resource["resourceType"])
    value = _said(resource)
    if value not in ("", "yes"):
        name = f"{name}: {value}"
    if conclusion := resource.get("conclusion"):
        name = f"{name}: {conclusion}"
    safety = [_text(concept) for concept in resource.get("safety", ())]
    yield f"{name} ({', '.join(safety)})" if safety else name


def _text(concept: Any) -> str:
    """The words of a CodeableConcept, or of the first of a list of them."""
    if isinstance(concept, list):
        concept = concept[0]
    codings: list[dict[str, Any]] = concept.get("coding") or [{}]
    coding = codings[0]
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "unnamed")


def _said(element: Mapping[str, Any]) -> str:
    """The value[x] of an observation or answer."""
    for name, value in element.items():
        if not name.startswith("value"):
            continue
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, dict):
            return f"{value['value']:g} {value.get('unit', '')}".strip() if "value" in value else _coding(value)
        return str(value)
    return ""


def _coding(value: Mapping[str, Any]) -> str:
    return str(value.get("display") or value.get("code") or _text(value))


def _day(resource: Resource) -> str:
    period = resource.get("period") or {}
    found = next((resource[key] for key in _DATES if key in resource), period.get("start", ""))
    return str(found)[:10]
