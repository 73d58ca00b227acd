"""When the symptoms began, and how that is known."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.fact import Why
from cds_service.core.truth import MET, NOT_MET, UNKNOWN
from cds_service.facts.episode import How
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
