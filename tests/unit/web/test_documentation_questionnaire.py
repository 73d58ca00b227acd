"""Facts as questions, and a filled-in form as an answer that the next review reads."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from cds_service import resources
from cds_service.card_builder.words import load_words
from cds_service.core.vocabulary import FactType
from cds_service.guidelines.load import load
from cds_service.web.documentation.answers import read_form, response
from cds_service.web.documentation.questionnaire import CANONICAL, Asker, Group, questions, unit_of
from cds_service.web.documentation.topics import COMMON, TITLES, Topic, groups

GUIDELINES = load()
ASKER = Asker(GUIDELINES.vocabulary, load_words(resources.cards_dir()))
TODAY = date(2026, 11, 20)
REFS = (
    "plain_xray_available(lumbar)",
    "conservative_treatment_weeks",
    "xray_result(lumbar)",
    "episode_onset_date",
    "icd10_reason_code",
)
FORM = ASKER.questionnaire("Questions", [Group("Group", REFS)])


def item(ref: str) -> dict:
    (found,) = [each for each in questions(FORM) if each["linkId"] == ref]
    return found


def test_the_link_id_is_the_fact_and_types_follow_it() -> None:
    Questionnaire.model_validate(FORM)
    assert FORM["url"] == CANONICAL
    assert [(each["linkId"], each["type"]) for each in questions(FORM)] == [
        ("plain_xray_available(lumbar)", "boolean"),
        ("conservative_treatment_weeks", "decimal"),
        ("xray_result(lumbar)", "choice"),
        ("episode_onset_date", "date"),
        ("icd10_reason_code", "string"),
    ]
    assert item("plain_xray_available(lumbar)")["text"].endswith("?")


def test_numbers_carry_their_unit_and_codes_their_values() -> None:
    weeks = item("conservative_treatment_weeks")
    assert unit_of(weeks) == "weeks"
    assert weeks["extension"][0]["valueCoding"]["code"] == "wk"
    codes = [option["valueCoding"]["code"] for option in item("xray_result(lumbar)")["answerOption"]]
    assert codes == ["negative", "fracture", "equivocal", "nondiagnostic", "abnormal", "diagnostic_si_disorder", "none"]


def test_every_fact_that_has_words_can_be_asked() -> None:
    whole = ASKER.every_question()
    Questionnaire.model_validate(whole)
    asked = {each["linkId"].partition("(")[0] for each in questions(whole)}
    assert asked == set(GUIDELINES.vocabulary)


@pytest.mark.parametrize("ref", ["nothing", "plain_xray_available", "plain_xray_available(knee)", "fever(lumbar)", "("])
def test_what_is_no_fact_is_not_asked(ref: str) -> None:
    assert not ASKER.knows(ref)
    assert ASKER.questionnaire("Questions", [Group("Group", (ref,))])["item"] == []


def test_a_form_becomes_a_response_with_only_what_was_answered() -> None:
    given = {
        "plain_xray_available(lumbar)": "false",
        "conservative_treatment_weeks": "7,5",
        "xray_result(lumbar)": "equivocal",
        "episode_onset_date": "2026-09-01",
        "icd10_reason_code": " ",
        "saddle_anesthesia": "true",  # was not asked
    }
    filled = read_form(FORM, given, TODAY)
    assert filled.wrong == {}
    assert {each["linkId"]: each["answer"][0] for each in filled.items} == {
        "plain_xray_available(lumbar)": {"valueBoolean": False},
        "conservative_treatment_weeks": {"valueDecimal": 7.5},
        "xray_result(lumbar)": {
            "valueCoding": {
                "system": "urn:spine-imaging-review:fact-value",
                "code": "equivocal",
                "display": "equivocal",
            }
        },
        "episode_onset_date": {"valueDate": "2026-09-01"},
    }
    sent = response(
        filled.items,
        patient="p1",
        authored=datetime(2026, 11, 20, 12, tzinfo=UTC),
        author="Practitioner/d1",
        encounter="e1",
    )
    QuestionnaireResponse.model_validate(sent)
    assert sent["subject"] == {"reference": "Patient/p1"}
    assert sent["encounter"] == {"reference": "Encounter/e1"}
    assert sent["author"] == {"reference": "Practitioner/d1"}
    assert sent["authored"] == "2026-11-20T12:00:00+00:00"
    assert sent["status"] == "completed"


@pytest.mark.parametrize(
    ("ref", "given", "problem"),
    [
        ("plain_xray_available(lumbar)", "maybe", "yes or no"),
        ("conservative_treatment_weeks", "six", "a number"),
        ("conservative_treatment_weeks", "-1", "a number"),
        ("conservative_treatment_weeks", "1e5", "a number"),
        ("conservative_treatment_weeks", "999999", "too large"),
        ("xray_result(lumbar)", "broken", "one of the answers"),
        ("episode_onset_date", "2026-13-01", "a date"),
        ("episode_onset_date", "2026-11-21", "not come yet"),
        ("icd10_reason_code", "x" * 201, "at most 200"),
    ],
)
def test_what_cannot_be_read_is_said_and_not_recorded(ref: str, given: str, problem: str) -> None:
    filled = read_form(FORM, {ref: given}, TODAY)
    assert filled.items == ()
    assert problem in filled.wrong[ref]


def test_the_questions_of_a_card_are_asked_and_no_others() -> None:
    (group,) = groups(Topic.QUESTIONS, REFS[:2], GUIDELINES.spinal_indications, ASKER)
    assert group.refs == REFS[:2]
    assert not group.pick


def test_a_missing_indication_offers_common_reasons_first_and_all_others_after() -> None:
    first, others = groups(Topic.QUESTIONS, ("indication",), GUIDELINES.spinal_indications, ASKER)
    assert first.refs == COMMON
    assert all(ASKER.knows(ref) for ref in COMMON)
    assert others.closed
    yes_or_no = {
        ref
        for ref in GUIDELINES.spinal_indications
        if GUIDELINES.vocabulary[ref.partition("(")[0]].type is FactType.BOOLEAN
    }
    assert {*first.refs, *others.refs} == yes_or_no


def test_every_red_flag_can_be_recorded_by_its_findings() -> None:
    flags = {group.heading: group.refs for group in groups(Topic.RED_FLAG, (), (), ASKER)}
    assert len(flags) == 7
    assert "saddle_anesthesia" in flags["Possible cauda equina syndrome"]
    assert "muscle_strength_grade" in flags["Motor weakness red flag"]
    every = [ref for refs in flags.values() for ref in refs]
    assert len(every) == len(set(every))
    assert not {"age_years", "age_months"} & set(every)


def test_an_x_ray_is_recorded_with_region_and_result() -> None:
    found = groups(Topic.XRAY, (), (), ASKER)
    assert ("plain_xray_available(lumbar)", "xray_result(lumbar)") in [group.refs for group in found]
    assert set(TITLES) == set(Topic)
