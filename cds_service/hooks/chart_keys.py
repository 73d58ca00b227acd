"""Which part of the chart comes under which prefetch key. Keys and templates are a promise to clients (discovery)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from cds_service.fhir.client import Query

# More keys than this and clients that fetch them all at once begin to lose some.
MOST_KEYS: Final = 10

PATIENT: Final = "Patient"


@dataclass(frozen=True, slots=True)
class ChartKey:
    """One prefetch key. `template` follows CDS Hooks 2.0: root-level context tokens only, no parameter twice."""

    key: str
    resource_type: str
    template: str
    params: tuple[tuple[str, str], ...] = ()

    def query(self, patient_id: str) -> Query:
        """What the template asks, as our own query."""
        if self.resource_type == PATIENT:
            return Query(PATIENT, patient_id)
        return Query(self.resource_type, params=self.params)


def _search(key: str, resource_type: str, *params: tuple[str, str]) -> ChartKey:
    # "Patient/" is spelled out: some servers find nothing for a bare id.
    rest = "".join(f"&{name}={value}" for name, value in params)
    template = f"{resource_type}?patient=Patient/{{{{context.patientId}}}}{rest}"
    return ChartKey(key, resource_type, template, params)


TABLE: Final = (
    ChartKey("patient", PATIENT, "Patient/{{context.patientId}}"),
    _search("conditions", "Condition", ("_count", "200")),
    # Newest first: the rest of a long list of vital signs can be cut off without harm to recent ones.
    _search("observations", "Observation", ("_sort", "-date"), ("_count", "200")),
    _search("procedures", "Procedure", ("_count", "200")),
    _search("diagnosticReports", "DiagnosticReport", ("_count", "200")),
    _search("imagingStudies", "ImagingStudy", ("_count", "100")),
    _search("encounters", "Encounter", ("_count", "200")),
    _search("medicationRequests", "MedicationRequest", ("_count", "200")),
    _search("serviceRequests", "ServiceRequest", ("_count", "200")),
    _search("questionnaireResponses", "QuestionnaireResponse", ("_count", "100")),
)


def keys_for(resource_types: Iterable[str]) -> tuple[ChartKey, ...]:
    """The keys that bring these types, in the order of the table. The patient always comes."""
    wanted = {PATIENT, *resource_types}
    return tuple(row for row in TABLE if row.resource_type in wanted)


def rarer_queries(resource_types: Iterable[str], drafts: Iterable[dict[str, Any]]) -> tuple[Query, ...]:
    """Queries for the types without a key of their own, which are read only when a section in force needs them.

    A PractitionerRole belongs to no patient: the roles of whoever requests or performs the drafts are read.
    """
    keyed = {row.resource_type for row in TABLE}
    queries: list[Query] = []
    for name in sorted(set(resource_types) - keyed):
        if name == "PractitionerRole":
            queries += [Query(name, ident) for ident in sorted({*_roles(drafts)})]
        else:
            # Who pays is an Organization, which belongs to no patient: it comes along where the server can.
            along = (("_include", "Coverage:payor"),) if name == "Coverage" else ()
            queries.append(Query(name, params=(*along, ("_count", "100"))))
    return tuple(queries)


def _roles(drafts: Iterable[dict[str, Any]]) -> Iterator[str]:
    for draft in drafts:
        performers = draft.get("performer")
        for who in (draft.get("requester"), *(performers if isinstance(performers, list) else ())):
            reference = who.get("reference") if isinstance(who, dict) else None
            named = _ROLE.search(reference) if isinstance(reference, str) else None
            if named:
                yield named[1]


_ROLE: Final = re.compile(r"(?:^|/)PractitionerRole/([A-Za-z0-9._~-]{1,512})$")
