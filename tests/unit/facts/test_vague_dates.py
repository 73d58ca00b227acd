"""A sign of danger whose date is vague or spoiled is shown and asked, never read as absent."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.determination import Determination
from cds_service.core.fact import Why
from cds_service.facts.episode import How
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import load
from cds_service.review import Consultation, review

TODAY = date(2026, 11, 20)
BEGAN = "2026-11-01"
UNREADABLE = [
    {"onsetDateTime": "soon"},
    {"onsetDateTime": "2026-02-30"},
    {"onsetDateTime": 20261105},
    {"onsetString": "three weeks ago"},
    {"onsetPeriod": {"end": "2026-11-05"}},
    {"onsetAge": {"value": 46, "code": "fortnight"}},
    {"recordedDate": "lately"},
]
DEFICITS = [
    ("new_foot_drop", "M21.371"),
    ("new_motor_weakness", "M62.81"),
    ("new_bilateral_leg_weakness", "G82.20"),
    ("new_neuro_deficit", "M21.371"),
    ("unexplained_urinary_retention", "R33.8"),
    ("new_bowel_bladder_incontinence", "R32"),
    ("new_bowel_bladder_incontinence", "R15.9"),
]


@pytest.fixture
def chart(sheet, condition):
    """The sheet of an order of 20 November with back pain since the first."""

    def build(*resources, **more):
        return sheet(condition("M54.50", onset=BEGAN, own_id="pain"), *resources, today=TODAY, **more)

    return build


@pytest.mark.parametrize(("ref", "code"), DEFICITS)
@pytest.mark.parametrize(
    "onset",
    [
        {"onsetDateTime": "2026-11-05"},
        {"onsetDateTime": "2026-11"},  # 1 to 20 November: nothing has happened yet on the 21st
        {"onsetPeriod": {"start": "2026-11"}},
    ],
    ids=str,
)
def test_a_date_wholly_inside_the_limit_counts(chart, condition, ref, code, onset):
    assert chart(condition(code, own_id="flag", **onset)).read(ref).value is True


@pytest.mark.parametrize(("ref", "code"), DEFICITS)
@pytest.mark.parametrize(
    "onset",
    [
        {"onsetDateTime": "2026"},
        {"onsetAge": {"value": 46, "code": "a"}},  # 2 March 2026 to 1 March 2027
        {"onsetPeriod": {"start": "2026"}},
        *UNREADABLE,
    ],
    ids=str,
)
def test_a_date_partly_inside_or_unreadable_is_shown(chart, condition, ref, code, onset):
    found = chart(condition(code, own_id="flag", **onset)).read(ref)
    assert found.why is Why.UNREADABLE
    assert [source.reference for source in found.sources] == ["Condition/flag"]


@pytest.mark.parametrize(("ref", "code"), DEFICITS)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"onsetDateTime": "2024"}, Why.NOT_DOCUMENTED),  # wholly outside
        ({"onsetAge": {"value": 40, "code": "a"}}, Why.NOT_DOCUMENTED),
        ({"onsetDateTime": "2026", "clinical": "resolved"}, Why.NOT_DOCUMENTED),
        ({"onsetDateTime": "soon", "clinical": "resolved"}, Why.NOT_DOCUMENTED),
        ({"onsetDateTime": "soon", "verification": "entered-in-error"}, Why.NOT_DOCUMENTED),
    ],
)
def test_what_is_old_over_or_denied_stays_so(chart, condition, ref, code, change, why):
    assert chart(condition(code, own_id="flag", **change)).read(ref).why is why


def test_a_denial_does_not_settle_what_another_entry_leaves_open(chart, condition):
    vague = condition("M21.371", onset="2026", own_id="vague")
    denied = condition("M21.372", onset="2026-11-05", verification="refuted", own_id="denied")
    assert chart(denied).read("new_foot_drop").value is False
    assert chart(denied, vague).read("new_foot_drop").why is Why.UNREADABLE


@pytest.mark.parametrize("onset", [{"onsetDateTime": "soon"}, {"onsetString": "lately"}, {}], ids=str)
def test_the_day_of_writing_down_stands_in_for_an_onset_that_cannot_be_used(chart, condition, onset):
    drop = condition("M21.371", own_id="flag", recordedDate="2026-11-05", **onset)
    found = chart(drop).read("new_foot_drop")
    assert found.value is True
    assert "writing it down" in found.note
    weak = condition("M62.81", own_id="flag", recordedDate="2026-11-05", **onset)
    assert chart(weak).read("new_motor_weakness").why is Why.NOT_DOCUMENTED  # an onset it must be


@pytest.mark.parametrize(
    ("when", "value", "why"),
    [
        ("2026-11", True, None),
        ("2026", None, Why.UNREADABLE),
        ("soon", None, Why.UNREADABLE),
        ("2025", None, Why.NOT_DOCUMENTED),
    ],
)
def test_infections_and_interventions(chart, condition, coded, when, value, why):
    infection = condition("N39.0", own_id="flag", onset=when)
    found = chart(infection).read("recent_bacterial_infection")
    assert (found.value, found.why) == (value, why)
    done = {"resourceType": "Procedure", "id": "p", "status": "completed", "code": coded("cpt", "63030")}
    found = chart({**done, "performedDateTime": when}).read("recent_spinal_intervention")
    assert (found.value, found.why) == (value, why)
    if why is Why.UNREADABLE:
        assert [source.reference for source in found.sources] == ["Procedure/p"]
    if value:
        assert found.limit.found == 0


def test_an_intervention_without_a_date_is_shown(chart, coded):
    done = {"resourceType": "Procedure", "id": "p", "status": "completed", "code": coded("cpt", "63030")}
    found = chart(done).read("recent_spinal_intervention")
    assert (found.why, found.sources[0].reference) == (Why.NOT_DOCUMENTED, "Procedure/p")


@pytest.mark.parametrize(
    ("left", "right", "value", "why"),
    [
        ("2026-11", "2026-11-05", True, None),
        ("2026", "2026-11-05", None, Why.UNREADABLE),
        ("soon", "soon", None, Why.UNREADABLE),
        ("2024", "soon", None, Why.NOT_DOCUMENTED),  # one side is old, whatever the other is
        (None, "2026-11-05", None, Why.NOT_DOCUMENTED),
    ],
)
def test_bilateral_sciatica(chart, condition, left, right, value, why):
    sides = (condition("M54.32", onset=left, own_id="l"), condition("M54.31", onset=right, own_id="r"))
    found = chart(*sides).read("acute_bilateral_sciatica")
    assert (found.value, found.why) == (value, why)


@pytest.mark.parametrize(
    ("when", "value", "why"),
    [
        ({"effectiveDateTime": "2026-11-05"}, True, None),
        ({"effectiveDateTime": "2026-11"}, True, None),
        ({"effectiveDateTime": "2026"}, None, Why.UNREADABLE),
        ({"effectiveDateTime": "soon"}, None, Why.UNREADABLE),
        ({"effectiveDateTime": "2024"}, None, Why.NOT_DOCUMENTED),
    ],
)
def test_a_finding_of_an_examination(chart, coded, when, value, why):
    numb = {"resourceType": "Observation", "id": "o", "status": "final", "code": coded("snomed", "449813001")}
    found = chart({**numb, **when, "valueBoolean": True}).read("saddle_anesthesia")
    assert (found.value, found.why) == (value, why)
    said_no = chart({**numb, **when, "valueBoolean": False}).read("saddle_anesthesia")
    assert said_no.value is (False if value else None)


@pytest.mark.parametrize(
    ("onset", "expected"),
    [
        ("2026-11-05", Determination.SUPPORTED),
        ("2026-11", Determination.SUPPORTED),
        ("2026", Determination.NEEDS_INFORMATION),
        ("soon", Determination.NEEDS_INFORMATION),
    ],
)
def test_an_order_is_not_refused_for_a_date_that_nobody_can_place(condition, coded, onset, expected):
    found = reviewed(condition("M21.371", onset=onset, own_id="flag"), condition, coded)
    assert found.determination is expected
    assert found.unreadable == (() if expected is Determination.SUPPORTED else ("Condition/flag",))


# -- resources out of shape -------------------------------------------------------------------------------------------

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
OUT_OF_SHAPE = [
    "G83.4",
    834,
    ["G83.4"],
    {"coding": ["G83.4"]},
    {"coding": "G83.4"},
    {"coding": [{"system": ICD10, "code": 834}]},
    {"coding": [{"system": 7, "code": "G83.4"}]},
    {"coding": [["G83.4"]]},
]


@pytest.mark.parametrize("code", OUT_OF_SHAPE, ids=str)
def test_a_problem_out_of_shape_is_not_absent(chart, condition, coded, code):
    odd = {**condition("G83.4", own_id="odd", onset="2026-11-05"), "code": code}
    facts = chart(odd)
    for ref in ("red_flag_cauda_equina", "new_foot_drop", "known_cancer_history", "acute_bilateral_sciatica"):
        found = facts.read(ref)
        assert (found.why, [source.reference for source in found.sources]) == (Why.UNREADABLE, ["Condition/odd"]), ref
    found = reviewed(odd, condition, coded)
    assert found.determination is not Determination.NOT_SUPPORTED
    assert found.unreadable == ("Condition/odd",)


def test_what_can_be_read_beside_it_stands(chart, condition):
    odd = {**condition("G83.4", own_id="odd", onset="2026-11-05"), "code": "G83.4"}
    assert chart(odd, condition("M21.371", onset="2026-11-05")).read("new_foot_drop").value is True


@pytest.mark.parametrize(
    "code",
    [
        {"text": "numbness in the saddle"},  # free text is never read
        {"coding": [{"code": "G83.4"}]},  # a code without its system says nothing
        {"coding": [{"system": "urn:local", "code": "17"}]},
        {"coding": []},
        {"coding": [None]},
        {},
        None,
    ],
)
def test_a_problem_in_shape_that_nobody_knows_is_no_fault(chart, condition, code):
    odd = {**condition("G83.4", own_id="odd", onset="2026-11-05"), "code": code}
    assert chart(odd).read("red_flag_cauda_equina").why is Why.NOT_DOCUMENTED


@pytest.mark.parametrize(
    ("change", "ref"),
    [
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, "red_flag_cauda_equina"),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, "red_flag_cauda_equina"),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, "red_flag_cauda_equina"),
        ({"onsetDateTime": "2019-01-01"}, "new_foot_drop"),
        ({"subject": {"reference": "Patient/you"}}, "red_flag_cauda_equina"),
    ],
)
def test_one_that_would_not_count_in_shape_does_not_count_out_of_it(chart, condition, change, ref):
    odd = {**condition("G83.4", own_id="odd", onset="2026-11-05"), "code": "G83.4", **change}
    assert chart(odd).read(ref).why is Why.NOT_DOCUMENTED


def test_an_operation_out_of_shape_is_not_absent(chart):
    odd = {"resourceType": "Procedure", "id": "p", "status": "completed", "performedDateTime": "2026-11-05"}
    for ref in ("recent_spinal_intervention", "spine_surgery_history"):
        found = chart({**odd, "code": "63030"}).read(ref)
        assert (found.why, [source.reference for source in found.sources]) == (Why.UNREADABLE, ["Procedure/p"]), ref
        assert chart({**odd, "code": "63030", "status": "not-done"}).read(ref).why is Why.NOT_DOCUMENTED
    old = {**odd, "code": "63030", "performedDateTime": "2019"}
    assert chart(old).read("recent_spinal_intervention").why is Why.NOT_DOCUMENTED


# -- what travels inside the order, and what the order refers to -----------------------------------------------------


def inside(condition, code, **more):
    return {
        "contained": [condition(code, own_id="k", **more)],
        "reasonReference": [{"reference": "#k"}],
    }


@pytest.mark.parametrize(
    ("status", "value"), [("confirmed", True), ("provisional", True), ("refuted", False), ("entered-in-error", None)]
)
def test_a_problem_inside_the_order_counts_by_its_verification(chart, condition, status, value):
    facts = chart(order=inside(condition, "G83.4", verification=status, onset="2026-11-05"))
    assert facts.read("red_flag_cauda_equina").value is value
    facts = chart(order=inside(condition, "M21.371", verification=status, onset="2026-11-05"))
    assert facts.read("new_foot_drop").value is value


@pytest.mark.parametrize(
    "reason",
    [
        {"code": "M54.50", "verification": "refuted"},
        {"code": "M54.50", "verification": "entered-in-error"},
        {"code": "M54.50", "clinical": "resolved"},
        {"code": "E11.9"},
        {"code": "I10", "clinical": None},
    ],
    ids=str,
)
def test_only_a_current_problem_of_the_spine_tells_when_the_symptoms_began(chart, condition, reason):
    code = reason["code"]
    rest = {name: value for name, value in reason.items() if name != "code"}
    facts = chart(order=inside(condition, code, onset="2001-05-01", **rest))
    assert (facts.chart.episode.how, facts.chart.episode.first) == (How.PROBLEM, date(2026, 11, 1))
    there = condition(code, onset="2001-05-01", own_id="there", **rest)
    facts = chart(there, order={"reasonReference": [{"reference": "Condition/there"}]})
    assert (facts.chart.episode.how, facts.chart.episode.first) == (How.PROBLEM, date(2026, 11, 1))


@pytest.mark.parametrize("code", ["M54.50", "M54.16", "M48.061", "M21.371", "G83.4", "S32.010A", "M41.26"])
def test_the_problems_of_the_spine_that_do(chart, condition, code):
    meant = inside(condition, code, onset="2026-08-01")
    assert chart(order=meant).chart.episode.how is How.REASON
    suspected = inside(condition, code, onset="2026-08-01", verification="provisional")
    assert chart(order=suspected).chart.episode.first == date(2026, 8, 1)


def reviewed(flag, condition, coded):
    """A lumbar MRI for back pain since the first of November, with a flag."""
    me = {"reference": "Patient/me"}
    pain = {**condition("M54.50", onset=BEGAN, own_id="pain"), "subject": me}
    patient = {"resourceType": "Patient", "id": "me", "birthDate": "1980-03-02"}
    order = {
        "resourceType": "ServiceRequest",
        "id": "draft",
        "subject": me,
        "code": coded("cpt", "72148"),
        "authoredOn": str(TODAY),
        "reasonReference": [{"reference": "Condition/pain"}],
    }
    visit = {
        "resourceType": "Encounter",
        "id": "visit",
        "status": "finished",
        "class": coded("actcode", "AMB")["coding"][0],
        "period": {"start": "2026-11-18"},
        "reasonCode": [coded("icd10cm", "M54.50")],
        "subject": me,
    }
    record = PatientRecord.build("me", [patient, pain, visit, {**flag, "subject": me}])
    asked = Consultation("order-sign", (order,), frozenset({"ServiceRequest/draft"}), record, TODAY)
    (found,) = review(asked, load())
    return found
