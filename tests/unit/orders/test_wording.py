"""What is read from the words of an order: labels, contrast, and whether an unknown order should be spoken of."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.orders.wording import contrast_in, labels_in, levels_in, unrecognised

IMAGING = [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}]
RADIOLOGY = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}]
LUMBAR = [{"coding": [{"system": "http://snomed.info/sct", "code": "122496007"}]}]
KNEE = [{"coding": [{"system": "http://snomed.info/sct", "code": "72696002"}]}]


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ("UPRIGHT MRI lumbar", {"positional_mri"}),
        ("weight-bearing", {"positional_mri"}),
        ("Cone-beam CT", {"cone_beam_ct"}),
        ("CBCT c-spine", {"cone_beam_ct"}),
        ("MR spectroscopy", {"spectroscopy"}),
        ("post myelogram CT", {"myelography"}),
        ("CT with intrathecal contrast", {"myelography"}),
        ("CT after discography", {"post_discography_ct"}),
        ("Ga-67 scan", {"gallium"}),
        ("3-phase bone scan", {"three_phase"}),
        ("CT with 3D", {"render_3d"}),
        ("whole-body MRI", {"whole_body_mri"}),
        ("quantitative MRI", {"quantitative_mri"}),
        ("PET/MRI", {"pet_mri"}),
        ("MRI lumbar spine", set()),
        ("", set()),
    ],
)
def test_kinds_of_study(words: str, labels: set[str]) -> None:
    assert labels_in(words) == labels


@pytest.mark.parametrize(
    ("words", "contrast"),
    [
        ("MRI L-spine without contrast", "without"),
        ("MRI LUMBAR SPINE W/O CONTRAST", "without"),
        ("MR L SPINE WO CONTRAST", "without"),
        ("non-contrast MRI", "without"),
        ("MRI with contrast", "with"),
        ("MRI W CONTRAST", "with"),
        ("MRI w/ IV contrast", "with"),
        ("MRI with and without contrast", "without_and_with"),
        ("MRI without and with contrast", "without_and_with"),
        ("MRI W/O & W/ CONTRAST", "without_and_with"),
        ("MRI W WO CONTRAST", "without_and_with"),
        ("MRI W/WO CONTRAST", "without_and_with"),
        ("MRI without contrast followed by with contrast", "without_and_with"),
        ("CT with intrathecal contrast", "intrathecal"),
        ("without contrast, do not give any; patient with gadolinium allergy", None),
        ("MRI lumbar spine", None),
        ("", None),
    ],
)
def test_contrast(words: str, contrast: str | None) -> None:
    assert contrast_in(words) == contrast


@pytest.mark.parametrize(
    ("words", "levels"),
    [("MRI C-spine", "cervical"), ("MR T SPINE", "thoracic"), ("lumbosacral", "lumbar sacrum_coccyx"), ("spine", "")],
)
def test_levels(words: str, levels: str) -> None:
    assert levels_in(words) == set(levels.split())


def local(
    text: str | None = None, display: str | None = None, system: str = "http://hospital.example"
) -> dict[str, Any]:
    coding = {"system": system, "code": "X1", **({"display": display} if display else {})}
    return {"coding": [coding], **({"text": text} if text else {})}


@pytest.mark.parametrize(
    ("order", "spoken_of"),
    [
        ({"code": local("MRI LUMBAR SPINE")}, True),
        ({"code": {"text": "SPINE LUMBOSACRAL MIN 2 VIEWS"}}, True),
        ({"code": local(display="MR C-SPINE")}, True),
        ({"code": {"text": "lumbar spine"}}, True),
        ({"code": local("X1"), "category": IMAGING, "bodySite": LUMBAR}, True),
        ({"code": local("X1"), "category": RADIOLOGY}, True),
        ({"code": local("MRI lumbar spine", system="http://www.ama-assn.org/go/cpt")}, True),
        ({"code": local("MRI", system="http://loinc.org"), "bodySite": LUMBAR}, True),
        # Not imaging, not of the spine, or named by a code that everybody can look up.
        ({"code": {"text": "physical therapy for lumbar spine"}}, False),
        ({"code": local("Lumbar puncture")}, False),
        ({"code": local("X1"), "bodySite": LUMBAR}, False),
        ({"code": local("XR chest"), "category": IMAGING}, False),
        ({"code": local("X1"), "category": IMAGING, "bodySite": KNEE}, False),
        ({"code": local("US cervical length")}, False),
        ({"code": local("Portable chest", system="http://loinc.org"), "category": IMAGING}, False),
        ({"code": local(system="http://www.ama-assn.org/go/cpt"), "category": IMAGING}, False),
        ({"code": local(display="MRI lumbar spine", system="http://www.ama-assn.org/go/cpt")}, False),
        ({"code": local("Complete blood count")}, False),
        ({"code": {"coding": [{}]}, "category": IMAGING}, False),
        ({"code": {"coding": [{}]}}, False),
        ({"code": "MRI spine"}, False),
        ({}, False),
    ],
)
def test_when_an_unknown_order_is_spoken_of(order: dict[str, Any], spoken_of: bool) -> None:
    assert (unrecognised(order) is not None) is spoken_of
