"""Which part of the chart comes under which prefetch key. Keys and templates are a promise to clients (discovery)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

# More keys than this and clients that fetch them all at once begin to lose some.
MOST_KEYS: Final = 10

PATIENT: Final = "Patient"


@dataclass(frozen=True, slots=True)
class ChartKey:
    """One prefetch key. `template` follows CDS Hooks 2.0: root-level context tokens only, no parameter twice."""

    key: str
    resource_type: str
    template: str

    def query(self, patient_id: str) -> str:
        """The template as a URL relative to the FHIR server. An id needs no escaping (`request_schema.BARE_ID`)."""
        return self.template.replace("{{context.patientId}}", patient_id)


def _search(key: str, resource_type: str, count: int, rest: str = "") -> ChartKey:
    # "Patient/" is spelled out: some servers find nothing for a bare id.
    template = f"{resource_type}?patient=Patient/{{{{context.patientId}}}}{rest}&_count={count}"
    return ChartKey(key, resource_type, template)


TABLE: Final = (
    ChartKey("patient", PATIENT, "Patient/{{context.patientId}}"),
    _search("conditions", "Condition", 200),
    # Newest first: the rest of a long list of vital signs can be cut off without harm to recent ones.
    _search("observations", "Observation", 200, "&_sort=-date"),
    _search("procedures", "Procedure", 200),
    _search("diagnosticReports", "DiagnosticReport", 200),
    _search("imagingStudies", "ImagingStudy", 100),
    _search("encounters", "Encounter", 200),
    _search("medicationRequests", "MedicationRequest", 200),
    _search("serviceRequests", "ServiceRequest", 200),
    _search("questionnaireResponses", "QuestionnaireResponse", 100),
)


def keys_for(resource_types: Iterable[str]) -> tuple[ChartKey, ...]:
    """The keys that bring these types, in the order of the table. The patient always comes."""
    wanted = {PATIENT, *resource_types}
    return tuple(row for row in TABLE if row.resource_type in wanted)


def rarer_queries(
    resource_types: Iterable[str], patient_id: str, drafts: Iterable[dict[str, Any]]
) -> tuple[tuple[str, str], ...]:
    """(type, query) for the types without a key of their own, which are read only when a section in force needs them.

    A PractitionerRole belongs to no patient: the roles of whoever requests or performs the drafts are read.
    """
    keyed = {row.resource_type for row in TABLE}
    queries = []
    for name in sorted(set(resource_types) - keyed):
        if name == "PractitionerRole":
            queries += [(name, query) for query in sorted({*_roles(drafts)})]
        else:
            queries.append((name, f"{name}?patient=Patient/{patient_id}&_count=100"))
    return tuple(queries)


def _roles(drafts: Iterable[dict[str, Any]]) -> Iterator[str]:
    for draft in drafts:
        performers = draft.get("performer")
        for who in (draft.get("requester"), *(performers if isinstance(performers, list) else ())):
            reference = who.get("reference") if isinstance(who, dict) else None
            if not isinstance(reference, str) or not (named := _PERSON.search(reference)):
                continue
            kind, ident = named.groups()
            is_role = kind == "PractitionerRole"
            yield f"PractitionerRole/{ident}" if is_role else f"PractitionerRole?practitioner=Practitioner/{ident}"


_PERSON: Final = re.compile(r"(?:^|/)(PractitionerRole|Practitioner)/([A-Za-z0-9._~-]{1,512})$")
