"""What is planned, by whom, how urgently."""

from __future__ import annotations

import pytest


@pytest.fixture
def request_for(coded):
    def build(code="64483", status="active", when="2026-11-01", system="cpt", own_id="s", **more):
        return {
            "resourceType": "ServiceRequest",
            "id": own_id,
            "status": status,
            "intent": "order",
            "code": coded(system, code),
            "authoredOn": when,
            **more,
        }

    return build


@pytest.mark.parametrize(
    ("change", "kind", "region"),
    [
        ({}, "transforaminal_esi", "lumbar"),
        ({"code": "62323"}, ("interlaminar_esi", "caudal_esi"), "lumbar"),
        ({"code": "62321", "bodySite": None}, "interlaminar_esi", ("cervical", "thoracic")),
        ({"code": "64493"}, ("facet", "medial_branch_block"), "lumbar"),
        ({"code": "64635"}, "radiofrequency_ablation", "lumbar"),
        ({"code": "20552"}, None, None),
        ({"status": "completed"}, None, None),
        ({"status": "revoked"}, None, None),
        ({"doNotPerform": True}, None, None),
        ({"when": "2025-01-01"}, None, None),  # planned long ago, and nothing since
        ({"when": "2025-01-01", "occurrenceDateTime": "2026-12-01"}, "transforaminal_esi", "lumbar"),
        ({"subject": {"reference": "Patient/you"}}, None, None),
    ],
)
def test_planned_injection(sheet, request_for, change, kind, region):
    facts = sheet(request_for(**change))
    assert facts.read("planned_injection_type").value == kind
    assert facts.read("planned_injection_region").value == region


def test_the_ordered_region_narrows_a_code_that_spans_two(sheet, request_for):
    assert sheet(request_for("64479"), cpt="72141").read("planned_injection_region").value == "cervical"


@pytest.mark.parametrize(
    ("code", "argument"),
    [
        ("62270", "lumbar_puncture"),
        ("62284", "myelogram"),
        ("75705", "spinal_angiography"),
        ("63650", "scs_placement"),
        ("63661", "scs_removal"),
        ("22206", "corrective_surgery_evaluation"),
        ("22513", "vertebral_augmentation_or_spine_surgery"),
    ],
)
def test_what_is_planned(sheet, request_for, code, argument):
    kinds = ("lumbar_puncture", "myelogram", "spinal_angiography", "scs_placement", "scs_removal")
    kinds += ("corrective_surgery_evaluation", "vertebral_augmentation_or_spine_surgery")
    facts = sheet(request_for(code))
    met = {kind for kind in kinds if facts.read(f"planned({kind})").value}
    assert argument in met
    assert met <= {argument, "vertebral_augmentation_or_spine_surgery"}
    assert sheet().read(f"planned({argument})").value is None


def test_programming_a_stimulator_is_no_plan_to_place_one(sheet, request_for):
    assert sheet(request_for("95972")).read("planned(scs_placement)").value is None


@pytest.mark.parametrize(("priority", "urgent"), [("urgent", True), ("stat", True), ("routine", None), (None, None)])
def test_urgency_comes_from_the_priority(sheet, request_for, priority, urgent):
    more = {"priority": priority} if priority else {}
    assert sheet(request_for("63030", **more)).read("planned(urgent_spine_surgery)").value is urgent
    referral = request_for("308482002", system="snomed", **more)
    assert sheet(referral).read("planned(urgent_spine_referral)").value is urgent


def test_an_operation_in_view_documents_surgical_planning(sheet, request_for, coded):
    assert sheet(request_for("63030")).read("surgical_planning_documented").value is True
    booked = {
        "resourceType": "Appointment",
        "id": "a",
        "status": "booked",
        "start": "2026-12-01T08:00:00Z",
        "serviceType": [coded("cpt", "63030")],
        "participant": [{"actor": {"reference": "Patient/me"}}],
    }
    assert sheet(booked).read("surgical_planning_documented").value is True
    assert sheet({**booked, "status": "cancelled"}).read("surgical_planning_documented").value is None
    assert sheet({**booked, "start": "2026-10-01T08:00:00Z"}).read("surgical_planning_documented").value is None
    detail = {"status": "scheduled", "code": coded("cpt", "63030")}
    plan = {"resourceType": "CarePlan", "id": "p", "status": "active", "activity": [{"detail": detail}]}
    assert sheet(plan).read("surgical_planning_documented").value is True


def test_a_myelogram_done_counts_as_planned(sheet, coded):
    done = {
        "resourceType": "Procedure",
        "id": "p",
        "status": "completed",
        "code": coded("cpt", "62304"),
        "performedDateTime": "2026-11-09",
    }
    assert sheet(done).read("planned(myelogram)").value is True
    assert sheet({**done, "performedDateTime": "2020-01-01"}).read("planned(myelogram)").value is None


@pytest.mark.parametrize(("earlier", "kind"), [(None, "initial"), ("22558", "revision"), ("22612", "initial")])
def test_anterior_surgery(sheet, request_for, coded, earlier, kind):
    done = (
        [
            {
                "resourceType": "Procedure",
                "id": "p",
                "status": "completed",
                "code": coded("cpt", earlier),
                "performedDateTime": "2020-01-01",
            }
        ]
        if earlier
        else []
    )
    assert sheet(request_for("22558"), *done).read("anterior_surgery_type").value == kind
    assert sheet(*done).read("anterior_surgery_type").value is None


def test_the_operating_surgeon_asks_for_the_study(sheet, request_for):
    mine = {"requester": {"reference": "Practitioner/surgeon"}}
    ref = "operating_surgeon_request"
    assert sheet(request_for("22612", **mine), order=mine).read(ref).value is True
    assert sheet(request_for("22612", performer=[mine["requester"]]), order=mine).read(ref).value is True
    assert (
        sheet(request_for("22612", **mine), order={"requester": {"reference": "Practitioner/gp"}}).read(ref).value
        is None
    )
    assert sheet(request_for("97110", **mine), order=mine).read(ref).value is None
