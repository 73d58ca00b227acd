"""When the symptoms began, and how that is known."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN
from cds_service.facts.episode import Episode, How
from cds_service.fhir.dates import read_date


def test_a_stated_onset_comes_first_and_a_later_change_wins(sheet, stated, condition):
    pain = condition("M54.50", onset="2026-10-20")
    facts = sheet(pain, stated({"episode_onset_date": {"valueDate": "2026-09-01"}}))
    assert (facts.chart.episode.how, facts.chart.episode.first) == (How.STATED, date(2026, 9, 1))
    changed = {"episode_onset_date": {"valueDate": "2026-09-01"}, "episode_change_date": {"valueDate": "2026-10-05"}}
    assert sheet(pain, stated(changed)).chart.episode.first == date(2026, 10, 5)


def test_a_partial_answer_bounds_the_start_although_it_is_no_date(sheet, stated):
    facts = sheet(stated({"episode_onset_date": {"valueDate": "2026-09"}}))
    assert (facts.chart.episode.first, facts.chart.episode.last) == (date(2026, 9, 1), date(2026, 9, 30))
    assert facts.read("episode_onset_date").why is Why.UNREADABLE


def test_the_problem_the_order_refers_to_comes_before_newer_ones(sheet, condition):
    meant = condition("M54.50", onset="2026-08-01", own_id="meant")
    newer = condition("M54.16", onset="2026-10-01", own_id="newer")
    order = {"reasonReference": [{"reference": "Condition/meant"}]}
    facts = sheet(meant, newer, order=order)
    assert (facts.chart.episode.how, facts.chart.episode.first) == (How.REASON, date(2026, 8, 1))
    assert facts.read("episode_onset_date").value == date(2026, 8, 1)
    assert facts.read("episode_onset_date").sources[0].reference == "Condition/meant"


@pytest.mark.parametrize(
    ("change", "first", "last", "how"),
    [
        ({"onset": "2026-10-01"}, "2026-10-01", "2026-10-01", How.PROBLEM),
        ({"onset": "2026-10"}, "2026-10-01", "2026-10-31", How.PROBLEM),
        ({"onset": "2026"}, "2026-01-01", "2026-11-10", How.PROBLEM),  # not after today
        ({"onset": "2027-01-01"}, None, None, How.UNKNOWN),
        ({"onset": "2026-10-01", "clinical": "resolved"}, None, None, How.UNKNOWN),
        ({"onset": "2026-10-01", "verification": "refuted"}, None, None, How.UNKNOWN),
        ({"onset": "2026-10-01", "code": "M54.2"}, None, None, How.UNKNOWN),  # neck pain, low back ordered
        ({"onset": "2026-10-01", "code": "M54.9"}, "2026-10-01", "2026-10-01", How.PROBLEM),  # back, nobody says where
        ({"recordedDate": "2026-10-01"}, None, "2026-10-01", How.RECORDED),
        ({"recordedDate": "2023-10-01"}, None, None, How.UNKNOWN),  # an old chronic problem
        ({"subject": {"reference": "Patient/you"}, "onset": "2026-10-01"}, None, None, How.UNKNOWN),
    ],
)
def test_the_newest_current_problem_of_the_region(sheet, condition, change, first, last, how):
    change = dict(change)
    episode = sheet(condition(change.pop("code", "M54.50"), **change)).chart.episode
    assert episode.how is how
    assert (str(episode.first) if episode.first else None) == first
    assert (str(episode.last) if episode.last else None) == last


def test_only_a_date_of_writing_down_leaves_the_onset_open(sheet, condition):
    found = sheet(condition("M54.50", recordedDate="2026-10-01")).read("episode_onset_date")
    assert found.why is Why.NOT_DOCUMENTED
    assert found.sources[0].reference == "Condition/c"


@pytest.mark.parametrize(
    ("onset", "when", "expected"),
    [
        ("2026-10-01", "2026-10-01", MET),  # the first day counts
        ("2026-10-01", "2026-09-30", NOT_MET),
        ("2026-10-01", "2026-10", MET),
        ("2026-10-02", "2026-10", UNKNOWN),
        ("2026-10", "2026-10-15", UNKNOWN),
        ("2026-10", "2026-10-31", MET),
        ("2026-10", "2026-09-30", NOT_MET),
    ],
)
def test_before_or_since(sheet, condition, onset, when, expected):
    assert sheet(condition("M54.50", onset=onset)).chart.episode.since(read_date(when)) is expected


def test_without_an_onset_nothing_is_since(sheet, condition):
    assert sheet().chart.episode.since(read_date("2026-11-09")) is UNKNOWN
    recorded = sheet(condition("M54.50", recordedDate="2026-10-01")).chart.episode
    assert recorded.since(read_date("2026-10-01")) is MET  # the symptoms began no later
    assert recorded.since(read_date("2026-09-01")) is UNKNOWN


# -- while problems are unread, a newer one may be among them ---------------------------------------------------------

FAILURES = ["Condition:truncated", "Condition:http 500", "Condition:not asked"]
TODAY = date(2026, 11, 10)


@pytest.fixture
def pain(condition):
    return condition("M54.50", onset="2026-08-01")


@pytest.fixture
def since_then(coded):
    """An x-ray, an MRI, treatment of eight weeks and visits, all after the pain on record began."""
    film = {"resourceType": "DiagnosticReport", "status": "final", "effectiveDateTime": "2026-08-20"}
    fracture = [coded("icd10cm", "M48.56XA")]
    visit = {"resourceType": "Encounter", "status": "finished", "reasonCode": [coded("icd10cm", "M54.50")]}
    therapy = {"resourceType": "Procedure", "status": "completed", "code": coded("cpt", "97110")}
    days = ("2026-08-20", "2026-09-02", "2026-09-14", "2026-09-27", "2026-10-10")
    return [
        {**film, "id": "film", "code": coded("cpt", "72100"), "conclusionCode": fracture},
        {**film, "id": "mri", "code": coded("cpt", "72148")},
        {**film, "id": "pelvis", "code": coded("cpt", "72195")},
        {**visit, "id": "visit", "class": coded("actcode", "AMB")["coding"][0], "period": {"start": "2026-08-20"}},
        *({**therapy, "id": day, "performedDateTime": day} for day in days),
    ]


IN_EPISODE = [
    "episode_onset_date",
    "plain_xray_available(lumbar)",
    "xray_result(lumbar)",
    "diagnostic_mri_available(lumbar)",
    "new_compression_fracture_on_xray",
    "order_flag(si_joint_imaging_together)",
    "in_person_evaluation",
    "conservative_treatment_weeks",
    "conservative_treatment_days",
    "weeks_since_conservative_treatment",
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("ref", IN_EPISODE)
def test_nothing_rests_on_an_older_problem_while_newer_ones_may_be_unread(sheet, pain, since_then, failure, ref):
    assert sheet(pain, *since_then).read(ref).known
    found = sheet(pain, *since_then, failures=[failure]).read(ref)
    assert (found.why, found.note) == (Why.NOT_RETRIEVED, failure.replace(":", ": "))


@pytest.mark.parametrize("ref", IN_EPISODE)
def test_nor_is_the_onset_said_to_be_missing_while_it_may_be_unread(sheet, since_then, ref):
    assert sheet(*since_then, failures=["Condition"]).read(ref).why is Why.NOT_RETRIEVED


@pytest.mark.parametrize("ref", [ref for ref in IN_EPISODE if "xray" in ref or "mri" in ref or "order_flag" in ref])
def test_what_was_never_done_is_not_waited_for(sheet, pain, ref):
    """The reports were read, and there is none that could be placed."""
    assert sheet(pain, failures=["Condition"]).read(ref).why is Why.NOT_DOCUMENTED


# What treatment was for may stand in a problem, so that its end waits for them even so.
@pytest.mark.parametrize("ref", [ref for ref in IN_EPISODE if not ref.startswith("weeks_since")])
def test_a_stated_onset_needs_no_problem(sheet, since_then, stated, ref):
    facts = sheet(*since_then, stated({"episode_onset_date": {"valueDate": "2026-08-01"}}), failures=["Condition"])
    assert facts.read(ref).known


def test_the_problem_that_the_order_refers_to_is_enough_when_it_was_read(sheet, pain, since_then):
    meant = {"reasonReference": [{"reference": "Condition/c"}]}
    facts = sheet(pain, *since_then, order=meant, failures=["Condition"])
    assert facts.chart.episode.how is How.REASON
    assert facts.read("plain_xray_available(lumbar)").value is True


def test_an_older_problem_still_bounds_the_start_from_below(sheet, pain):
    episode = sheet(pain, failures=["Condition"]).chart.episode
    assert (episode.first, episode.last) == (date(2026, 8, 1), TODAY)
    assert episode.since(read_date("2026-07-31")) is NOT_MET
    assert episode.since(read_date("2026-08-20")) is UNKNOWN
    assert episode.age(TODAY) == Range(0.0, 101.0)


def test_not_when_the_order_refers_to_one_that_was_not_read(sheet, pain):
    """That one comes before newer ones, and may have begun earlier."""
    meant = {"reasonReference": [{"reference": "Condition/unread"}]}
    episode = sheet(pain, order=meant, failures=["Condition"]).chart.episode
    assert (episode.first, episode.last) == (None, TODAY)
    both = {"reasonReference": [{"reference": "Condition/c"}, {"reference": "Condition/unread"}]}
    episode = sheet(pain, order=both, failures=["Condition"]).chart.episode
    assert (episode.first, episode.last) == (date(2026, 8, 1), TODAY)  # the later of the two counts


@pytest.mark.parametrize(
    ("when", "value", "why"),
    [
        ("2026-11-10", True, None),  # today is in the episode, whenever it began
        ("2026-07-31", None, Why.NOT_DOCUMENTED),  # before the problem that is known is before a newer one, too
    ],
)
def test_what_can_be_placed_all_the_same_is(sheet, pain, coded, when, value, why):
    film = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "effectiveDateTime": when}
    facts = sheet(pain, {**film, "code": coded("cpt", "72100")}, failures=["Condition"])
    found = facts.read("plain_xray_available(lumbar)")
    assert (found.value, found.why) == (value, why)


def test_nothing_known_is_nothing_known(sheet):
    assert sheet(failures=["Condition"]).chart.episode == Episode(unread=True)


def test_a_sign_of_danger_since_the_older_problem_counts_all_the_same(sheet, pain, coded):
    """It is there, whatever is unread. That there is none can no longer be told from what is older."""
    raised = {
        "resourceType": "Observation",
        "id": "crp",
        "status": "final",
        "code": coded("loinc", "1988-5"),
        "effectiveDateTime": "2026-08-20",
        "interpretation": [{"coding": [{"code": "H"}]}],
    }
    normal = {**raised, "interpretation": [{"coding": [{"code": "N"}]}]}
    fact = "infection_labs_abnormal"
    assert sheet(pain, raised, failures=["Condition"]).read(fact).value is True
    assert sheet(pain, normal).read(fact).value is False
    assert sheet(pain, normal, failures=["Condition"]).read(fact).why is Why.NOT_RETRIEVED


def test_a_temperature_of_before_the_last_onset_is_no_normal_one_now(sheet, pain, coded):
    normal = {
        "resourceType": "Observation",
        "id": "t",
        "status": "final",
        "code": coded("loinc", "8310-5"),
        "effectiveDateTime": "2026-08-20",
        "valueQuantity": {"value": 98.0, "code": "[degF]"},
    }
    assert sheet(pain, normal).read("body_temperature_f").value == 98.0
    assert sheet(pain, normal, failures=["Condition"]).read("body_temperature_f").why is Why.NOT_RETRIEVED
