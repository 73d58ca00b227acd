"""Operations, interventions, implants."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range


@pytest.fixture
def operation(coded):
    def build(code="63030", when="2026-05-10", status="completed", own_id="p", **more):
        return {
            "resourceType": "Procedure",
            "id": own_id,
            "status": status,
            "code": coded("cpt", code),
            **({"performedDateTime": when} if when else {}),
            **more,
        }

    return build


@pytest.mark.parametrize(
    ("change", "surgery", "months"),
    [
        ({}, True, 6.0),
        ({"when": "2026-05-09"}, True, 6 + 1 / 30),
        ({"when": "2026"}, True, Range(0.0, pytest.approx(10.3, abs=0.05))),
        ({"when": None}, True, None),
        ({"code": "22612"}, True, 6.0),
        ({"code": "63020"}, True, None),  # the neck: not the region ordered
        ({"code": "22513"}, None, None),  # augmentation is no spine surgery
        ({"code": "63650"}, None, None),  # nor is a stimulator
        ({"status": "not-done"}, None, None),
        ({"status": "preparation"}, None, None),
        ({"when": "2026-12-01"}, None, None),
        ({"subject": {"reference": "Patient/you"}}, None, None),
    ],
)
def test_spine_surgery(sheet, operation, change, surgery, months):
    facts = sheet(operation(**change))
    assert facts.read("spine_surgery_history").value is surgery
    found = facts.read("months_since_spine_surgery").value
    if isinstance(months, Range):
        assert (found.low, found.high) == (months.low, months.high)
    else:
        assert found == (pytest.approx(months) if months else None)


def test_the_latest_operation_counts(sheet, operation):
    facts = sheet(operation(when="2020-01-01", own_id="a"), operation(when="2026-09-10", own_id="b"))
    assert facts.read("months_since_spine_surgery").value == 2.0


@pytest.mark.parametrize(("code", "surgery"), [("M96.1", True), ("Z98.1", None), ("M96.0", None)])
def test_diagnoses_after_surgery(sheet, condition, code, surgery):
    assert sheet(condition(code)).read("spine_surgery_history").value is surgery


@pytest.mark.parametrize(
    ("code", "when", "recent"),
    [
        ("63030", "2026-08-12", True),
        ("63030", "2026-08-11", None),
        ("62323", "2026-11-01", True),
        ("63650", "2026-11-01", True),
        ("95970", "2026-11-01", None),  # programming an old one
        ("97110", "2026-11-01", None),
    ],
)
def test_recent_interventions(sheet, operation, code, when, recent):
    assert sheet(operation(code, when)).read("recent_spinal_intervention").value is recent


def test_fusion_and_hardware(sheet, operation):
    assert sheet(operation("22612")).read("spinal_fusion_history").value is True
    assert sheet(operation("63030")).read("spinal_fusion_history").value is None
    ref = "procedure_history(fixation_hardware)"
    screws, removal = operation("22842", "2024-01-01", own_id="a"), operation("22852", "2025-01-01", own_id="b")
    assert sheet(screws).read(ref).value is True
    assert sheet(screws, removal).read(ref).value is None


@pytest.mark.parametrize(
    ("code", "argument"),
    [("63200", "tethered_cord_surgery"), ("63706", "open_defect_repaired"), ("63172", "syrinx_surgery")],
)
def test_each_cord_operation_is_its_own_history(sheet, operation, code, argument):
    facts = sheet(operation(code))
    kinds = ("tethered_cord_surgery", "open_defect_repaired", "syrinx_surgery")
    assert [kind for kind in kinds if facts.read(f"procedure_history({kind})").value] == [argument]


def test_surgery_since_the_last_study(sheet, operation, coded):
    study = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": coded("cpt", "72148"),
        "effectiveDateTime": "2026-01-01",
    }
    ref = "procedure_history(surgery_since_prior_imaging)"
    assert sheet(study, operation(when="2026-02-01")).read(ref).value is True
    assert sheet(study, operation(when="2025-12-01")).read(ref).value is None
    assert sheet(operation(when="2026-02-01")).read(ref).value is None


@pytest.mark.parametrize(
    ("performed", "ordered", "hours"),
    [
        ("2026-11-09T12:00:00Z", "2026-11-10T06:00:00Z", 18.0),
        ("2026-11-09T12:00:00+02:00", "2026-11-10T06:00:00Z", 20.0),
        ("2026-11-09", "2026-11-10T06:00:00Z", Range(0.0, 48.0)),
        ("2026-11-07", "2026-11-10T06:00:00Z", Range(48.0, 96.0)),
        ("2026-11-09T12:00:00Z", "2026-11-10", Range(0.0, 48.0)),
    ],
)
def test_hours_since_augmentation(sheet, operation, performed, ordered, hours):
    facts = sheet(operation("22514", performed), order={"authoredOn": ordered})
    assert facts.read("hours_since_vertebral_augmentation").value == hours


def test_years_since_scoliosis_surgery(sheet, operation):
    assert sheet(operation("22802", "2024-11-10")).read("scoliosis_surgery_timepoint").value == 2.0
    assert sheet(operation("22612", "2024-11-10")).read("scoliosis_surgery_timepoint").value is None


@pytest.fixture
def device(coded):
    def build(label=None, kind="706004007", status="active", system="devsafety", **more):
        return {
            "resourceType": "Device",
            "id": "dev",
            "status": status,
            "type": coded("snomed", kind),
            "patient": {"reference": "Patient/me"},
            **({"safety": [coded(system, label)]} if label else {}),
            **more,
        }

    return build


@pytest.mark.parametrize(
    ("change", "value", "asked"),
    [
        ({"label": "C106047"}, True, False),
        ({"label": "C106047", "kind": "43252007"}, True, False),
        ({"label": "C106045"}, None, False),
        ({"label": "C106046"}, None, False),
        ({"label": "C113844"}, None, True),
        ({}, None, True),  # a pacemaker: is it safe?
        ({"kind": "37299003"}, None, False),  # no implant that matters
        ({"label": "C106047", "status": "inactive"}, None, False),  # taken out
        ({"label": "C106047", "status": "entered-in-error"}, None, False),
        ({"label": "C106047", "patient": {"reference": "Patient/you"}, "subject": None}, None, False),
    ],
)
def test_a_device_contraindicates_mri_only_by_its_label(sheet, device, change, value, asked):
    made = device(**{key: change[key] for key in change if key != "subject"})
    if "subject" in change:
        made["subject"] = None
    found = sheet(made).read("implanted_device_not_mr_conditional")
    assert found.value is value
    assert bool(found.sources) is (asked or value is True)


def test_the_value_set_address_is_accepted_as_the_system(sheet, device):
    made = device("C106047")
    made["safety"][0]["coding"][0]["system"] = "http://hl7.org/fhir/ValueSet/device-safety"
    assert sheet(made).read("implanted_device_not_mr_conditional").value is True


@pytest.mark.parametrize("code", ["Z95.0", "Z18.10"])
def test_an_implant_on_the_problem_list_is_a_question(sheet, condition, code):
    facts = sheet(condition(code))
    for ref in ("implanted_device_not_mr_conditional", "implanted_ferromagnetic_material"):
        found = facts.read(ref)
        assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "Condition/c")


def test_spinal_hardware_is_no_contraindication(sheet, operation):
    assert sheet(operation("22842")).read("implanted_ferromagnetic_material").why is Why.NOT_DOCUMENTED


@pytest.mark.parametrize(
    ("ref", "code", "onset", "expected"),
    [
        ("suspected_postop_complication", "T81.41XA", "2026-11-01", True),
        ("suspected_postop_complication", "T81.41XA", "2026-06-01", None),  # long over
        ("suspected_pseudoarthrosis", "M96.0", None, True),
        ("suspected(hardware_loosening)", "T84.226A", None, True),
        ("suspected(hardware_loosening)", "T84.226S", None, None),
    ],
)
def test_what_may_follow_an_operation(sheet, condition, coded, ref, code, onset, expected):
    assert sheet(condition(code, onset=onset)).read(ref).value is expected
    assert sheet(condition(code, onset=onset, verification="provisional")).read(ref).value is expected
    stage_s = code.endswith("S")
    assert sheet(order={"reasonCode": [coded("icd10cm", code)]}).read(ref).value is (None if stage_s else True)
