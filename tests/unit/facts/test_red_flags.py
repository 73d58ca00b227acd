"""Signs of danger: what counts, and what must not."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why

NEW, OLD = "2026-11-01", "2023-01-01"


@pytest.mark.parametrize(
    ("ref", "code", "onset", "value"),
    [
        ("new_foot_drop", "M21.371", NEW, True),
        ("new_foot_drop", "M21.371", OLD, None),  # an old foot drop
        ("new_foot_drop", "M21.371", None, None),  # nothing says that it is new
        ("new_motor_weakness", "M62.81", NEW, True),
        ("new_motor_weakness", "M62.81", None, None),
        ("new_bilateral_leg_weakness", "G82.20", NEW, True),
        ("new_bilateral_leg_weakness", "G83.11", NEW, None),  # one leg
        ("new_neuro_deficit", "M21.372", NEW, True),
        ("red_flag_cauda_equina", "G83.4", None, True),
        ("red_flag_cauda_equina", "S34.3XXA", NEW, True),
        ("red_flag_cauda_equina", "S34.3XXS", NEW, None),  # late effect of an old injury
        ("unexplained_urinary_retention", "R33.9", NEW, True),
        ("unexplained_urinary_retention", "R33.9", OLD, None),
        ("unexplained_urinary_retention", "R33.0", NEW, None),  # drug-induced is explained
        ("new_bowel_bladder_incontinence", "R32", NEW, True),
        ("new_bowel_bladder_incontinence", "R15.9", NEW, True),
        ("new_bowel_bladder_incontinence", "R32", OLD, None),
        ("new_bowel_bladder_incontinence", "N39.3", NEW, None),  # stress incontinence
        ("new_bowel_bladder_incontinence", "N39.44", NEW, None),  # bed-wetting
        ("known_aortic_aneurysm", "I71.40", OLD, True),
        ("known_cancer_history", "C50.911", OLD, True),
        ("known_cancer_history", "Z85.3", OLD, True),
        ("known_cancer_history", "C44.91", OLD, None),
        ("spinal_neoplastic_involvement", "C79.51", OLD, True),
        ("suspected_spinal_malignancy", "C79.51", OLD, None),  # known, not suspected
        ("night_pain", "G47.01", NEW, None),
        ("unintended_weight_loss", "R63.4", NEW, True),
        ("suspected_pathologic_fracture", "M84.58XA", NEW, True),
        ("suspected_pathologic_fracture", "M84.58XD", NEW, None),  # in care already
        ("suspected_traumatic_fracture", "S22.070A", NEW, True),
        ("suspected_traumatic_fracture", "S22.070S", NEW, None),
        ("suspected_spinal_infection", "M46.26", NEW, True),
        ("red_flag_infection", "M46.26", NEW, True),
        ("condition(spinal_infection)", "M46.46", NEW, True),
        ("suspected(epidural_abscess)", "G06.1", NEW, True),
        ("recent_bacterial_infection", "N39.0", "2026-10-01", True),
        ("recent_bacterial_infection", "N39.0", "2026-06-01", None),
        ("iv_drug_use", "F11.20", NEW, None),  # a drug disorder does not say by which route
        ("diabetes_mellitus", "E11.9", OLD, True),
        ("hiv_aids", "B20", OLD, True),
        ("chronic_dialysis", "Z99.2", OLD, True),
        ("chronic_dialysis", "N18.6", OLD, None),
        ("wound_over_spine", "L89.154", NEW, True),
        ("wound_over_spine", "L89.610", NEW, None),  # the heel
        ("immunocompromised", "D84.9", OLD, True),
        ("condition(prior_low_energy_fracture)", "Z87.310", OLD, True),
        ("predisposed_to_insufficiency_fracture", "M81.0", OLD, True),
    ],
)
def test_a_confirmed_problem(sheet, condition, ref, code, onset, value):
    assert sheet(condition(code, onset=onset)).read(ref).value is value


@pytest.mark.parametrize(
    ("ref", "code", "provisional", "refuted", "resolved"),
    [
        ("new_foot_drop", "M21.371", True, False, None),
        ("red_flag_cauda_equina", "G83.4", True, False, None),
        ("suspected_spinal_infection", "M46.26", True, False, None),
        ("red_flag_infection", "M46.26", True, False, None),
        ("suspected_spinal_malignancy", "C79.51", True, False, None),
        ("suspected_aortic_dissection", "I71.00", True, False, None),
        ("known_cancer_history", "C50.911", None, False, True),
        ("spinal_neoplastic_involvement", "C79.51", None, False, True),
        ("known_aortic_aneurysm", "I71.40", None, False, None),
        ("condition(spinal_infection)", "M46.26", None, False, None),
    ],
)
def test_suspicion_denial_and_recovery(sheet, condition, ref, code, provisional, refuted, resolved):
    new = {"onset": NEW}
    for status in ("provisional", "differential", "unconfirmed"):
        assert sheet(condition(code, verification=status, **new)).read(ref).value is provisional
    assert sheet(condition(code, verification="refuted", **new)).read(ref).value is refuted
    assert sheet(condition(code, clinical="resolved", **new)).read(ref).value is resolved


@pytest.mark.parametrize(
    ("code", "ref", "value"),
    [
        ("G83.4", "red_flag_cauda_equina", True),
        ("M46.26", "suspected_spinal_infection", True),
        ("M46.26", "red_flag_infection", None),  # as a reason only a suspicion
        ("C79.51", "suspected_spinal_malignancy", True),
        ("C79.51", "known_cancer_history", None),
        ("C50.911", "known_cancer_history", True),
        ("Z85.3", "known_cancer_history", True),
        ("M21.371", "new_foot_drop", None),  # a reason does not say that it is new
        ("R33.9", "unexplained_urinary_retention", True),
        ("R20.0", "saddle_anesthesia", None),  # numb where?
        ("I71.00", "suspected_aortic_dissection", True),
    ],
)
def test_the_reason_of_the_order(sheet, coded, code, ref, value):
    assert sheet(order={"reasonCode": [coded("icd10cm", code)]}).read(ref).value is value


@pytest.mark.parametrize(
    ("system", "code", "site", "value"),
    [
        ("snomed", "449813001", None, True),
        ("icd10cm", "R20.0", "38864007", True),
        ("icd10cm", "R20.1", "53505006", True),
        ("icd10cm", "R20.0", "56459004", None),  # the foot
        ("icd10cm", "R20.0", None, None),
    ],
)
def test_saddle_anesthesia_needs_its_place(sheet, condition, coded, system, code, site, value):
    place = {"bodySite": [coded("snomed", site)]} if site else {}
    assert sheet(condition(code, system=system, onset=NEW, **place)).read("saddle_anesthesia").value is value


@pytest.mark.parametrize(
    ("left", "right", "value"),
    [
        (("M54.32", NEW), ("M54.31", NEW), True),
        (("M54.42", NEW), ("M54.31", NEW), True),
        (("M54.32", NEW), ("M54.31", OLD), None),
        (("M54.32", NEW), ("M54.30", NEW), None),  # unspecified side
        (("M54.32", NEW), ("M54.32", NEW), None),
    ],
)
def test_bilateral_sciatica_needs_both_sides_new(sheet, condition, left, right, value):
    sides = [condition(code, onset=onset, own_id=name) for name, (code, onset) in (("l", left), ("r", right))]
    assert sheet(*sides).read("acute_bilateral_sciatica").value is value


def test_recorded_but_not_dated_is_marked(sheet, condition):
    found = sheet(condition("M21.371", recordedDate=NEW)).read("new_foot_drop")
    assert found.value is True
    assert "writing it down" in found.note
    assert sheet(condition("M62.81", recordedDate=NEW)).read("new_motor_weakness").why is Why.NOT_DOCUMENTED


def test_a_deficit_from_before_the_symptoms_is_not_new(sheet, condition, stated):
    drop = condition("M21.371", onset="2026-09-01")
    assert sheet(drop, stated({"episode_onset_date": {"valueDate": "2026-10-01"}})).read("new_foot_drop").value is None
    assert sheet(drop, stated({"episode_onset_date": {"valueDate": "2026-08-01"}})).read("new_foot_drop").value is True


def test_injecting_drug_use_by_its_own_concept(sheet, condition, coded):
    assert sheet(condition("226034001", system="snomed")).read("iv_drug_use").value is True
    habit = {
        "resourceType": "Observation",
        "status": "final",
        "code": coded("loinc", "74204-9"),
        "effectiveDateTime": NEW,
        "valueCodeableConcept": coded("snomed", "416479009"),
    }
    assert sheet(habit).read("iv_drug_use").value is True


@pytest.mark.parametrize(
    ("codes", "value"), [(["C91.00"], True), (["C91.00", "C50.911"], None), (["C50.911"], None)]
)  # fmt: skip
def test_leukemia_alone(sheet, condition, codes, value):
    cancers = [condition(code, own_id=code) for code in codes]
    assert sheet(*cancers).read("condition(leukemia_only)").value is value
