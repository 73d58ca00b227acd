"""Conservative treatment: a chart gives a lower bound, an answer gives a number."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.core.fact import Why
from cds_service.core.quantity import Range, at_least
from cds_service.core.truth import MET, NOT_MET, UNKNOWN
from cds_service.facts.episode import ONSET_NEEDED

WEEKS = "conservative_treatment_weeks"


@pytest.fixture
def therapy(coded):
    def build(when, own_id, code="97110", status="completed", **more):
        return {
            "resourceType": "Procedure",
            "id": own_id,
            "status": status,
            "code": coded("cpt", code),
            "performedDateTime": when,
            **more,
        }

    return build


@pytest.fixture
def drug(coded):
    def build(ingredient="5640", when="2026-09-20", days=None, own_id="d", status="active", **more):
        supply = {"dispenseRequest": {"expectedSupplyDuration": {"value": days, "code": "d"}}} if days else {}
        return {
            "resourceType": "MedicationRequest",
            "id": own_id,
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": coded("rxnorm", ingredient),
            "authoredOn": when,
            **supply,
            **more,
        }

    return build


@pytest.fixture
def pain(condition):
    return condition("M54.50", onset="2026-09-15")  # eight weeks ago


def weekly(therapy, *days):
    return [therapy(day, day) for day in days]


def six_weeks(sheet, *resources):
    value = sheet(*resources).read(WEEKS).value
    return at_least(value, 6) if value is not None else None


def test_six_weeks_without_a_gap_are_six_weeks(sheet, pain, therapy):
    sessions = weekly(therapy, "2026-09-20", "2026-10-04", "2026-10-18", "2026-11-01")
    found = sheet(pain, *sessions).read(WEEKS)
    assert found.value == Range(6.0, 8.0)
    assert (found.since, len(found.sources)) == (date(2026, 9, 20), 4)
    assert sheet(pain, *sessions).read("conservative_treatment_days").value == Range(42.0, 56.0)


def test_less_on_record_is_unknown_because_advice_and_exercise_are_rarely_coded(sheet, pain, therapy):
    assert six_weeks(sheet, pain, *weekly(therapy, "2026-09-20", "2026-10-02")) is UNKNOWN
    assert six_weeks(sheet, pain) is UNKNOWN


def test_an_episode_younger_than_six_weeks_cannot_hold_six(sheet, condition, therapy):
    pain = condition("M54.50", onset="2026-10-10")
    found = sheet(pain).read(WEEKS)
    assert at_least(found.value, 6) is NOT_MET
    assert (found.since, found.sources[0].reference) == (date(2026, 10, 10), "Condition/c")
    found = sheet(pain, *weekly(therapy, "2026-10-12", "2026-10-20")).read(WEEKS)
    assert at_least(found.value, 6) is NOT_MET
    assert found.since == date(2026, 10, 12)  # six weeks end 42 days later


@pytest.mark.parametrize(("onset", "truth"), [("2026-09-29", UNKNOWN), ("2026-09-30", NOT_MET)])
def test_both_sides_of_six_weeks(sheet, condition, onset, truth):
    assert six_weeks(sheet, condition("M54.50", onset=onset)) is truth


def test_a_gap_breaks_the_run(sheet, pain, therapy):
    found = sheet(pain, *weekly(therapy, "2026-09-16", "2026-10-20", "2026-11-03")).read(WEEKS)
    assert found.value == Range(2.0, 8.0)


@pytest.mark.parametrize(
    "item",
    [
        {"status": "not-done"},
        {"status": "preparation"},
        {"performedDateTime": "2026-09-01"},  # before the symptoms
        {"code": "99999"},
        {"reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M17.11"}]}]},  # knee
        {"subject": {"reference": "Patient/you"}},
        {"performedDateTime": "2026-12-01"},
    ],
)
def test_what_is_no_treatment_of_this_episode(sheet, pain, therapy, item):
    first = therapy("2026-10-18", "a")
    changed = dict(item)
    last = therapy("2026-11-01", "b", code=changed.pop("code", "97110"), status=changed.pop("status", "completed"))
    assert sheet(pain, first, last).read(WEEKS).value.low == (0.0 if "code" in item or "status" in item else 2.0)
    assert sheet(pain, first, {**last, **changed}).read(WEEKS).value.low == 0.0


def test_one_item_counts_only_with_a_stated_length(sheet, pain, therapy, drug):
    assert sheet(pain, therapy("2026-10-01", "a")).read(WEEKS).value == Range(0.0, 8.0)
    assert sheet(pain, drug(days=42)).read(WEEKS).value == Range(6.0, 8.0)
    assert sheet(pain, drug(days=42, when="2026-11-01")).read(WEEKS).value.low == pytest.approx(9 / 7)
    running = {"performedPeriod": {"start": "2026-09-22"}, "performedDateTime": None}
    assert sheet(pain, therapy(None, "a", status="in-progress", **running)).read(WEEKS).value.low == 7.0


@pytest.mark.parametrize(
    ("ingredient", "change", "weeks"),
    [
        ("5640", {}, 6.0),
        ("8640", {}, 6.0),  # systemic steroid
        ("10689", {}, 6.0),  # opioid
        ("21949", {}, 0.0),  # a muscle relaxant alone is no treatment
        ("72625", {}, 0.0),  # duloxetine for what?
        ("72625", {"reason": "M54.50"}, 6.0),
        ("72625", {"reason": "F32.9"}, 0.0),
        ("197805", {}, 6.0),  # ibuprofen 400 mg tablets: a product stands for its ingredient
        ("5640", {"route": "6064005"}, 6.0),  # rubbed on the back
        ("5640", {"route": "54485002"}, 0.0),  # eye drops
        ("1191", {}, 0.0),  # aspirin may be for the heart
        ("5640", {"reason": "M17.11"}, 0.0),
        ("5640", {"status": "draft"}, 0.0),
        ("5640", {"status": "entered-in-error"}, 0.0),
        ("5640", {"doNotPerform": True}, 0.0),
        ("5640", {"intent": "proposal"}, 0.0),
        ("5640", {"intent": "plan", "reportedBoolean": True}, 6.0),
        ("5640", {"dosageInstruction": [{"asNeededBoolean": True}]}, 0.0),  # begun, not taken all the time
        ("10759", {}, 0.0),  # triamcinolone is mostly a cream
        ("10759", {"route": "78421000"}, 6.0),
        ("8640", {"route": "6064005"}, 0.0),
    ],
)  # fmt: skip
def test_medicines(sheet, pain, drug, coded, ingredient, change, weeks):
    changed = dict(change)
    if "reason" in changed:
        changed["reasonCode"] = [coded("icd10cm", changed.pop("reason"))]
    if "route" in changed:
        changed["dosageInstruction"] = [{"route": coded("snomed", changed.pop("route"))}]
    assert sheet(pain, drug(ingredient, days=42, **changed)).read(WEEKS).value.low == weeks


def test_medicines_by_class_and_never_by_name(sheet, pain, drug, coded):
    by_class = {**drug(days=42), "medicationCodeableConcept": coded("atc", "M01AE01")}
    assert sheet(pain, by_class).read(WEEKS).value.low == 6.0
    by_name = {**drug(days=42), "medicationCodeableConcept": {"text": "ibuprofen 600 mg"}}
    assert sheet(pain, by_name).read(WEEKS).value.low == 0.0


def test_injections_of_the_region_count_and_of_another_do_not(sheet, pain, therapy):
    lumbar = therapy("2026-10-01", "a", code="62323")
    neck = therapy("2026-10-01", "a", code="62321")
    later = therapy("2026-10-08", "b")
    assert sheet(pain, lumbar, later).read(WEEKS).value.low == 1.0
    assert sheet(pain, neck, later).read(WEEKS).value.low == 0.0


SHOULDER, LUMBAR, NECK, BACK = "16982005", "122496007", "45048000", "77568009"


@pytest.mark.parametrize(
    ("sites", "weeks"),
    [
        ([], 2.0),
        ([SHOULDER], 0.0),
        ([LUMBAR], 2.0),
        ([BACK], 2.0),
        ([NECK], 0.0),  # of the spine, yet not of the region that is ordered
        ([SHOULDER, LUMBAR], 2.0),
    ],
)
def test_treatment_of_another_part_of_the_body(sheet, pain, therapy, coded, sites, weeks):
    site = {"bodySite": [coded("snomed", code) for code in sites]} if sites else {}
    sessions = [therapy(day, day, **site) for day in ("2026-09-20", "2026-10-04")]
    assert sheet(pain, *sessions).read(WEEKS).value.low == weeks


def test_a_site_that_cannot_be_read_does_not_count_and_is_told(sheet, pain, therapy):
    site = {"bodySite": [{"text": "Right shoulder"}]}
    sessions = [therapy(day, day, **site) for day in ("2026-09-20", "2026-10-04")]
    found = sheet(pain, *sessions).read(WEEKS)
    assert found.value.low == 0.0
    assert found.note == "treatments on record at a body site not known to be of the spine: 2"


@pytest.mark.parametrize(("reason", "weeks"), [("M54.50", 2.0), ("M54.2", 0.0), ("M54.9", 2.0)])
def test_treatment_for_another_region_of_the_spine(sheet, pain, therapy, coded, reason, weeks):
    sessions = [therapy(day, day, reasonCode=[coded("icd10cm", reason)]) for day in ("2026-09-20", "2026-10-04")]
    assert sheet(pain, *sessions).read(WEEKS).value.low == weeks


def test_a_referral_is_a_plan(sheet, pain, coded):
    referral = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": coded("snomed", "306170007"),
        "authoredOn": "2026-09-20",
    }
    assert sheet(pain, referral).read(WEEKS).value.low == 0.0


def test_activities_of_a_care_plan(sheet, pain, coded):
    def plan(status):
        detail = {
            "status": status,
            "code": coded("snomed", "229065009"),
            "scheduledPeriod": {"start": "2026-09-20", "end": "2026-11-01"},
        }
        return {"resourceType": "CarePlan", "id": "p", "status": "active", "activity": [{"detail": detail}]}

    assert sheet(pain, plan("in-progress")).read(WEEKS).value.low == 6.0
    assert sheet(pain, plan("not-started")).read(WEEKS).value.low == 0.0


@pytest.mark.parametrize(("named", "weeks"), [("c", 6.0), ("knee", 0.0)])
@pytest.mark.parametrize("by", ["addresses", "reasonReference"])
def test_a_care_plan_for_another_problem(sheet, pain, condition, coded, by, named, weeks):
    problem = {by: [{"reference": f"Condition/{named}"}]}
    detail = {
        "status": "in-progress",
        "code": coded("snomed", "229065009"),
        "scheduledPeriod": {"start": "2026-09-20", "end": "2026-11-01"},
        **(problem if by == "reasonReference" else {}),
    }
    plan = {"resourceType": "CarePlan", "id": "p", "status": "active", "activity": [{"detail": detail}]}
    plan |= problem if by == "addresses" else {}
    assert sheet(pain, condition("M17.11", own_id="knee"), plan).read(WEEKS).value.low == weeks


@pytest.mark.parametrize(("named", "weeks"), [("c", 2.0), ("knee", 0.0)])
def test_sessions_of_therapy_for_a_diagnosis(sheet, pain, condition, coded, named, weeks):
    sessions = [
        {
            "resourceType": "Encounter",
            "id": day,
            "status": "finished",
            "type": [coded("cpt", "97110")],
            "period": {"start": day},
            "diagnosis": [{"condition": {"reference": f"Condition/{named}"}}],
        }
        for day in ("2026-09-20", "2026-10-04")
    ]
    assert sheet(pain, condition("M17.11", own_id="knee"), *sessions).read(WEEKS).value.low == weeks


def test_treatment_that_nobody_can_place_asks_for_the_onset(sheet, therapy):
    found = sheet(*weekly(therapy, "2026-09-20", "2026-10-04")).read(WEEKS)
    assert (found.why, found.note) == (Why.NOT_DOCUMENTED, ONSET_NEEDED)
    assert len(found.sources) == 2
    assert sheet().read(WEEKS).why is Why.NOT_DOCUMENTED


def test_a_vague_onset_bounds_the_length(sheet, condition, therapy):
    found = sheet(condition("M54.50", onset="2026-09"), *weekly(therapy, "2026-10-04", "2026-10-18")).read(WEEKS)
    assert found.value == Range(2.0, pytest.approx(10.0))


def test_a_recorded_problem_leaves_the_length_open_above(sheet, condition, therapy):
    sessions = weekly(therapy, "2026-09-20", "2026-10-04", "2026-10-18", "2026-11-01")
    found = sheet(condition("M54.50", recordedDate="2026-09-20"), *sessions).read(WEEKS)
    assert found.value == Range(6.0, float("inf"))
    assert at_least(found.value, 6) is MET


def test_a_stated_number_is_what_it_says(sheet, pain, therapy, stated):
    sessions = weekly(therapy, "2026-09-20", "2026-10-04", "2026-10-18", "2026-11-01")
    assert sheet(pain, *sessions, stated({WEEKS: 3})).read(WEEKS).value == 3.0


def test_end_of_treatment(sheet, pain, therapy, drug):
    facts = sheet(pain, therapy("2026-10-20", "a"), therapy("2026-10-27", "b"), drug("21949"))
    assert facts.read("weeks_since_conservative_treatment").value == 2.0


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, True),
        ({"achievementStatus": {"coding": [{"code": "achieved"}]}}, None),
        ({"statusDate": "2026-09-01"}, None),
        ({"addresses": []}, None),
        ({"addresses": [{"reference": "Condition/knee"}]}, None),
    ],
)
def test_failure_is_a_goal_not_reached_never_the_order_itself(sheet, pain, therapy, condition, change, failed):
    goal = {
        "resourceType": "Goal",
        "id": "g",
        "lifecycleStatus": "active",
        "achievementStatus": {"coding": [{"code": "no-progress"}]},
        "statusDate": "2026-11-05",
        "addresses": [{"reference": "Condition/c"}],
        **change,
    }
    sessions = weekly(therapy, "2026-09-20", "2026-10-04")
    knee = condition("M17.11", own_id="knee")
    assert sheet(pain, knee, *sessions, goal).read("conservative_treatment_failed").value is failed


def test_medicines_that_no_code_of_ours_matches_are_counted(sheet, pain, drug):
    unknown = [
        drug("29046", own_id="a"),
        drug("83367", own_id="b", when="2026-09-16"),
        drug("29046", "2026-01-01", own_id="old"),
    ]
    assert sheet(pain, *unknown, drug(days=42)).read(WEEKS).note == "medicines on record that match no drug we know: 2"
    assert sheet(pain, drug(days=42)).read(WEEKS).note is None
