"""The region of the spine that a resource speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from cds_service.fhir.regions import icd9_regions, icd10_regions, regions_of, site_regions

SNOMED = "http://snomed.info/sct"
CPT = "http://www.ama-assn.org/go/cpt"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.mark.parametrize(
    ("code", "regions"),
    [
        ("M54.2", "cervical"),
        ("M54.6", "thoracic"),
        ("M54.5", "lumbar"),
        ("M54.50", "lumbar"),
        ("M5450", "lumbar"),
        ("m54.41", "lumbar"),
        ("M54.31", "lumbar"),
        ("M54.9", ""),
        ("M54.89", ""),
        # The site digit, usually the fifth character.
        ("M54.10", ""),
        ("M54.11", "cervical"),
        ("M54.12", "cervical"),
        ("M54.13", "cervical thoracic"),
        ("M54.14", "thoracic"),
        ("M54.15", "thoracic lumbar"),
        ("M54.16", "lumbar"),
        ("M54.17", "lumbar sacrum_coccyx"),
        ("M54.18", "sacrum_coccyx"),
        ("M48.061", "lumbar"),
        ("M48.54XA", "thoracic"),
        ("M46.26", "lumbar"),
        ("M43.16", "lumbar"),
        ("M41.05", "thoracic lumbar"),
        ("M40.03", "cervical thoracic"),
        ("M42.09", ""),
        ("M47.26", "lumbar"),
        # Subdivided first: the site is the sixth character.
        ("M47.816", "lumbar"),
        ("M47.812", "cervical"),
        ("M47.016", "lumbar"),
        ("M41.124", "thoracic"),
        ("M40.204", "thoracic"),
        ("M43.5X2", "cervical"),
        ("M48.8X6", "lumbar"),
        ("M53.2X8", "sacrum_coccyx"),
        # Fourth character in M45, the letter A aside.
        ("M45.0", ""),
        ("M45.2", "cervical"),
        ("M45.6", "lumbar"),
        ("M45.9", ""),
        ("M45.A7", "lumbar sacrum_coccyx"),
        ("M45.AB", ""),
        # Their own digits.
        ("M50.20", "cervical"),
        ("M50.23", "cervical thoracic"),
        ("M50.122", "cervical"),
        ("M51.14", "thoracic"),
        ("M51.26", "lumbar"),
        ("M51.369", "lumbar"),
        ("M51.17", "lumbar sacrum_coccyx"),
        ("M51.A1", "lumbar"),
        ("M51.9", ""),
        ("M99.33", "lumbar"),
        ("M99.41", "cervical"),
        ("M99.04", "sacrum_coccyx"),
        ("M46.1", "pelvis"),
        ("M53.3", "sacrum_coccyx"),
        ("M43.6", "cervical"),
        # Injuries.
        ("S12.100A", "cervical"),
        ("S22.010A", "thoracic"),
        ("S22.41XA", ""),  # ribs
        ("S32.010A", "lumbar"),
        ("S32.10XA", "sacrum_coccyx"),
        ("S32.2XXA", "sacrum_coccyx"),
        ("S32.401A", ""),  # acetabulum
        ("S33.5XXA", "lumbar"),
        # Not of the spine, though a digit would fit.
        ("M16.12", ""),
        ("M79.604", ""),
        ("R29.2", ""),
        ("E11.42", ""),
        ("M", ""),
        ("", ""),
    ],
)
def test_icd10cm_site(code: str, regions: str) -> None:
    assert icd10_regions(code) == set(regions.split())


@pytest.mark.parametrize(
    ("code", "regions"),
    [
        ("724.2", "lumbar"),
        ("7242", "lumbar"),
        ("724.1", "thoracic"),
        ("723.1", "cervical"),
        ("722.10", "lumbar"),
        ("724.4", ""),  # thoracic or lumbosacral
        ("250.00", ""),
    ],
)
def test_icd9cm_site(code: str, regions: str) -> None:
    assert icd9_regions(code) == set(regions.split())


def site(*codes: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": SNOMED, "code": code}]} for code in codes]


@pytest.mark.parametrize(
    ("body_site", "regions"),
    [
        (site("122496007"), "lumbar"),
        (site("1217256009"), "thoracic lumbar"),
        (site("122494005", "122496007"), "cervical lumbar"),
        (site("39723000"), "pelvis"),
        (site("421060004"), "entire_spine"),
        (site("72696002"), ""),  # knee
        ({"coding": [{"system": "urn:spine-imaging-review:fact-value", "code": "thoracic"}]}, "thoracic"),
        ({"coding": [{"system": "urn:spine-imaging-review:fact-value", "code": "knee"}]}, ""),
        ({"text": "lumbar spine"}, ""),  # text is never parsed into a fact
        (None, ""),
    ],
)
def test_body_site(body_site: object, regions: str) -> None:
    assert site_regions(body_site) == set(regions.split())


def imaging(system: str, code: str) -> Iterable[str]:
    return (
        {"72148": ("lumbar",), "72082": ("entire_spine",), "70551": ("brain",)}.get(code, ()) if system == CPT else ()
    )


def coded(system: str, code: str, **elements: object) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": {"coding": [{"system": system, "code": code}]}, **elements}


def test_the_code_goes_before_the_body_site() -> None:
    assert regions_of(coded(ICD10CM, "M54.2", bodySite=site("122496007"))) == {"cervical"}
    assert regions_of(coded(ICD10CM, "M54.9", bodySite=site("122496007"))) == {"lumbar"}
    assert regions_of(coded(SNOMED, "161891005")) == frozenset()


def test_imaging_codes_have_the_regions_of_their_study() -> None:
    assert regions_of(coded(CPT, "72148"), imaging) == {"lumbar"}
    assert regions_of(coded(CPT, "72148")) == frozenset()
    assert regions_of(coded(CPT, "72082"), imaging) == {"cervical", "thoracic", "lumbar"}
    assert regions_of(coded(CPT, "70551", bodySite=site("122496007")), imaging) == {"lumbar"}


def test_an_imaging_study_may_name_its_site_in_a_series() -> None:
    study = {"resourceType": "ImagingStudy", "series": [{"bodySite": {"system": SNOMED, "code": "122495006"}}, 4]}

    assert regions_of(study) == {"thoracic"}
