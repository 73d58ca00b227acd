"""What a code means to us: the right sets, facts and studies, and nothing for a code nobody knows."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.fhir.codes import CPT, FACT, ICD10CM, LOINC, RXNORM, SNOMED
from cds_service.guidelines.load import Guidelines, load
from cds_service.terminology import Coding, Explained, Fed, explain, in_words, is_known, read_name


@pytest.fixture(scope="module")
def guidelines() -> Guidelines:
    return load()


def fed(explained: Explained, ref: str) -> Fed:
    return next(each for each in explained.fed if each.ref == ref)


@pytest.mark.parametrize(
    ("coding", "value_set", "ref", "place"),
    [
        ((ICD10CM, "M54.50"), "low-back-pain", "spine_pain(lumbar)", "problem"),
        ((ICD10CM, "M54.50"), "low-back-pain", "spine_pain(lumbar)", "reason of the order"),
        ((ICD10CM, "G83.4"), "cauda-equina", "red_flag_cauda_equina", "problem"),
        ((SNOMED, "279039007"), "low-back-pain", "spine_pain(lumbar)", "reason of a visit"),
        ((CPT, "97110"), "proc-physical-therapy", "weeks_since_conservative_treatment", "procedure done"),
        ((RXNORM, "5640"), "med-nsaid", "conservative_treatment_weeks", "medicine"),
    ],
)
def test_a_code_feeds_its_facts(guidelines: Guidelines, coding: Coding, value_set: str, ref: str, place: str) -> None:
    explained = explain(coding, guidelines)
    assert value_set in [held.value_set.id for held in explained.held]
    assert place in fed(explained, ref).settles


def test_a_weak_code_is_said_to_be_weak_and_settles_nothing(guidelines: Guidelines) -> None:
    explained = explain((ICD10CM, "C44.1"), guidelines)
    cancer = fed(explained, "known_cancer_history")
    assert not cancer.settles
    assert any("too little" in reason for reason in cancer.why_not)
    assert "weak: never enough alone" in in_words(explained)


def test_a_code_that_needs_more_says_what(guidelines: Guidelines) -> None:
    """Numbness somewhere is no saddle anesthesia."""
    explained = explain((ICD10CM, "R20.0"), guidelines)
    assert "counts only with its body site" in in_words(explained)
    assert not fed(explained, "saddle_anesthesia").settles


def test_a_study_is_named_with_contrast_and_source(guidelines: Guidelines) -> None:
    explained = explain((CPT, "72157"), guidelines)
    assert [entry.study.id for entry, _ in explained.studies] == ["mr_thoracic_wwo"]
    assert all(sources for _, sources in explained.studies)
    assert "contrast: without and with" in in_words(explained)


def test_what_follows_from_a_fact_is_named(guidelines: Guidelines) -> None:
    assert "red_flag_any" in explain((ICD10CM, "G83.4"), guidelines).derived


def test_a_presentation_begins_the_episode_and_a_procedure_does_not(guidelines: Guidelines) -> None:
    assert explain((ICD10CM, "M54.2"), guidelines).begins_episode
    assert not explain((CPT, "97110"), guidelines).begins_episode


def test_a_code_of_our_own_states_its_fact(guidelines: Guidelines) -> None:
    assert explain((FACT, "night_pain"), guidelines).fact == "night_pain"
    assert not is_known((FACT, "no_such_fact"), guidelines)


@pytest.mark.parametrize("coding", [(LOINC, "4548-4"), (ICD10CM, "Z23"), ("urn:local", "MRLSPINE"), (SNOMED, "")])
def test_an_unmapped_code_is_said_to_be(guidelines: Guidelines, coding: Coding) -> None:
    explained = explain(coding, guidelines)
    assert not is_known(coding, guidelines)
    assert not explained.known
    assert (explained.held, explained.studies, explained.fed, explained.derived) == ((), (), (), ())
    assert "unmapped" in in_words(explained)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("icd10cm|m5450", [(ICD10CM, "M5450")]),
        ("urn:oid:2.16.840.1.113883.6.90|M54.50", [(ICD10CM, "M54.50")]),
        ("http://snomed.info/sct|279039007", [(SNOMED, "279039007")]),
        ("72148", [(CPT, "72148")]),
        ("no such code", []),
        ("|", []),
    ],
)
def test_names_of_codes(guidelines: Guidelines, name: str, expected: list[Coding]) -> None:
    assert list(read_name(name, guidelines)) == expected


def test_every_member_of_every_value_set_is_known_and_has_a_source(guidelines: Guidelines) -> None:
    for code_set in guidelines.value_sets.values():
        for member in code_set.members:
            assert is_known((member.system, member.code), guidelines), (code_set.id, member.code)
            assert member.sources, (code_set.id, member.code)


def test_the_command_line() -> None:
    known = CliRunner().invoke(main, ["codes", "icd10cm|M54.50", "72148"])
    assert known.exit_code == 0
    assert "low-back-pain" in known.output
    assert "mr_lumbar_wo" in known.output
    unmapped = CliRunner().invoke(main, ["codes", "72148", "icd10cm|Z23"])
    assert unmapped.exit_code == 1
    assert "unmapped" in unmapped.output
