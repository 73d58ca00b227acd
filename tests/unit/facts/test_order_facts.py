"""What the order says of itself."""

from __future__ import annotations

import pytest


def test_study_region_contrast_units(sheet):
    facts = sheet(cpt="72158")
    assert facts.read("requested_cpt").value == "72158"
    assert facts.read("requested_region").value == "lumbar"
    assert facts.read("requested_contrast").value == "without_and_with"
    assert facts.read("requested_units").value == 1.0
    assert facts.read("requested_cpt").sources[0].reference == "ServiceRequest/draft"


def test_units_of_the_same_study_add_up(sheet):
    assert sheet(cpt="76800", order={"units": 2}).read("requested_units").value == 2.0
    assert sheet(cpt="76800", drafts=["76800", "72148"]).read("requested_units").value == 2.0


@pytest.mark.parametrize(
    ("codes", "value"),
    [(["m5450"], ("M54.50",)), (["Q05.7", "G95.0"], ("Q05.7", "G95.0")), (["C61"], ("C61",)), ([], None)],
)
def test_reason_codes_have_their_dot(sheet, coded, codes, value):
    order = {"reasonCode": [coded("icd10cm", code) for code in codes]} if codes else {}
    assert sheet(order=order).read("icd10_reason_code").value == value


@pytest.mark.parametrize(
    ("cpt", "draft", "together"),
    [
        ("72148", "72131", True),
        ("72131", "72148", True),
        ("72148", "72125", None),  # another region
        ("72148", "72158", None),  # two MRIs
        ("72148", "72100", None),
    ],
)
def test_mri_and_ct_of_one_region(sheet, cpt, draft, together):
    assert sheet(cpt=cpt, drafts=[draft]).read("order_flag(mri_and_ct_together)").value is together


def test_flags_of_the_order(sheet):
    facts = sheet(order={"flags": ["positional_mri"]})
    assert facts.read("order_flag(positional_mri)").value is True
    assert facts.read("order_flag(cone_beam_ct)").value is None


@pytest.mark.parametrize(("cpt", "value"), [("76998", True), ("76800", None)])
def test_intraoperative_use(sheet, cpt, value):
    assert sheet(cpt=cpt).read("intraoperative_use").value is value


@pytest.mark.parametrize(
    ("argument", "codes", "value"),
    [
        ("fibromyalgia", ["M79.7"], True),
        ("fibromyalgia", ["M79.7", "M54.50"], None),  # not the only reason
        ("hemangioma", ["D18.09"], True),
        ("degenerative_disc_root_or_fracture", ["M51.26", "M54.16"], True),
        ("degenerative_disc_root_or_fracture", ["M54.50"], None),
        ("dysraphism_screening", ["Q82.6"], True),
        ("calcified_lesion", ["M48.8X2"], True),
        ("fibromyalgia", [], None),
        ("cord_only", ["G95.9"], None),  # only an answer says that nothing else is meant
    ],
)
def test_the_question_is_declared_by_every_reason(sheet, coded, argument, codes, value):
    order = {"reasonCode": [coded("icd10cm", code) for code in codes]} if codes else {}
    assert sheet(order=order).read(f"imaging_question({argument})").value is value


def test_a_problem_list_declares_no_question(sheet, condition):
    assert sheet(condition("M79.7")).read("imaging_question(fibromyalgia)").value is None
