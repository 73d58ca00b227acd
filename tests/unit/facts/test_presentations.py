"""Pain, radiating pain and spine diagnoses: which coded problem makes which fact true."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why


@pytest.mark.parametrize(
    ("ref", "code", "value"),
    [
        ("spine_pain(lumbar)", "M54.50", True),
        ("spine_pain(lumbar)", "m5450", True),
        ("spine_pain(lumbar)", "M54.5", True),  # retired, still in charts
        ("spine_pain(lumbar)", "M54.41", True),
        ("spine_pain(cervical)", "M54.50", None),
        ("spine_pain(cervical)", "M54.2", True),
        ("spine_pain(thoracic)", "M54.6", True),
        ("spine_pain(sacrum_coccyx)", "M53.3", True),
        ("coccydynia", "M53.3", True),
        ("si_joint_pain", "M53.3", None),  # shared code: says too little for the joint
        ("si_joint_pain", "M46.1", True),
        ("spine_pain(lumbar)", "M54.9", None),  # back, nobody says where
        ("radicular_pain_in_named_root", "M54.16", True),
        ("radicular_pain_in_named_root", "M54.10", None),  # no site, no root
        ("lower_extremity_pain", "M54.31", True),
        ("neurologic_features", "M54.12", True),
        ("neurologic_features", "M54.2", None),
        ("neurologic_features", "R33.0", None),
        ("suspected_lumbar_stenosis", "M48.061", True),
        ("suspected_lumbar_stenosis", "M48.02", None),
        ("suspected_myelopathy", "M47.12", True),
        ("suspected_spondylolysis", "M43.06", True),
        ("spondylolisthesis", "M43.16", True),
        ("inflammatory_spondylitis_suspected_or_known", "M46.80", True),
        ("ankylosing_spondylitis_or_dish", "M45.6", True),
        ("ankylosing_spondylitis_or_dish", "M45.A6", None),
        ("ankylosing_spondylitis_or_dish", "M48.10", True),
        ("condition(juvenile_idiopathic_arthritis)", "M08.00", True),
        ("condition(multiple_sclerosis_or_myelitis)", "G35", True),
        ("known_syrinx", "G95.0", True),
        ("suspected_syringomyelia", "G95.0", None),  # known, no longer suspected
    ],
)
def test_a_confirmed_active_problem(sheet, condition, ref, code, value):
    assert sheet(condition(code)).read(ref).value is value


@pytest.mark.parametrize(
    ("system", "code", "ref"),
    [
        ("icd9cm", "724.2", "spine_pain(lumbar)"),
        ("icd9cm", "723.1", "spine_pain(cervical)"),
        ("snomed", "279039007", "spine_pain(lumbar)"),
        ("snomed", "1121000119107", "spine_pain(cervical)"),
    ],
)
def test_older_and_other_code_systems(sheet, condition, system, code, ref):
    assert sheet(condition(code, system=system)).read(ref).value is True


@pytest.mark.parametrize(
    ("change", "pain", "spondylitis"),
    [
        ({}, True, True),
        ({"clinical": None}, True, True),
        ({"clinical": "recurrence"}, True, True),
        ({"clinical": "resolved"}, None, True),  # lifelong conditions stay
        ({"verification": "provisional"}, True, None),
        ({"verification": "refuted"}, False, False),
        ({"verification": "entered-in-error"}, None, None),
        ({"subject": {"reference": "Patient/you"}}, None, None),
        ({"onset": "2027-05-01"}, None, None),
        ({"code": {"text": "low back pain"}}, None, None),  # words are never read
        ({"code": {"coding": [{"code": "M54.50"}]}}, None, None),  # a code without system is no code
    ],
)
def test_status_decides_what_a_problem_says(sheet, condition, change, pain, spondylitis):
    changed = {"onset": None, **change}
    code = {"code": changed.pop("code")} if "code" in changed else {}
    assert sheet({**condition("M54.50", **changed), **code}).read("spine_pain(lumbar)").value is pain
    found = sheet({**condition("M45.6", **changed), **code}).read("ankylosing_spondylitis_or_dish")
    assert found.value is spondylitis


@pytest.mark.parametrize(
    ("code", "ref", "value"),
    [
        ("M54.50", "spine_pain(lumbar)", True),
        ("M54.9", "spine_pain(lumbar)", True),  # the reason of a lumbar order
        ("M54.2", "spine_pain(lumbar)", None),
        ("G95.0", "suspected_syringomyelia", True),
        ("G95.0", "known_syrinx", None),
        ("Q90.9", "condition(trisomy_21)", True),
    ],
)
def test_the_reason_of_the_order(sheet, coded, code, ref, value):
    found = sheet(order={"reasonCode": [coded("icd10cm", code)]}).read(ref)
    assert found.value is value
    if value:
        assert found.sources[0].reference == "ServiceRequest/draft"


def test_known_beats_suspected(sheet, condition, coded):
    order = {"reasonCode": [coded("icd10cm", "G95.0")]}
    assert sheet(condition("G95.0"), order=order).read("suspected_syringomyelia").value is None


def test_a_body_site_places_a_problem_and_so_does_the_order_that_refers_to_it(sheet, condition, coded):
    site = {"bodySite": [coded("snomed", "122496007")]}
    assert sheet(condition("M54.9", **site)).read("spine_pain(lumbar)").value is True
    referred = {"reasonReference": [{"reference": "Condition/c"}]}
    assert sheet(condition("M54.9"), order=referred).read("spine_pain(lumbar)").value is True


def test_the_reason_of_a_visit_of_this_episode_counts(sheet, coded):
    visit = {
        "resourceType": "Encounter",
        "id": "v",
        "status": "finished",
        "period": {"start": "2026-11-01"},
        "reasonCode": [coded("icd10cm", "M54.50")],
    }
    assert sheet(visit).read("spine_pain(lumbar)").value is True
    assert sheet({**visit, "status": "planned"}).read("spine_pain(lumbar)").value is None
    assert sheet({**visit, "period": {"start": "2025-11-01"}}).read("spine_pain(lumbar)").value is None
    old = {**visit, "period": {"start": "2025-11-01"}, "status": "in-progress"}
    assert sheet(old, encounter="v").read("spine_pain(lumbar)").value is True  # the visit of the order


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"valueBoolean": True}, True),
        ({"valueBoolean": False}, False),
        ({"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "2667000"}]}}, False),
        ({"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "52101004"}]}}, True),
        ({}, None),
        ({"valueString": "positive"}, None),
        ({"valueBoolean": True, "status": "cancelled"}, None),
        ({"valueBoolean": True, "effectiveDateTime": "2025-11-01"}, None),
    ],
)
def test_an_examination_finding_as_an_observation(sheet, coded, change, value):
    sign = {
        "resourceType": "Observation",
        "status": "final",
        "code": coded("snomed", "366575004"),
        "effectiveDateTime": "2026-11-01",
        **change,
    }
    assert sheet(sign).read("babinski_sign").value is value


def test_weak_codes_and_codes_without_their_body_site_are_shown_and_do_not_count(sheet, condition, coded):
    weak = sheet(condition("G47.01")).read("night_pain")
    assert (weak.why, weak.sources[0].reference) == (Why.NOT_DOCUMENTED, "Condition/c")
    bone = sheet(condition("D18.09")).read("condition(vertebral_hemangioma)")
    assert bone.why is Why.NOT_DOCUMENTED
    assert "body site" in bone.note
    placed = condition("D18.09", bodySite=[coded("snomed", "122495006")])
    assert sheet(placed).read("condition(vertebral_hemangioma)").value is True


@pytest.mark.parametrize(
    ("onset", "order", "value"),
    [
        ("2026-11-01", {}, True),
        ("2024-01-01", {}, None),
        ("2024-01-01", {"reason": "M54.50"}, None),  # the chart shows that it is old
        (None, {"reason": "M54.50"}, True),
        (None, {"reason": "R10.9"}, True),
        (None, {"reason": "E11.9"}, None),
    ],
)
def test_new_back_or_abdominal_pain(sheet, condition, coded, onset, order, value):
    resources = [condition("M54.50", onset=onset)] if onset else []
    reason = {"reasonCode": [coded("icd10cm", order["reason"])]} if order else {}
    assert sheet(*resources, order=reason).read("new_back_or_abdominal_pain").value is value


def test_pain_of_the_operated_region_after_the_operation(sheet, condition, coded):
    operation = {
        "resourceType": "Procedure",
        "id": "p",
        "status": "completed",
        "code": coded("cpt", "63030"),
        "performedDateTime": "2026-03-01",
    }
    after = condition("M54.50", onset="2026-06-01")
    assert sheet(operation, after).read("symptoms_at_operated_level").value is True
    assert sheet(operation, condition("M54.50", onset="2026-02-01")).read("symptoms_at_operated_level").value is None
    assert sheet(operation, condition("M54.2", onset="2026-06-01")).read("symptoms_at_operated_level").value is None
    assert (
        sheet(operation, condition("M54.50", recordedDate="2026-06-01")).read("symptoms_at_operated_level").value
        is None
    )
