"""One patient's record: whose it is, what is dropped, what counts once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.codes import codes_of
from cds_service.fhir.dates import abated, course_of, date_of, start_of
from cds_service.fhir.elements import identity
from cds_service.fhir.record import Failure, PatientRecord, names_patient
from cds_service.fhir.regions import regions_of
from cds_service.fhir.status import current, negates, usable, verification
from cds_service.fhir.units import pain_score, value_in, whole_grade

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
BACK_PAIN = frozenset({(ICD10CM, "M54.50"), (SNOMED, "279039007")})


def condition(own_id: str | None = "c1", code: str = "M54.50", **elements: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": ICD10CM, "code": code}]},
        **elements,
    }
    return resource if own_id is None else {"id": own_id, **resource}


def record(*resources: Any, **arguments: Any) -> PatientRecord:
    return PatientRecord.build("p1", resources, **arguments)


def ids(resources: Any) -> list[str]:
    return [resource["id"] for resource in resources]


@pytest.mark.parametrize(
    ("subject", "own"),
    [
        ({"reference": "Patient/p1"}, True),
        ({"reference": "http://ehr.example/fhir/Patient/p1"}, True),
        ({"reference": "Patient/p1/_history/3"}, True),
        ({"reference": " Patient/p1 "}, True),
        ({"reference": "urn:uuid:p1"}, True),
        ({"reference": "p1"}, True),
        ({"display": "somebody"}, True),
        ({"identifier": {"value": "123"}}, True),
        (None, True),
        ("Patient/p1", True),
        ({"reference": "Patient/p2"}, False),
        ({"reference": "Patient/P1"}, False),
        ({"reference": "Patient/p11"}, False),
        ({"reference": "http://ehr.example/fhir/Patient/p2"}, False),
        ({"reference": "Patient/p2/_history/p1"}, False),
        ({"reference": "Group/p1"}, False),
        ({"reference": "#other"}, False),
        ("Patient/p2", False),
    ],
)
def test_only_this_patients_resources_are_kept(subject: object, own: bool) -> None:
    found = record(condition("c1", subject=subject))

    assert ids(found.all("Condition")) == (["c1"] if own else [])
    assert found.foreign == (() if own else ("Condition/c1",))
    assert names_patient(subject, "p1") is own


@pytest.mark.parametrize("element", ["patient", "beneficiary"])
def test_types_that_name_the_patient_otherwise(element: str) -> None:
    device = {"resourceType": "Device", "id": "d1", element: {"reference": "Patient/p2"}}

    assert record(device).foreign == ("Device/d1",)
    assert ids(record({**device, element: {"reference": "Patient/p1"}}).all("Device")) == ["d1"]


def test_an_appointment_names_the_patient_among_its_participants() -> None:
    def appointment(*actors: str) -> dict[str, Any]:
        participants = [{"actor": {"reference": actor}} for actor in actors]
        return {"resourceType": "Appointment", "id": "a1", "participant": participants}

    assert record(appointment("Practitioner/x", "Patient/p1")).foreign == ()
    assert record(appointment("Practitioner/x", "Patient/p2")).foreign == ("Appointment/a1",)


def test_resources_of_nobody_are_kept_for_references() -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m1",
        "code": {"coding": [{"system": SNOMED, "code": "279039007"}]},
    }
    request = {"resourceType": "MedicationRequest", "id": "r1", "medicationReference": {"reference": "Medication/m1"}}

    found = record(medication, request)

    assert found.foreign == ()
    assert ids(found.coded("MedicationRequest", BACK_PAIN)) == ["r1"]


def test_the_patient_resource() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-03-02"}
    other = {"resourceType": "Patient", "id": "p2"}

    found = record(other, patient)

    assert found.patient == patient
    assert found.foreign == ("Patient/p2",)
    assert record().patient is None


def test_what_was_entered_in_error_is_gone() -> None:
    wrong = condition("c1", verificationStatus={"coding": [{"code": "entered-in-error"}]})
    observation = {"resourceType": "Observation", "id": "o1", "status": "entered-in-error"}
    refuted = condition("c2", verificationStatus={"coding": [{"code": "refuted"}]})

    found = record(wrong, observation, refuted)

    assert ids(found.all("Condition")) == ["c2"]
    assert found.all("Observation") == []
    assert found.resolve("Condition/c1") is None
    assert found.foreign == ()


def test_coded_looks_at_every_coding_in_any_spelling() -> None:
    both = condition("c2")
    both["code"]["coding"].insert(0, {"system": "urn:oid:2.16.840.1.113883.6.96", "code": " 279039007"})

    found = record(condition("c1", "m54.50"), both, condition("c3", "M54.2"), condition("c4", code="", text="M54.50"))

    assert ids(found.coded("Condition", BACK_PAIN)) == ["c1", "c2"]
    assert ids(found.coded("Condition", frozenset({(ICD10CM, "M54.2")}))) == ["c3"]
    assert list(found.coded("Observation", BACK_PAIN)) == []


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [
        (condition("c1", onsetDateTime="2026-01-01"), condition("c2", onsetDateTime="2026-01-01T09:00:00Z"), 1),
        (condition("c1", onsetDateTime="2026-01-01"), condition("c2", onsetDateTime="2026-01-02"), 2),
        (condition("c1", onsetDateTime="2026-01-01"), condition("c2", "M54.2", onsetDateTime="2026-01-01"), 2),
        (condition("c1"), condition("c2"), 2),  # without a date nobody knows
        (condition("c1"), condition("c1"), 1),  # the same resource in two answers
        (condition(None), condition(None), 2),
        (
            condition("c1", onsetDateTime="2026-01-01"),
            condition("c2", onsetDateTime="2026-01-01", verificationStatus={"coding": [{"code": "refuted"}]}),
            2,
        ),
        (
            condition("c1", onsetPeriod={"start": "2026-01-01"}),
            condition("c2", onsetPeriod={"start": "2026-01-01"}),
            1,
        ),
        (
            condition("c1", onsetPeriod={"start": "2026-01-01"}),
            condition("c2", onsetPeriod={"start": "2026-02-01"}),
            2,
        ),
    ],
)
def test_the_same_event_counts_once(first: dict[str, Any], second: dict[str, Any], counted: int) -> None:
    found = record(first, second)

    assert len(found.all("Condition")) == counted
    assert found.all("Condition")[0] == first


def test_right_and_left_on_one_day_are_two_findings() -> None:
    def grade(own_id: str, site: str, value: int) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": own_id,
            "status": "final",
            "code": {"coding": [{"system": SNOMED, "code": "1"}]},
            "effectiveDateTime": "2026-01-01",
            "bodySite": {"coding": [{"system": SNOMED, "code": site}]},
            "valueInteger": value,
        }

    found = record(grade("o1", "7", 4), grade("o2", "8", 4), grade("o3", "8", 3), grade("o4", "8", 3))

    assert ids(found.all("Observation")) == ["o1", "o2", "o3"]


def test_failures_are_kept_by_type() -> None:
    found = record(failures=[Failure("Condition", "timeout"), Failure("Procedure", "http 500")])

    assert found.failures(("Condition", "Observation")) == (Failure("Condition", "timeout"),)
    assert found.failures(("Observation",)) == ()


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("Condition/c1", "c1"),
        ("http://ehr.example/fhir/Condition/c1", "c1"),
        ("Condition/c1/_history/2", "c1"),
        ("urn:uuid:77", "c2"),
        ("http://ehr.example/fhir/Condition/other", "c2"),
        ("#inner", "inner"),
        ("#", "outer"),
        ("#missing", None),
        ("Condition/c3", None),  # another patient's
        ("urn:uuid:78", None),  # another patient's
        ("Observation/c1", None),
        ("c1", None),
        ("", None),
    ],
)
def test_references_lead_only_within_the_record(pointer: str, found: str | None) -> None:
    mine, named = condition("c1"), condition("c2")
    theirs = condition("c3", subject={"reference": "Patient/p2"})
    urls = {"urn:uuid:77": named, "http://ehr.example/fhir/Condition/other": named, "urn:uuid:78": theirs}
    outer = {"resourceType": "Observation", "id": "outer", "contained": [{"resourceType": "Basic", "id": "inner"}]}

    target = record(mine, named, theirs, full_urls=urls).resolve(pointer, outer)

    assert (target["id"] if target else None) == found


def test_a_bundle_that_names_the_patient_by_uuid() -> None:
    patient = {"resourceType": "Patient", "id": "p1"}
    pain = condition("c1", subject={"reference": "urn:uuid:42"})

    assert record(patient, pain).foreign == ("Condition/c1",)
    assert record(patient, pain, full_urls={"urn:uuid:42": patient}).foreign == ()


# Generated records: element names and values that the readers look for, in every wrong place.
words = st.sampled_from(
    [
        "Condition",
        "Observation",
        "Patient",
        "Procedure",
        "MedicationRequest",
        "ImagingStudy",
        "Appointment",
        "entered-in-error",
        "active",
        "final",
        "M54.50",
        "279039007",
        "2026-01-01",
        "2026-13-45",
        "Patient/p1",
        "Patient/p2",
        "#",
        "urn:uuid:",
        "http://loinc.org",
        "mm",
        "next",
    ]
)
names = st.sampled_from(
    [
        "resourceType",
        "id",
        "subject",
        "patient",
        "status",
        "verificationStatus",
        "clinicalStatus",
        "code",
        "coding",
        "system",
        "reference",
        "participant",
        "actor",
        "onsetDateTime",
        "onsetAge",
        "performedPeriod",
        "effectiveDateTime",
        "period",
        "start",
        "end",
        "value",
        "unit",
        "comparator",
        "valueQuantity",
        "valueString",
        "bodySite",
        "series",
        "contained",
        "dosageInstruction",
        "timing",
        "repeat",
        "boundsPeriod",
        "dispenseRequest",
        "expectedSupplyDuration",
        "medicationReference",
        "procedureReference",
        "encounter",
        "category",
        "intent",
        "text",
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=8),
    max_leaves=25,
)


@given(resources=st.lists(st.dictionaries(names, anything, max_size=12) | anything, max_size=6))
def test_no_json_makes_reading_fail_or_adds_anything(resources: list[Any]) -> None:
    found = record(*resources)

    birth = date_of({"resourceType": "Observation", "effectiveDateTime": "1980-03-02"})
    for kind in (
        "Condition",
        "Observation",
        "Patient",
        "Procedure",
        "MedicationRequest",
        "ImagingStudy",
        "Appointment",
    ):
        for resource in found.all(kind):
            assert resource in resources
            assert resource["resourceType"] == kind
            assert identity(resource).startswith(kind)
            read_everything(resource, found, birth)
        assert all(resource in found.all(kind) for resource in found.coded(kind, BACK_PAIN))
    assert found.failures(("Condition",)) == ()


def read_everything(resource: dict[str, Any], found: PatientRecord, birth: Any) -> None:
    list(codes_of(resource))
    date_of(resource, birth=birth, resolve=found.resolve)
    start_of(resource, birth=birth, resolve=found.resolve)
    abated(resource, birth=birth)
    course_of(resource)
    for read in (usable, current, negates, verification, regions_of, pain_score, whole_grade, found.codes):
        read(resource)
    assert value_in(resource, "mm") is None or "valueQuantity" in resource
