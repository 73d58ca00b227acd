"""One patient's resources, indexed once per request and read-only after that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cds_service.fhir.bundle import Failure
from cds_service.fhir.codes import CodeSet, coded_in, codes_of, codes_of_each, codings, out_of_shape
from cds_service.fhir.elements import Resource, identity, mappings, reference
from cds_service.fhir.status import in_error

__all__ = ["Failure", "PatientRecord", "subject_id"]

# Elements that name the patient. The first one present counts.
_SUBJECT_ELEMENTS: Final = ("subject", "patient", "beneficiary")

# Types in which the same code on the same date is the same event however often it was written down.
_COUNTED_ONCE: Final[dict[str, tuple[str, ...]]] = {
    "Condition": ("onsetDateTime", "onsetPeriod", "onsetAge", "recordedDate"),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "ServiceRequest": ("occurrenceDateTime", "authoredOn"),
}
# What must be equal, too: grades of the right and the left leg on one day are two findings.
_SAME_ELEMENTS: Final = (
    "status",
    "clinicalStatus",
    "verificationStatus",
    "doNotPerform",
    "bodySite",
    "valueQuantity",
    "valueCodeableConcept",
    "valueBoolean",
    "valueInteger",
    "valueString",
    "valueDateTime",
    "valueRange",
    "valueRatio",
    "component",
    "dataAbsentReason",
    "conclusionCode",
    "outcome",
    "dosageInstruction",
    "usedCode",
)


# Types of which a resource with a code out of shape may be anything that is looked for.
_LOOKED_THROUGH: Final = ("Condition", "Procedure")
# Types whose codes may stand in another resource.
_BY_REFERENCE: Final = frozenset(
    {"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"}
)


class PatientRecord:
    """The resources of one patient, and what could not be read of them. Reading it never raises for bad data."""

    __slots__ = (
        "_by_reference",
        "_by_type",
        "_coded",
        "_codes",
        "_failures",
        "_full_urls",
        "_odd",
        "_tables",
        "encounter_id",
        "foreign",
        "kept",
        "patient",
        "patient_id",
    )

    def __init__(self, patient_id: str, encounter_id: str | None, failures: tuple[Failure, ...]) -> None:
        self.patient_id = patient_id
        self.encounter_id = encounter_id
        self.patient: Resource | None = None
        self.foreign: tuple[str, ...] = ()
        self._failures = failures
        self._full_urls: Mapping[str, Resource] = {}
        self._by_type: dict[str, list[Resource]] = {}
        self._by_reference: dict[str, Resource] = {}
        self._tables: dict[str, _Table] = {}
        self._odd: dict[str, tuple[Resource, ...]] = {}
        self._coded: dict[tuple[str, int], tuple[CodeSet, tuple[Resource, ...]]] = {}
        self._codes: dict[int, tuple[Resource, tuple[tuple[str, str], ...]]] = {}
        self.kept: dict[object, Any] = {}  # what readers derived from the record, for the next order of the request

    @staticmethod
    def build(
        patient_id: str,
        resources: Iterable[Resource],
        failures: Iterable[Failure] = (),
        encounter_id: str | None = None,
        full_urls: Mapping[str, Resource] | None = None,
    ) -> PatientRecord:
        """Indexes `resources`. Dropped: other patients' (named in `foreign`) and those entered in error.

        A resource that names no patient counts as the patient's, for it came in answer to a question about them.
        `full_urls` are Bundle.entry.fullUrl -> resource (`Answer.full_urls`), for references by address or urn:uuid.
        A type that was never asked for must come with a Failure, else its absence reads as "looked and not found".
        """
        record = PatientRecord(patient_id, encounter_id, tuple(failures))
        if full_urls:
            record._full_urls = full_urls
        record._index(resources, _own_names(patient_id, full_urls or {}))
        return record

    def _index(self, resources: Iterable[object], own: set[str]) -> None:
        by_type, by_reference = self._by_type, self._by_reference
        foreign: dict[str, None] = {}
        for resource in resources:
            if not isinstance(resource, dict):
                continue
            kind = resource.get("resourceType")
            if not isinstance(kind, str):
                continue
            subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary")
            if subject is not None:
                named = subject.get("reference") if isinstance(subject, dict) else None
                # Most resources name the patient in one spelling: `own` learns it, the rest is looked at closely.
                if not (isinstance(named, str) and named in own) and not _is_own(resource, own):
                    foreign[identity(resource)] = None
                    continue
            elif kind in _NAMES_PATIENT_ELSEWHERE and not _is_own(resource, own):
                foreign[identity(resource)] = None
                continue
            if resource.get("status") == "entered-in-error" or (
                "verificationStatus" in resource and in_error(resource)
            ):
                continue
            own_id = resource.get("id")
            if isinstance(own_id, str):
                name = f"{kind}/{own_id}"
                if name in by_reference:
                    continue
                by_reference[name] = resource
            if kind in by_type:
                by_type[kind].append(resource)
            else:
                by_type[kind] = [resource]
        self.foreign = tuple(foreign)
        self.patient = next(iter(by_type.get("Patient", ())), None)

    def all(self, resource_type: str) -> Sequence[Resource]:
        """This patient's resources of one type, any status, in the order in which they came; duplicates once."""
        if resource_type not in _COUNTED_ONCE:
            return self._by_type.get(resource_type, ())
        return self._table(resource_type).resources

    def coded(self, resource_type: str, codes: CodeSet) -> Sequence[Resource]:
        """Those of one type with a coding in `codes`. What codes a type is `codes.codes_of`; a medication given by
        reference is looked up."""
        key = (resource_type, id(codes))
        known = self._coded.get(key)
        if known is None:  # the set is kept beside the answer, so that its id stays its own
            table = self._table(resource_type)
            rows = {row for code, coded in table.by_code.items() if code in codes for row in coded}
            known = self._coded[key] = (codes, tuple(table.resources[row] for row in sorted(rows)))
        return known[1]

    def by_type(self) -> Mapping[str, Sequence[Resource]]:
        """Everything of this patient by type, copies of one event included: for looking at each resource once."""
        return self._by_type

    def distinct(self, resource_type: str, resources: Sequence[Resource]) -> Sequence[Resource]:
        """Without later copies of the same event. `resources` hold every resource that is coded like one of them."""
        return self._sorted(resource_type, resources).resources if len(resources) > 1 else resources

    def _table(self, resource_type: str) -> _Table:
        table = self._tables.get(resource_type)
        if table is None:
            table = self._tables[resource_type] = self._sorted(resource_type, self._by_type.get(resource_type, ()))
        return table

    def _sorted(self, resource_type: str, resources: Iterable[Resource]) -> _Table:
        table, dated = _Table(), _COUNTED_ONCE.get(resource_type)
        for resource in resources:
            table.add(resource, self.codes(resource), dated)
        return table

    def codes(self, resource: Resource) -> tuple[tuple[str, str], ...]:
        """(system, code) pairs that say what a resource is about, a referenced Medication's among them."""
        # By identity, and with the resource beside it, so that the identity stays its own.
        known = self._codes.get(id(resource))
        if known is None:
            known = self._codes[id(resource)] = (resource, tuple(self._read_codes(resource)))
        return known[1]

    def codes_of_each(self, resource_type: str) -> Sequence[Sequence[tuple[str, str]]]:
        """`codes` of everything of one type, in the order of `by_type`."""
        resources = self._by_type.get(resource_type, ())
        each = [tuple(codes) for codes in codes_of_each(resource_type, resources)]
        if resource_type in _BY_REFERENCE:
            each = [self.codes(r) if "medicationReference" in r else c for r, c in zip(resources, each, strict=True)]
        if resource_type in _LOOKED_THROUGH and all(each):
            self._odd[resource_type] = ()
        self._codes.update(zip(map(id, resources), zip(resources, each, strict=True), strict=True))
        return each

    def _read_codes(self, resource: Resource) -> Iterable[tuple[str, str]]:
        if "medicationReference" in resource:
            pointer = reference(resource["medicationReference"])
            medication = self.resolve(pointer, resource) if pointer else None
            if medication:
                return (*codes_of(resource), *codings(medication.get("code")))
        return codes_of(resource)

    def out_of_shape(self, resource_type: str) -> tuple[Resource, ...]:
        """Those of one type with something in the place of their code that no code can be read from."""
        odd = self._odd.get(resource_type)
        return self._find_odd(resource_type) if odd is None else odd

    def _find_odd(self, resource_type: str) -> tuple[Resource, ...]:
        elements = coded_in(resource_type)
        odd = self._odd[resource_type] = tuple(
            resource
            for resource in self._by_type.get(resource_type, ())
            if not self.codes(resource) and any(out_of_shape(resource.get(element)) for element in elements)
        )
        return odd

    @property
    def failed_types(self) -> frozenset[str]:
        """Types of which something may be there that was not read."""
        failed = [failure.resource_type for failure in self._failures]
        return frozenset(failed).union([kind for kind in _LOOKED_THROUGH if self.out_of_shape(kind)])

    def failures(self, resource_types: Iterable[str]) -> tuple[Failure, ...]:
        """What could not be read of these types; empty when all was read."""
        if not self._failures:
            return ()
        wanted = set(resource_types)
        return tuple(failure for failure in self._failures if failure.resource_type in wanted)

    def resolve(self, pointer: str, within: Resource | None = None) -> Resource | None:
        """The resource a reference names: "Type/id", an absolute address, "urn:uuid:...", or "#id" inside `within`.

        None when it is not part of this record: nothing is fetched, and other patients' resources are not here.
        """
        if not pointer:
            return None
        if pointer.startswith("#"):
            return _contained(within, pointer[1:])
        found = self._by_reference.get(pointer)
        if found is not None:
            return found
        by_url = self._full_urls.get(pointer)
        if by_url is not None:
            return by_url if self._by_reference.get(identity(by_url)) is by_url else None
        path = pointer.partition("/_history/")[0].rstrip("/")
        kind, _, own_id = path[path.rfind("/", 0, path.rfind("/")) + 1 :].partition("/")
        return self._by_reference.get(f"{kind}/{own_id}")


def subject_id(pointer: str) -> str:
    """The id in a reference to a patient: its last path segment, without version and "urn:uuid:"."""
    path = pointer.strip().partition("/_history/")[0].rstrip("/")
    return path[path.rfind("/") + 1 :].removeprefix("urn:uuid:").removeprefix("#")


def names_patient(reference_value: object, patient_id: str) -> bool:
    """Whether a subject is this patient. One without a `reference` (a display, an identifier) is taken to be."""
    named = reference(reference_value)
    return named is None or _points_to(named, {patient_id})


_NAMES_PATIENT_ELSEWHERE: Final = frozenset({"Patient", "Appointment"})


def _is_own(resource: Resource, own: set[str]) -> bool:
    kind = resource.get("resourceType")
    if kind == "Patient":
        own_id = resource.get("id")
        return own_id is None or (isinstance(own_id, str) and own_id in own)
    named = [found for found in map(reference, _subjects(resource)) if found]
    if kind == "Appointment":
        named = [pointer for pointer in named if "Patient/" in pointer]
    if named and not any(_points_to(pointer, own) for pointer in named):
        return False
    own.update(pointer for pointer in named if _points_to(pointer, own))
    return True


def _subjects(resource: Resource) -> Iterable[object]:
    for element in _SUBJECT_ELEMENTS:
        stated = resource.get(element)
        if stated:
            return stated if isinstance(stated, list) else (stated,)
    return [participant.get("actor") for participant in mappings(resource.get("participant"))]


def _points_to(pointer: str, own: set[str]) -> bool:
    """Whether a reference names one of `own`. A reference to something else than a Patient never does."""
    path = pointer.strip().partition("/_history/")[0].rstrip("/")
    segments = path.split("/")
    if len(segments) > 1 and segments[-2] != "Patient":
        return False
    return subject_id(pointer) in own


def _own_names(patient_id: str, full_urls: Mapping[str, Resource]) -> set[str]:
    """The ids and references by which the patient is known, those of a Bundle that names its entries by UUID too."""
    own = {patient_id, f"Patient/{patient_id}"}
    for url, resource in full_urls.items():
        if resource.get("resourceType") == "Patient" and resource.get("id") == patient_id:
            own |= {url, subject_id(url)}
    return own


def _contained(within: Resource | None, own_id: str) -> Resource | None:
    if within is None:
        return None
    if not own_id:
        return within
    return next((inner for inner in mappings(within.get("contained")) if inner.get("id") == own_id), None)


class _Table:
    """Resources of one type, without later copies of the same event, and where each code occurs among them."""

    __slots__ = ("_events", "by_code", "resources")

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.by_code: dict[tuple[str, str], list[int]] = {}
        self._events: dict[object, list[Resource]] = {}

    def add(self, resource: Resource, codes: tuple[tuple[str, str], ...], dated: tuple[str, ...] | None) -> None:
        if dated is not None and codes:
            # The first look is cheap: only resources that share their codes and a day are compared in full. One
            # without a code or a date is never taken for a copy.
            event = _day(resource, dated)
            if event is not None:
                alike = self._events.get((codes, event))
                if alike is None:
                    self._events[codes, event] = [resource]
                elif any(_same(resource, other, dated) for other in alike):
                    return
                else:
                    alike.append(resource)
        row = len(self.resources)
        self.resources.append(resource)
        for code in codes:
            rows = self.by_code.get(code)
            if rows is None:
                self.by_code[code] = [row]
            else:
                rows.append(row)


def _day(resource: Resource, dated: tuple[str, ...]) -> str | None:
    for element in dated:
        stated = resource.get(element)
        if stated:
            if isinstance(stated, str):
                return stated[:10]
            return element if isinstance(stated, dict) else None
    return None


def _same(resource: Resource, other: Resource, dated: tuple[str, ...]) -> bool:
    try:
        return all(resource.get(element) == other.get(element) for element in _SAME_ELEMENTS) and all(
            resource.get(element) == other.get(element) for element in dated if isinstance(resource.get(element), dict)
        )
    except RecursionError:  # nested a thousand deep: not worth finding out
        return False
