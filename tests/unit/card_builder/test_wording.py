"""What a card says of one order: numbers, dates and places, in the order of the voice."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.core.criterion import AllOf, Comparison, Criterion, FactTest, Outcome
from cds_service.core.determination import Alternative, Evidence, Ground
from cds_service.core.fact import Fact, Source, Why
from cds_service.core.quantity import Range
from tests.unit.card_builder import reviews
from tests.unit.card_builder.responses import one


def test_the_detail_keeps_its_order() -> None:
    detail = one(reviews.xray_first())["detail"]
    marks = [
        "Ordered: MRI thoracic spine without contrast.",
        "On record:", "- Thoracic pain: recorded 3 Nov 2026 (problem list)",
        "Not on record:", "- Has a plain x-ray of the thoracic spine been done since this episode began?",
        "Would change the answer: a red flag or neurological symptoms or signs. None is recorded.",
        "Adult spine imaging, SP-4.1 (v2.0.2026)",
    ]  # fmt: skip
    places = [detail.index(mark) for mark in marks]
    assert places == sorted(places)
    assert detail.startswith(marks[0])
    assert detail.endswith(marks[-1])


def test_numbers_and_dates_instead_of_adjectives() -> None:
    card = one(reviews.not_yet())
    assert card["summary"] == "Six weeks of treatment are reached on 1 Dec 2026; 3 of 6 weeks on record"
    assert (
        "- Treatment in this episode: 3 of 6 weeks, since 20 Oct 2026; 6 weeks are reached on 1 Dec 2026 (procedure)"
        in card["detail"]
    )


@pytest.mark.parametrize(
    ("outcome", "summary"),
    [
        (reviews.infant(), "Ultrasound first: at 3 months the spine can still be seen without MRI or sedation"),
        (
            reviews.infant(evidence=()),
            "Ultrasound first: at this age the spine can still be seen without MRI or sedation",
        ),
        (reviews.xray_first(), "Thoracic spine x-ray first: none on record since this episode began on 1 Sep 2026"),
        (reviews.xray_first(evidence=()), "Thoracic spine x-ray first: none on record for this episode"),
        (
            reviews.red_flag_xray(),
            "Possible cauda equina syndrome: MRI lumbar spine without contrast is supported now",
        ),
        (reviews.aorta(), "Known aortic aneurysm: aortic imaging comes before spine imaging"),
        (
            reviews.not_yet_asked(asks_for=("clinical_reevaluation",)),
            "One fact decides this MRI: re-evaluation after treatment",
        ),
        (
            reviews.not_yet_asked(asks_for=("clinical_reevaluation", "in_person_evaluation", "fever")),
            "Three short answers decide this MRI; the questions are below",
        ),
        (
            reviews.not_yet_asked(ground=Ground.NOT_READ, not_read=("Observation", "Condition", "Basic", "Procedure")),
            "Observations, the problem list and other parts of the record could not be read; "
            "criteria only partly checked",
        ),
        (
            reviews.not_yet(alternatives=(Alternative(None, reviews.TREATMENT.id),)),
            "Not yet: 3 of 6 weeks of treatment on record",
        ),
        (
            reviews.not_yet(alternatives=(), evidence=(reviews.recorded("imaging_question(fibromyalgia)", True),)),
            "This MRI can be left out: criteria not met with fibromyalgia as the question",
        ),
    ],
)
def test_summaries(outcome: Any, summary: str) -> None:
    assert one(outcome)["summary"] == summary


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        (reviews.recorded("fever", False), "- Fever: recorded as absent, 3 Nov 2026 (problem list)"),
        (reviews.recorded("fever", True, None), "- Fever: recorded (problem list)"),
        (reviews.recorded("fever", True, "2026-11"), "- Fever: recorded Nov 2026 (problem list)"),
        (reviews.recorded("fever", True, "2026-11-03T10:00:00Z"), "- Fever: recorded 3 Nov 2026 (problem list)"),
        (reviews.recorded("fever", True, "2026-13-03"), "- Fever: recorded (problem list)"),
        (reviews.recorded("fever", True, "<b>"), "- Fever: recorded (problem list)"),
        (reviews.recorded("fever", True, None, "Basic"), "- Fever: recorded"),
        (
            reviews.recorded("plain_xray_available(lumbar)", False, place="QuestionnaireResponse"),
            "- Plain x-ray of the lumbar spine: recorded as not done, 3 Nov 2026 (structured answer)",
        ),
        (
            reviews.recorded("xray_result(lumbar)", "fracture", None, "Basic"),
            "- X-ray result of the lumbar spine: fracture",
        ),
        (
            reviews.recorded("scoliosis_type", ("congenital", "odd_one"), None, "Basic"),
            "- Type of scoliosis: congenital and odd one",
        ),
        (reviews.recorded("dimple_diameter_mm", Range(4, 6), None, "Basic"), "- Diameter of the dimple: 4 to 6 mm"),
        (
            reviews.recorded("conservative_treatment_weeks", Range(1, float("inf")), None, "Basic"),
            "- Treatment in this episode: at least 1 of 6 weeks; 6 weeks are reached on 1 Dec 2026",
        ),
        (
            reviews.recorded("conservative_treatment_weeks", Range(2.4, 3), None, "Basic"),
            "- Treatment in this episode: 2 to 3 of 6 weeks; 6 weeks are reached on 1 Dec 2026",
        ),
        (
            reviews.recorded("conservative_treatment_weeks", Range(5.9, 5.99), None, "Basic"),
            "- Treatment in this episode: 5 of 6 weeks; 6 weeks are reached on 1 Dec 2026",
        ),
        (
            reviews.recorded("conservative_treatment_weeks", Range(2, 10.5), None, "Basic"),
            "- Treatment in this episode: 2 to 10 weeks (6 needed); 6 weeks are reached on 1 Dec 2026",
        ),
        (
            reviews.recorded("conservative_treatment_weeks", Range(6.6, 8.1), None, "Basic"),
            "- Treatment in this episode: 6 to 8 weeks",
        ),
        (
            reviews.recorded("conservative_treatment_weeks", 8.0, None, "Basic"),
            "- Treatment in this episode: 8 weeks",
        ),
        (reviews.recorded("severe_pain_days", 1.0, None, "Basic"), "- Severe spinal pain: 1 day"),
        (reviews.recorded("muscle_strength_grade", 3.0, None, "Basic"), "- Lowest muscle strength grade: 3 of 5"),
        (
            Evidence("episode_onset_date", Fact.of(date(2026, 9, 1), Source("Condition/c", "2026-09-01"))),
            "- Start of this episode: 1 Sep 2026 (problem list)",
        ),
        (reviews.recorded("age_months", 172.8, "2012-06-15", "Patient"), "- Age on 10 Nov 2026: 14 years"),
        (reviews.recorded("age_years", 56.7, "1970-03-02", "Patient"), "- Age on 10 Nov 2026: 56 years"),
    ],
)  # fmt: skip
def test_a_fact_says_its_value_its_date_and_its_place(evidence: Evidence, line: str) -> None:
    assert line in one(reviews.not_yet(evidence=(evidence,)))["detail"].splitlines()


def test_an_order_that_repeats_the_chart_does_not_date_a_fact() -> None:
    chart, order = Source("Condition/c1", "2026-09-01"), Source("ServiceRequest/draft-1", "2026-11-10")
    for sources, line in [
        ((order, chart), "- Thoracic pain: recorded 1 Sep 2026 (problem list)"),
        ((order, Source("Condition/c1")), "- Thoracic pain: recorded (problem list)"),
        ((order,), "- Thoracic pain: recorded 10 Nov 2026 (order)"),
    ]:
        pain = Evidence("spine_pain(thoracic)", Fact.of(True, *sources))
        assert line in one(reviews.not_yet(evidence=(pain,)))["detail"].splitlines()


@pytest.mark.parametrize("place", [None, False, True])
def test_a_sinus_is_spoken_of_only_when_it_is_on_record(place: bool | None) -> None:
    evidence = () if place is None else (reviews.recorded("skin_lesion(dermal_sinus)", place),)
    said = (
        "Dermal sinus on record: a normal ultrasound does not rule out a tract."
        in one(reviews.infant(evidence=evidence))["detail"].splitlines()
    )
    assert said is (place is True)


def test_the_same_advice_of_two_documents_is_said_once() -> None:
    def note(name: str, says: str, units: float) -> Criterion:
        more = FactTest("requested_units", None, Comparison.MORE_THAN, units)
        return reviews.criterion(name, says, Outcome.NOT_SUPPORTED, kind="coding", when=AllOf((more,)))

    notes = (
        note("SP-2.6/once-only", "One unit covers the spine.", 1.0),
        note("PEDSP-1.3/us-once", "One unit is enough for the spine.", 1.0),
        note("SP-2.6/twice", "Two units are too many.", 2.0),
    )
    detail = one(reviews.supported("us_spinal_canal", beside=("coding",), notes=notes))["detail"]
    assert "Also:\n\n- One unit covers the spine.\n- Two units are too many.\n\n" in detail


@pytest.mark.parametrize(
    "hidden",
    [
        reviews.recorded("requested_cpt", "72148"),
        reviews.recorded("red_flag_any", True),
        Evidence("fever", Fact.unknown(Why.NOT_DOCUMENTED)),
    ],
)
def test_combined_facts_unknowns_and_facts_of_the_order_are_not_evidence(hidden: Evidence) -> None:
    assert "On record" not in one(reviews.not_yet(evidence=(hidden,)))["detail"]


def test_a_long_chart_is_cut_to_what_is_read() -> None:
    symptoms = ("fever", "night_pain", "new_foot_drop", "saddle_anesthesia", "iv_drug_use", "hiv_aids", "coccydynia")
    more = ("diabetes_mellitus", "chronic_dialysis", "spinal_deformity")
    evidence = tuple(reviews.recorded(ref, True) for ref in (*symptoms, *more))
    detail = one(reviews.not_yet(evidence=evidence))["detail"]
    assert "- 3 more on record" in detail
    assert detail.count("(problem list)") == 7


def test_what_could_not_be_read_is_named_by_kind_and_never_by_id() -> None:
    detail = one(
        reviews.not_yet(not_read=("Procedure",), unreadable=("Observation/o-17",), foreign=("Condition/x-1",))
    )["detail"]
    assert "Could not be read: procedures." in detail
    assert "belong to another patient" in detail
    unread = one(reviews.not_yet_asked(ground=Ground.NOT_READ, unreadable=("Observation/o-17", "Observation/o-18")))
    assert "On record but not understood: observations." in unread["detail"]
    assert "o-17" not in str(unread)
    assert "x-1" not in detail


def test_a_contraindication_to_mri_is_said_on_any_card() -> None:
    card = one(reviews.wrong_contrast(beside=("mri_contraindicated",)))
    assert card["indicator"] == "warning"
    assert "A contraindication to MRI is on record." in card["detail"]


def test_a_pointer_into_the_writers_notes_is_left_out() -> None:
    noted = reviews.criterion("SP-5.1/mri", "MRI when nothing else helps (C-05).", Outcome.SUPPORTED)
    assert "- MRI when nothing else helps.\n" in one(reviews.not_yet(decided_by=(noted,), judged=()))["detail"]


def test_the_edition_note_is_shown() -> None:
    assert one(reviews.not_yet(edition_note="Judged by the first edition."))["detail"].endswith("first edition.")


def test_the_source_is_the_document_that_decided() -> None:
    both = reviews.infant(guidelines=(reviews.ADULT, reviews.CHILD))
    assert one(both)["source"]["label"] == "Pediatric spine imaging"
    assert "url" not in one(both)["source"]
    assert one(reviews.not_yet())["source"]["url"] == "https://guidelines.example.org/adult-spine"
