"""Imaging on record: region, date, report, result."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range
from cds_service.facts.episode import ONSET_NEEDED


@pytest.fixture
def report(coded):
    def build(code="72100", when="2026-10-15", status="final", own_id="r", **more):
        return {
            "resourceType": "DiagnosticReport",
            "id": own_id,
            "status": status,
            "code": coded("cpt", code) if code else {"text": "x-ray"},
            "effectiveDateTime": when,
            **more,
        }

    return build


@pytest.fixture
def pictures(coded):
    def build(modality="DX", when="2026-10-15", site="122496007", status="available", own_id="i", **more):
        return {
            "resourceType": "ImagingStudy",
            "id": own_id,
            "status": status,
            "started": when,
            "modality": [coded("dicom", modality)["coding"][0]],
            "series": [{"bodySite": coded("snomed", site)["coding"][0]}] if site else [],
            **more,
        }

    return build


@pytest.fixture
def pain(condition):
    return condition("M54.50", onset="2026-10-01")


XRAY = "plain_xray_available(lumbar)"


@pytest.mark.parametrize(
    ("change", "value", "note"),
    [
        ({}, True, None),
        ({"when": "2026-10-01"}, True, None),  # the day on which it began
        ({"when": "2026-09-30"}, None, "taken before the current symptoms began"),
        ({"when": "2026-10"}, True, None),
        ({"when": "2026"}, None, "its date is too vague to tell"),
        ({"status": "preliminary"}, None, None),
        ({"status": "registered"}, None, None),
        ({"status": "cancelled"}, None, None),
        ({"code": "72040"}, None, None),  # the neck
        ({"code": "72148"}, None, None),  # an MRI is no x-ray
        ({"code": "72082"}, True, None),  # whole-spine films show every region
        ({"subject": {"reference": "Patient/you"}}, None, None),
        ({"when": "2026-12-01"}, None, None),  # still to come
    ],
)
def test_an_x_ray_with_a_report_since_the_symptoms_began(sheet, report, pain, change, value, note):
    found = sheet(pain, report(**change)).read(XRAY)
    assert (found.value, found.note) == (value, note)
    if value is None and note:
        assert found.sources[0].reference == "DiagnosticReport/r"


def test_without_an_onset_the_onset_is_what_is_missing(sheet, report):
    found = sheet(report()).read(XRAY)
    assert (found.why, found.note) == (Why.NOT_DOCUMENTED, ONSET_NEEDED)


def test_pictures_without_a_report_are_no_result(sheet, pictures, pain):
    found = sheet(pain, pictures()).read(XRAY)
    assert found.value is False
    assert found.sources[0].reference == "ImagingStudy/i"
    assert sheet(pain, pictures(status="registered")).read(XRAY).value is None
    assert sheet(pain, pictures(when="2026-09-01")).read(XRAY).value is None


def test_a_report_is_recognised_by_the_pictures_it_belongs_to(sheet, report, pictures, pain):
    linked = report(code=None, imagingStudy=[{"reference": "ImagingStudy/i"}])
    assert sheet(pain, linked, pictures()).read(XRAY).value is True
    assert sheet(pain, report(code=None)).read(XRAY).value is None
    assert sheet(pain, linked, pictures(site="122494005")).read(XRAY).value is None


def test_a_drafted_x_ray_is_no_result(sheet, pain):
    assert sheet(pain, drafts=["72100"]).read(XRAY).value is None


@pytest.mark.parametrize(
    ("conclusion", "value"),
    [
        (("fact-value", "negative"), "negative"),
        (("fact-value", "equivocal"), "equivocal"),
        (("icd10cm", "S32.010A"), "fracture"),
        (("icd10cm", "M43.16"), "abnormal"),
        (None, None),
    ],
)
def test_the_result_is_read_from_codes_only(sheet, report, pain, coded, conclusion, value):
    codes = {"conclusionCode": [coded(*conclusion)]} if conclusion else {}
    film = report(conclusion="No fracture.", **codes)
    assert sheet(pain, film).read("xray_result(lumbar)").value == value


def test_a_linked_observation_may_hold_the_result(sheet, report, pain, coded):
    result = {
        "resourceType": "Observation",
        "id": "res",
        "status": "final",
        "code": coded("fact", "xray_result(lumbar)"),
        "valueCodeableConcept": coded("fact-value", "equivocal"),
    }
    film = report(result=[{"reference": "Observation/res"}])
    assert sheet(pain, film, result).read("xray_result(lumbar)").value == "equivocal"


@pytest.mark.parametrize(
    ("resource", "value", "months"),
    [
        ({"report": {"code": "72148", "when": "2026-05-10"}}, True, 6.0),
        ({"report": {"code": "72131", "when": "2026-05-10"}}, True, 6.0),
        ({"report": {"code": "72100", "when": "2026-05-10"}}, None, None),
        ({"report": {"code": "72141", "when": "2026-05-10"}}, None, None),
        ({"pictures": {"modality": "MR", "when": "2026-05-10"}}, True, 6.0),
        ({"pictures": {"modality": "CT", "when": "2026"}}, True, Range(0.0, pytest.approx(10 + 9 / 30, abs=0.1))),
        ({"pictures": {"modality": "CR", "when": "2026-05-10"}}, None, None),
        ({"pictures": {"modality": "MR", "when": "2026-05-10", "site": None}}, None, None),  # of what?
        ({"pictures": {"modality": "MR", "when": "2026-05-10", "status": "cancelled"}}, None, None),
    ],
)
def test_prior_advanced_imaging(sheet, report, pictures, resource, value, months):
    made = report(**resource["report"]) if "report" in resource else pictures(**resource["pictures"])
    facts = sheet(made)
    assert facts.read("prior_advanced_imaging(lumbar)").value is value
    found = facts.read("months_since_prior_imaging(lumbar)").value
    if isinstance(months, Range):
        assert (found.low, found.high) == (months.low, months.high)
    else:
        assert found == months


def test_the_latest_study_counts(sheet, report):
    facts = sheet(
        report("72148", "2020-01-01", own_id="a"),
        report("72158", "2026-08-10", own_id="b"),
        report("72148", "2023-01-01", own_id="c"),
    )
    found = facts.read("months_since_prior_imaging(lumbar)")
    assert (found.value, found.sources[0].reference) == (3.0, "DiagnosticReport/b")


def test_a_completed_order_counts_only_with_its_report(sheet, report, coded):
    order = {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "completed",
        "intent": "order",
        "code": coded("cpt", "72148"),
        "authoredOn": "2026-05-10",
    }
    assert sheet(order).read("prior_advanced_imaging(lumbar)").value is None
    done = report(code=None, basedOn=[{"reference": "ServiceRequest/s"}])
    assert sheet(order, done).read("prior_advanced_imaging(lumbar)").value is True


@pytest.mark.parametrize(("code", "value"), [("equivocal", True), ("nondiagnostic", True), ("negative", False)])
def test_nondiagnostic_studies(sheet, report, coded, code, value):
    study = report("72148", conclusionCode=[coded("fact-value", code)])
    assert sheet(study).read("mri_nondiagnostic(lumbar)").value is value
    assert sheet(study).read("ct_nondiagnostic(lumbar)").value is None


def test_an_ultrasound_without_a_coded_result_is_not_read_as_none(sheet, report, coded):
    facts = sheet(report("76800", "2026-10-13"), cpt="72158", born="2026-08-01")
    assert facts.read("spinal_ultrasound_result").why is Why.UNREADABLE
    assert facts.read("weeks_since_spinal_ultrasound").value == 4.0
    normal = report("76800", conclusionCode=[coded("fact-value", "normal")])
    assert sheet(normal).read("spinal_ultrasound_result").value == "normal"
    assert sheet().read("spinal_ultrasound_result").why is Why.NOT_DOCUMENTED


def test_renal_ultrasound(sheet, report):
    assert sheet(report("76770", "2026-05-10")).read("months_since_renal_ultrasound").value == 6.0
    assert sheet(report("76800", "2026-05-10")).read("months_since_renal_ultrasound").value is None
    both = (report("76770", "2024-05-10", own_id="a"), report("76775", "2026-08-10", own_id="b"))
    assert sheet(*both).read("months_since_renal_ultrasound").value == 3.0


def test_findings_in_coded_conclusions(sheet, report, pain, coded):
    broken = report(conclusionCode=[coded("icd10cm", "M48.56XA")])
    assert sheet(pain, broken).read("new_compression_fracture_on_xray").value is True
    assert sheet(pain).read("new_compression_fracture_on_xray").value is None
    infected = report("72131", conclusionCode=[coded("icd10cm", "M46.46")])
    assert sheet(infected).read("xray_or_ct_suspicious_for_infection").value is True
    assert (
        sheet(report("72148", conclusionCode=[coded("icd10cm", "M46.46")]))
        .read("xray_or_ct_suspicious_for_infection")
        .value
        is None
    )


def test_sacroiliac_imaging_together(sheet, report, pain):
    ref = "order_flag(si_joint_imaging_together)"
    assert sheet(drafts=["72195"]).read(ref).value is True
    assert sheet(drafts=["72202"]).read(ref).value is None  # plain films are not what is meant
    assert sheet(pain, report("72195")).read(ref).value is True
    assert sheet(pain, report("72195", "2026-09-01")).read(ref).value is None
    assert sheet(cpt="72195", drafts=["72148"]).read(ref).value is None
