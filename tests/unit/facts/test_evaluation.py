"""Visits: face to face or not, for this problem or another, before or after treatment."""

from __future__ import annotations

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range
from cds_service.facts.episode import ONSET_NEEDED


@pytest.fixture
def visit(coded):
    def build(kind="AMB", when="2026-11-01", reason="M54.50", types=(), own_id="v", status="finished", **more):
        return {
            "resourceType": "Encounter",
            "id": own_id,
            "status": status,
            **({"class": coded("actcode", kind)["coding"][0]} if kind else {}),
            **({"period": {"start": when}} if when else {}),
            **({"reasonCode": [coded("icd10cm", reason)]} if reason else {}),
            "type": [coded(system, code) for system, code in types],
            **more,
        }

    return build


@pytest.fixture
def pain(condition):
    return condition("M54.50", onset="2026-10-01")


@pytest.mark.parametrize(
    ("change", "seen", "mode"),
    [
        ({}, True, "in_person"),
        ({"kind": "EMER"}, True, "in_person"),
        ({"kind": "IMP"}, True, "in_person"),
        ({"kind": "VR"}, None, "telemedicine"),
        ({"types": [("cpt", "98004")]}, None, "telemedicine"),  # ambulatory, yet by video
        ({"types": [("snomed", "185317003")]}, None, "telephone"),
        ({"types": [("cpt", "99421")]}, None, "messaging"),
        ({"kind": None, "types": [("cpt", "99213")]}, True, "in_person"),
        ({"kind": None}, None, None),
        ({"types": [("cpt", "99211")]}, None, None),  # may not have involved the provider
        ({"status": "planned"}, None, None),
        ({"status": "cancelled"}, None, None),
        ({"status": "in-progress"}, True, "in_person"),
        ({"reason": "M17.11"}, None, None),  # the knee
        ({"reason": "M54.2"}, None, None),  # the neck, while the low back is ordered
        ({"reason": "M54.9"}, True, "in_person"),
        ({"reason": None}, None, None),
        ({"when": "2026-10-01"}, True, "in_person"),
        ({"when": "2026-09-30"}, None, None),
        ({"when": "2026-12-01"}, None, None),
        ({"subject": {"reference": "Patient/you"}}, None, None),
        ({"participant": [{"individual": {"reference": "Practitioner/p"}}]}, True, "in_person"),
        ({"participant": [{"individual": {"reference": "RelatedPerson/p"}}]}, None, None),
    ],
)
def test_in_person_evaluation(sheet, visit, pain, change, seen, mode):
    facts = sheet(pain, visit(**change))
    assert facts.read("in_person_evaluation").value is seen
    assert facts.read("evaluation_mode").value == mode


POS = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
VIRTUAL = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "vi"}]}
ROOM = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "ro"}]}


def typed(*codes):
    """Encounter.type of one concept with these (system, code) pairs."""
    return [{"coding": [{**({"system": system} if system else {}), "code": code} for system, code in codes]}]


CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


@pytest.mark.parametrize(
    ("change", "mode"),
    [
        ({"type": typed((POS, "02"))}, "telemedicine"),
        ({"type": typed((CPT, "99213"), (POS, "10"))}, "telemedicine"),
        ({"type": typed((f"{POS}.html", "10"))}, "telemedicine"),
        ({"type": typed(("urn:oid:2.16.840.1.113883.6.50", "2"))}, "telemedicine"),
        ({"type": typed((POS, "11"))}, "in_person"),  # the office
        ({"type": typed(("urn:clinic:visit-type", "10"))}, "in_person"),  # a code of the clinic's own
        ({"type": typed((CPT, "99213"), (CPT, "95"))}, "telemedicine"),
        ({"type": typed((CPT, "99213"), (None, "95"))}, "telemedicine"),
        ({"type": typed((CPT, "99213"), (None, "10"))}, "telemedicine"),
        ({"type": typed((CPT, "99213"), ("urn:clinic:claim-modifier", "95"))}, "telemedicine"),
        ({"kind": None, "type": typed((None, "99213"))}, None),  # of which system?
        ({"type": [*typed((CPT, "99213")), *typed((HCPCS, "GT"))]}, "telemedicine"),
        ({"type": typed((CPT, "99213-95"))}, "telemedicine"),
        ({"type": typed((CPT, "99213 25 95"))}, "telemedicine"),
        ({"type": typed((CPT, "99213-93"))}, "telephone"),
        ({"type": typed((CPT, "99213-GQ"))}, "telemedicine"),
        ({"type": typed((CPT, "99213-25"))}, "in_person"),
        ({"kind": None, "type": typed((CPT, "99213-25"))}, "in_person"),
        ({"location": [{"physicalType": VIRTUAL}]}, "telemedicine"),
        ({"location": [{"physicalType": ROOM}]}, "in_person"),
        (
            {
                "contained": [{"resourceType": "Location", "id": "l", "physicalType": VIRTUAL}],
                "location": [{"location": {"reference": "#l"}}],
            },
            "telemedicine",
        ),
        (
            {
                "contained": [{"resourceType": "Location", "id": "l", "type": typed((POS, "10"))}],
                "location": [{"location": {"reference": "#l"}}],
            },
            "telemedicine",
        ),
        ({"serviceType": typed(("http://snomed.info/sct", "448337001"))[0]}, "telemedicine"),
    ],
)
def test_an_ambulatory_class_may_be_a_video_visit(sheet, visit, pain, change, mode):
    facts = sheet(pain, visit(**change))
    assert facts.read("evaluation_mode").value == mode
    assert facts.read("in_person_evaluation").value is (True if mode == "in_person" else None)


LOCAL = ("urn:clinic:visit-type", "FOLLOW-UP")


@pytest.mark.parametrize(
    ("codes", "seen"),
    [
        ([(CPT, "97110")], None),  # therapy is treatment
        ([(CPT, "98940")], None),
        ([("http://snomed.info/sct", "91251008")], None),
        ([(CPT, "36415")], None),  # blood is drawn
        ([(CPT, "85025")], None),
        ([(CPT, "72100")], None),  # an x-ray is taken
        ([(CPT, "73030")], None),
        ([(CPT, "90471")], None),  # a vaccine is given
        ([(HCPCS, "G0008")], None),
        ([(CPT, "99211"), LOCAL], None),
        ([(CPT, "99211-25")], None),
        ([(CPT, "97110"), LOCAL], None),
        ([LOCAL], True),
        ([(CPT, "99213"), (CPT, "36415")], True),  # seen, and blood drawn
        ([(CPT, "99214-25"), (CPT, "98940")], True),
    ],
)
def test_visits_in_which_nobody_evaluates(sheet, visit, pain, codes, seen):
    facts = sheet(pain, visit(type=typed(*codes)))
    assert facts.read("in_person_evaluation").value is seen
    assert facts.read("evaluation_mode").value == ("in_person" if seen else None)


def test_a_session_of_therapy_is_no_re_evaluation(sheet, visit, pain, therapy):
    sessions = [therapy("2026-10-05", "a"), therapy("2026-10-20", "b")]
    again = visit(when="2026-11-01", type=typed((CPT, "97110")))
    assert sheet(pain, *sessions, again).read("clinical_reevaluation").value is None


def test_a_refuted_diagnosis_is_not_what_a_visit_was_for(sheet, visit, pain, condition):
    refuted = condition("M54.50", onset="2026-10-02", own_id="dx", verification="refuted")
    linked = visit(reason=None, diagnosis=[{"condition": {"reference": "Condition/dx"}}])
    assert sheet(pain, refuted, linked).read("in_person_evaluation").value is None
    made_there = {**refuted, "encounter": {"reference": "Encounter/v"}}
    assert sheet(pain, made_there, visit(reason=None)).read("in_person_evaluation").value is None


def test_a_visit_from_before_is_shown_and_does_not_count(sheet, visit, pain):
    found = sheet(pain, visit(when="2026-09-30")).read("in_person_evaluation")
    assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "Encounter/v")
    unplaced = sheet(visit()).read("in_person_evaluation")
    assert (unplaced.why, unplaced.note) == (Why.NOT_DOCUMENTED, ONSET_NEEDED)


@pytest.mark.parametrize("by", ["context", "order"])
def test_the_visit_in_which_the_order_is_written_counts_without_reason_or_onset(sheet, visit, by):
    here = visit(status="in-progress", reason=None, when="2026-11-10")
    order = {"encounter": {"reference": "Encounter/v"}} if by == "order" else {}
    encounter = "v" if by == "context" else None
    assert sheet(here, order=order, encounter=encounter).read("in_person_evaluation").value is True
    video = {**here, "class": {"code": "VR"}}
    assert sheet(video, order=order, encounter=encounter).read("in_person_evaluation").value is None


def test_a_diagnosis_of_the_visit_says_what_it_was_for(sheet, visit, condition):
    named = condition("M54.50", onset="2026-10-01", own_id="dx")
    linked = visit(reason=None, diagnosis=[{"condition": {"reference": "Condition/dx"}}])
    assert sheet(named, linked).read("in_person_evaluation").value is True
    neck = condition("M54.2", onset="2026-10-01", own_id="dx")
    pain = condition("M54.50", onset="2026-10-01", own_id="pain")
    assert sheet(neck, pain, linked).read("in_person_evaluation").value is None
    made_there = condition("M54.50", onset="2026-10-01", own_id="dx", encounter={"reference": "Encounter/v"})
    assert sheet(made_there, visit(reason=None)).read("in_person_evaluation").value is True


def test_an_infant_is_seen_for_the_skin_over_the_spine(sheet, visit):
    seen = visit(reason="Q82.6", when="2026-11-01")
    assert sheet(seen, cpt="76800", born="2026-08-01").read("days_since_in_person_evaluation").value == 9.0


@pytest.mark.parametrize(
    ("when", "days"),
    [("2026-11-01", 9.0), ("2026-11-10", 0.0), ("2026-10", Range(10.0, 40.0)), ("2026-09-30", None)],
)
def test_days_since_the_latest_visit(sheet, visit, condition, when, days):
    pain = condition("M54.50", onset="2026-10-01")
    assert sheet(pain, visit(when=when)).read("days_since_in_person_evaluation").value == days


def test_the_latest_visit_face_to_face_counts_not_a_later_call(sheet, visit, pain):
    facts = sheet(pain, visit(own_id="a"), visit(kind="VR", when="2026-11-08", own_id="b"))
    assert facts.read("days_since_in_person_evaluation").value == 9.0
    assert facts.read("evaluation_mode").value == "in_person"


@pytest.fixture
def therapy(coded):
    def build(when, own_id):
        return {
            "resourceType": "Procedure",
            "id": own_id,
            "status": "completed",
            "code": coded("cpt", "97110"),
            "performedDateTime": when,
        }

    return build


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"when": "2026-11-01"}, True),
        ({"when": "2026-11-01", "kind": "VR"}, True),  # meaningful contact of any kind
        ({"when": "2026-10-20"}, True),
        ({"when": "2026-10-12"}, None),  # in the middle of the treatment
        ({"when": "2026-10-01"}, None),
        ({"when": "2026-11-01", "reason": "M17.11"}, None),
    ],
)
def test_seen_again_after_the_treatment(sheet, visit, pain, therapy, change, again):
    sessions = [therapy("2026-10-05", "a"), therapy("2026-10-13", "b"), therapy("2026-10-20", "c")]
    assert sheet(pain, *sessions, visit(**change)).read("clinical_reevaluation").value is again


def test_without_treatment_nothing_comes_after_it(sheet, visit, pain):
    assert sheet(pain, visit()).read("clinical_reevaluation").value is None


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, True),
        ({"status": "in-progress"}, None),
        ({"sent": "2026-10-10"}, None),
        ({"reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M17.11"}]}]}, None),
    ],
)
def test_a_message_after_the_treatment(sheet, pain, therapy, change, again):
    message = {"resourceType": "Communication", "id": "m", "status": "completed", "sent": "2026-11-01", **change}
    facts = sheet(pain, therapy("2026-10-05", "a"), therapy("2026-10-15", "b"), message)
    assert facts.read("clinical_reevaluation").value is again
