"""Injuries: where, when, how."""

from __future__ import annotations

import math

import pytest

from cds_service.core.quantity import Range


@pytest.mark.parametrize(
    ("code", "onset", "regions"),
    [
        ("S12.000A", "2026-11-01", {"cervical"}),
        ("S13.4XXA", "2026-11-01", {"cervical"}),
        ("S22.070A", "2026-11-01", {"thoracic"}),
        ("S33.5XXD", "2026-11-01", {"lumbar"}),  # in care: a known injury
        ("S39.012A", "2026-11-01", {"lumbar"}),
        ("S32.10XA", "2026-11-01", {"sacrum_coccyx"}),
        ("S13.4XXS", "2026-11-01", set()),  # late effect
        ("S39.011A", "2026-11-01", set()),  # the abdomen
        ("S82.101A", "2026-11-01", set()),  # the leg
    ],
)
def test_spine_trauma_by_region(sheet, condition, code, onset, regions):
    facts = sheet(condition(code, onset=onset))
    all_regions = ("cervical", "thoracic", "lumbar", "sacrum_coccyx", "pelvis")
    assert {region for region in all_regions if facts.read(f"spine_trauma({region})").value} == regions


def test_the_reason_of_the_order_places_an_injury_but_not_in_time(sheet, coded):
    facts = sheet(cpt="72125", order={"reasonCode": [coded("icd10cm", "S13.4XXA")]})
    assert facts.read("spine_trauma(cervical)").value is True
    assert facts.read("months_since_trauma").value is None
    assert facts.read("acute_trauma").value is None


@pytest.mark.parametrize(
    ("change", "months"),
    [
        ({"onset": "2026-08-10"}, 3.0),
        ({"onset": "2026-08-09"}, 3 + 1 / 31),
        ({"onset": "2026"}, Range(0.0, pytest.approx(10.3, abs=0.05))),
        ({"recordedDate": "2026-08-10"}, Range(3.0, math.inf)),  # it happened before it was written down
        ({"onset": "2026-08-10", "verification": "refuted"}, None),
        ({"onset": "2026-08-10", "subject": {"reference": "Patient/you"}}, None),
        ({}, None),
    ],
)
def test_months_since_trauma(sheet, condition, change, months):
    found = sheet(condition("S13.4XXA", **change), cpt="72125").read("months_since_trauma").value
    if isinstance(months, Range):
        assert (found.low, found.high) == (months.low, months.high)
    else:
        assert found == (pytest.approx(months, abs=0.01) if months else None)


@pytest.mark.parametrize(
    ("code", "onset", "acute"),
    [
        ("S33.5XXA", "2026-10-11", True),
        ("S33.5XXA", "2026-10-10", None),
        ("S33.5XXD", "2026-11-05", None),
        ("S33.5XXA", None, None),
    ],
)
def test_acute(sheet, condition, code, onset, acute):
    assert sheet(condition(code, onset=onset)).read("acute_trauma").value is acute


def test_an_emergency_visit_makes_its_injury_acute(sheet, condition, coded):
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": coded("actcode", "EMER")["coding"][0],
        "period": {"start": "2026-11-05"},
    }
    injury = condition("S33.5XXD", encounter={"reference": "Encounter/e"}, onset="2026-11-05")
    assert sheet(injury, visit).read("acute_trauma").value is True
    assert sheet(injury, {**visit, "class": {"code": "AMB"}}).read("acute_trauma").value is None


@pytest.mark.parametrize(
    ("code", "mechanism", "high_energy"),
    [
        ("V03.10XA", "pedestrian_struck", True),
        ("W16.522A", "diving", None),
        ("W16.012A", "fall", None),
        ("V43.52XA", "mvc_other", None),
        ("V48.5XXA", "mvc_rollover", True),
        ("V23.4XXA", "mvc_other", True),
        ("W10.9XXA", "fall", None),
        ("W13.2XXA", "fall", True),
        ("Y04.0XXA", "other", None),
        ("X30.XXXA", None, None),
    ],
)
def test_mechanism(sheet, condition, code, mechanism, high_energy):
    facts = sheet(condition(code, onset="2026-11-01"), cpt="72125")
    assert facts.read("trauma_mechanism").value == mechanism
    assert facts.read("high_energy_mechanism").value is high_energy


def test_a_mechanism_of_long_ago_is_not_of_this_injury(sheet, condition):
    assert sheet(condition("V43.52XA", onset="2026-08-10")).read("trauma_mechanism").value == "mvc_other"
    assert sheet(condition("V43.52XA", onset="2026-08-09")).read("trauma_mechanism").value is None


def test_several_mechanisms_are_one_answer_with_several_codes(sheet, condition):
    both = [
        condition("V43.52XA", onset="2026-11-01", own_id="a"),
        condition("W10.9XXA", onset="2026-11-01", own_id="b"),
    ]
    assert sheet(*both).read("trauma_mechanism").value == ("mvc_other", "fall")


@pytest.mark.parametrize(
    ("ref", "code", "onset", "value"),
    [
        ("head_or_maxillofacial_trauma", "S06.0X0A", "2026-10-01", True),
        ("head_or_maxillofacial_trauma", "S06.0X0A", "2025-10-01", None),
        ("head_or_maxillofacial_trauma", "S06.0X0S", "2026-10-01", None),
        ("exam_finding(altered_mental_status)", "R41.82", "2026-11-09", True),
        ("exam_finding(altered_mental_status)", "R41.82", "2026-01-09", None),
        ("exam_finding(intoxication)", "F10.920", "2026-11-09", True),
        ("exam_finding(substantial_torso_injury)", "S36.00XA", "2026-11-01", True),
        ("exam_finding(new_torticollis)", "M43.6", "2026-11-01", True),
        ("exam_finding(new_torticollis)", "M43.6", "2020-11-01", None),
        ("exam_finding(new_torticollis)", "Q68.0", "2026-11-01", None),
        ("condition(spinal_fracture)", "S32.010A", "2026-11-01", True),
        ("condition(spinal_fracture)", "S33.101A", "2026-11-01", None),  # a dislocation
        ("condition(sacral_or_si_fracture)", "S32.10XA", "2026-11-01", True),
        ("condition(spinal_injury_sequelae)", "S14.109S", "2020-11-01", True),
        ("suspected_nonunion", "S32.010K", "2026-05-01", True),
        ("suspected_nonunion", "S32.010G", "2026-05-01", True),
        ("suspected_nonunion", "S32.010D", "2026-05-01", None),
    ],
)
def test_what_comes_with_an_injury(sheet, condition, ref, code, onset, value):
    assert sheet(condition(code, onset=onset)).read(ref).value is value
