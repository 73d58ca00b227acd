"""One look at every resource of a record: which value sets its codes are in.

Most of a chart says nothing that a guideline asks about. Looking each code up once, and then asking only for what was
found, is what keeps a long chart cheap: a fact whose value sets occur nowhere is not looked for at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cds_service.fhir.codes import FACT, codings
from cds_service.fhir.elements import Resource, mapping, mappings
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.codebook import Codebook

# Elements beside the code of a resource that readers look into.
_ALSO_CODED: Final[dict[str, tuple[str, ...]]] = {
    "Appointment": ("reasonCode",),
    "CarePlan": ("activity",),
    "Device": ("safety",),
    "DiagnosticReport": ("conclusionCode",),
    "Encounter": ("reasonCode",),
    "Observation": ("component", "valueCodeableConcept"),
}
# Types whose codes are all looked up in value sets, so that one without any is a code nobody here knows.
_COUNTED: Final = frozenset({"Condition", "MedicationRequest", "MedicationStatement"})
NONE: Final[Sequence[Resource]] = ()


class Findings:
    """What a record holds, by value set. The record keeps it, so it does not keep the record.

    `signals` are the ids of all value sets that occur anywhere, whatever the resource goes on to say about the code.
    `stated` are the Observations coded as a fact of ours, `with_parts` those with components, which may be. `unmapped`
    counts problems and medicines of which no code is in any value set, by type.
    """

    __slots__ = ("_coded", "_rows", "_valued", "signals", "stated", "unmapped", "with_parts")

    def __init__(self, record: PatientRecord, book: Codebook) -> None:
        self._rows: dict[tuple[str, str], list[Resource]] = {}
        self._valued: dict[str, list[Resource]] = {}
        self._coded: dict[tuple[str, str], Sequence[Resource]] = {}
        self.stated: list[Resource] = []
        self.with_parts: list[Resource] = []
        self.unmapped: dict[str, int] = {}
        elsewhere: set[str] = set()
        known = book.known
        for kind, resources in record.by_type().items():
            coded = list(zip(resources, record.codes_of_each(kind), strict=True))
            for resource, codes in coded:
                for coding in codes:
                    held = known.get(coding)
                    for name in book.holding(coding) if held is None else held:
                        self._rows.setdefault((kind, name), []).append(resource)
            if kind in _COUNTED:
                self.unmapped[kind] = sum(bool(codes) and not any(map(book.holding, codes)) for _, codes in coded)
            if kind == "Observation":
                self.stated = [resource for resource, codes in coded for system, _ in codes if system == FACT]
            for element in _ALSO_CODED.get(kind, ()):
                for resource in [found for found in resources if element in found]:
                    self._look_beside(kind, resource, element, book, elsewhere)
        self.signals = frozenset(elsewhere.union(name for _, name in self._rows))

    def _look_beside(self, kind: str, resource: Resource, element: str, book: Codebook, elsewhere: set[str]) -> None:
        """Codes that are not what the resource is about."""
        if element == "component":
            self.with_parts += (resource,) if resource[element] else ()
            return
        concept = resource[element]
        if element == "activity":
            concept = [mapping(activity.get("detail")).get("code") for activity in mappings(concept)]
        for coding in codings(concept):
            held = book.holding(coding)
            elsewhere.update(held)
            if kind == "Observation":
                for name in held:
                    self._valued.setdefault(name, []).append(resource)

    def coded(self, record: PatientRecord, resource_type: str, value_set: str) -> Sequence[Resource]:
        """The resources of one type that are coded in a value set, copies of one event once."""
        key = (resource_type, value_set)
        known = self._coded.get(key)
        if known is None:
            rows = self._rows.get(key)
            known = self._coded[key] = record.distinct(resource_type, _once(rows)) if rows else NONE
        return known

    def valued(self, record: PatientRecord, value_set: str) -> Sequence[Resource]:
        """The Observations whose value is a code of a value set."""
        rows = self._valued.get(value_set)
        return record.distinct("Observation", _once(rows)) if rows else NONE


def unmapped_codes(record: PatientRecord, book: Codebook) -> tuple[tuple[str, int], ...]:
    """(resource type, count) of what an order was reviewed on and nobody understood; empty when none was reviewed."""
    found = record.kept.get(book)
    counts = found.unmapped if isinstance(found, Findings) else {}
    return tuple((kind, count) for kind, count in counts.items() if count)


def _once(rows: list[Resource]) -> Sequence[Resource]:
    """A resource with two codes of one set stands here twice."""
    return rows if len(rows) == 1 else tuple({id(resource): resource for resource in rows}.values())
