"""Code systems under all their names, and codings in one spelling."""

from __future__ import annotations

import pytest

from cds_service.fhir.codes import code_values, codes_of, codings, normal_system

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        (ICD10CM, ICD10CM),
        ("urn:oid:2.16.840.1.113883.6.90", ICD10CM),
        ("URN:OID:2.16.840.1.113883.6.90", ICD10CM),
        ("2.16.840.1.113883.6.90", ICD10CM),
        ("https://hl7.org/fhir/sid/icd-10-cm/", ICD10CM),
        (" http://hl7.org/fhir/sid/ICD-10-CM ", ICD10CM),
        ("http://hl7.org/fhir/sid/icd-10-cm|2026", ICD10CM),
        ("urn:oid:2.16.840.1.113883.6.12", CPT),
        ("https://www.ama-assn.org/go/cpt", CPT),
        ("urn:oid:2.16.840.1.113883.6.1", LOINC),
        ("https://loinc.org/", LOINC),
        ("urn:oid:2.16.840.1.113883.6.96", SNOMED),
        ("http://snomed.info/sct/731000124108", SNOMED),
        ("http://snomed.info/sct/900000000000207008/version/20260101", SNOMED),
        ("urn:oid:2.16.840.1.113883.6.88", RXNORM),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", HCPCS),
        ("http://www.nlm.nih.gov/research/umls/hcpcs", HCPCS),
        ("http://hl7.org/fhir/ValueSet/device-safety", "urn:oid:2.16.840.1.113883.3.26.1.1"),
        # Neighbours that are other systems: ICD-10 of the WHO, ICD-9-CM procedures.
        ("http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10"),
        ("urn:oid:2.16.840.1.113883.6.104", "urn:oid:2.16.840.1.113883.6.104"),
        ("http://hospital.example/codes", "http://hospital.example/codes"),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_code_system_is_known_by_all_its_names(sent: object, canonical: str | None) -> None:
    assert normal_system(sent) == canonical


@pytest.mark.parametrize(
    ("coding", "read"),
    [
        ({"system": ICD10CM, "code": " m54.50 "}, [(ICD10CM, "M54.50")]),
        ({"system": "urn:oid:2.16.840.1.113883.6.90", "code": "M5450"}, [(ICD10CM, "M5450")]),
        ({"code": "M54.50"}, []),  # a code without a system is not matched
        ({"system": ICD10CM}, []),
        ({"system": ICD10CM, "code": ""}, []),
        ({"system": ICD10CM, "code": 54}, []),
        ({"system": [], "code": "M54.50"}, []),
        ({}, []),
        (None, []),
        ("M54.50", []),
        # CPT is level I of HCPCS, and some send it under that name.
        ({"system": HCPCS, "code": "72148"}, [(CPT, "72148")]),
        ({"system": HCPCS, "code": "0609t"}, [(CPT, "0609T")]),
        ({"system": HCPCS, "code": "G0297"}, [(HCPCS, "G0297")]),
        # The ids of our own facts are case-sensitive.
        (
            {"system": "urn:spine-imaging-review:fact", "code": "spine_pain(lumbar)"},
            [("urn:spine-imaging-review:fact", "spine_pain(lumbar)")],
        ),
    ],
)
def test_a_coding_needs_system_and_code(coding: object, read: list[tuple[str, str]]) -> None:
    assert list(codings({"coding": [coding]})) == read


def test_concepts_lists_of_concepts_and_bare_codings_are_read_alike() -> None:
    one, other = {"system": LOINC, "code": "1-8"}, {"system": SNOMED, "code": "2"}

    assert list(codings(one)) == [(LOINC, "1-8")]
    assert list(codings([{"coding": [one]}, {"coding": other}, 7])) == [(LOINC, "1-8"), (SNOMED, "2")]


def test_a_very_long_code_is_read_like_any_other() -> None:
    assert list(codings({"system": LOINC, "code": "x" * 500})) == [(LOINC, "X" * 500)]


@pytest.mark.parametrize(
    ("resource_type", "element"),
    [
        ("Condition", "code"),
        ("MedicationRequest", "medicationCodeableConcept"),
        ("Device", "type"),
        ("Encounter", "type"),
        ("Encounter", "class"),
        ("ImagingStudy", "procedureCode"),
        ("Basic", "code"),
    ],
)
def test_each_type_is_coded_in_its_own_element(resource_type: str, element: str) -> None:
    resource = {"resourceType": resource_type, element: {"system": SNOMED, "code": "1"}}

    assert list(codes_of(resource)) == [(SNOMED, "1")]


def test_status_words_are_read_whatever_system_they_claim() -> None:
    assert list(code_values({"coding": [{"code": "Active "}, {"code": 3}, None]})) == ["active"]
    assert list(code_values("refuted")) == ["refuted"]
    assert list(code_values([{"coding": {"code": "exam"}}])) == ["exam"]
