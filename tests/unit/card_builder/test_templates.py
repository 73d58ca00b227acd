"""Templates are checked at start-up: a slip in a word never reaches a consultation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cds_service import resources
from cds_service.card_builder.lint import lint_cards, longest_values
from cds_service.card_builder.templates import LONGEST_SUMMARY, CardTemplates, Kind, load_templates
from cds_service.core.errors import GuidelineError
from cds_service.guidelines.vocabulary import load_vocabulary
from tests.unit.card_builder import reviews

TEMPLATES = reviews.TEMPLATES
VOCABULARY = load_vocabulary(reviews.GUIDELINES / "facts.yaml")
STUDIES = tuple(reviews.STUDIES.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = tmp_path / "cards"
    shutil.copytree(resources.cards_dir(), copied)
    return copied


def test_there_is_one_template_for_every_kind() -> None:
    assert set(TEMPLATES.by_kind) == set(Kind)


def test_the_words_pass_their_lint() -> None:
    assert lint_cards(TEMPLATES, VOCABULARY, STUDIES) == []


@pytest.mark.parametrize("kind", Kind)
def test_every_summary_fits_with_the_longest_values(kind: Kind) -> None:
    longest = longest_values(TEMPLATES.words, STUDIES)
    template = TEMPLATES.by_kind[kind]
    leads = {
        slot: max((TEMPLATES.words.phrase(ref).statement for ref in refs), key=len)
        for slot, refs in template.leads.items()
    }
    texts = [variant.fill({**longest, **leads}) for variant in template.summary]
    assert None not in texts  # lint knows a longest value for every slot a summary may use
    assert max(len(text or "") for text in texts) <= LONGEST_SUMMARY


def test_a_summary_that_could_grow_too_long_is_reported() -> None:
    template = TEMPLATES.by_kind[Kind.XRAY_FIRST]
    long = replace(template.summary[0], text="{Study_name} first: none on record since {onset}" + " and" * 20)
    templates = replace(
        TEMPLATES, by_kind={**TEMPLATES.by_kind, Kind.XRAY_FIRST: replace(template, summary=(long, *template.summary))}
    )
    problems = lint_cards(templates, VOCABULARY, STUDIES)
    assert len(problems) == 1
    assert problems[0].startswith("xray_first.yaml: ")


def test_override_codes_are_unique_and_three_to_five_per_card() -> None:
    codes = [(reason.system, reason.code) for reason in TEMPLATES.reasons]
    assert len(set(codes)) == len(codes)
    for template in TEMPLATES.by_kind.values():
        if template.link is None:
            assert 3 <= len(template.overrides) <= 5
        else:
            assert not template.overrides


def test_codes_of_override_reasons_do_not_change() -> None:
    """Feedback is counted by these codes. New ones may be added; none may be renamed or dropped."""
    assert {reason.code for reason in TEMPLATES.reasons} >= {
        "red-flag-present", "mass-or-neurological-signs", "study-done-elsewhere", "treatment-documented-elsewhere",
        "documented-elsewhere", "emergency", "specialist-request", "operation-planned", "right-study-already-ordered",
        "level-intended", "red-flag-excluded", "contrast-needed", "contrast-avoided", "implant-cleared-for-mri",
        "mri-not-possible", "repeat-intended", "clinical-change", "earlier-study-inadequate", "reviewed-by-hand",
        "other-guideline-followed", "discussed-with-reviewer", "local-code-required", "not-a-spine-study",
        "local-protocol", "units-for-separate-sessions",
        "service-not-available", "patient-contraindication", "action-completed", "need-more-info",
    }  # fmt: skip


TONE = ("denied", "inappropriate", "not done", "payment", "unnecessary", "failed to", "you ", "must ")


def test_nothing_blames_or_threatens() -> None:
    for template in TEMPLATES.by_kind.values():
        said = " ".join(pattern.text for pattern in (*template.summary, *template.detail)).lower()
        assert not [word for word in TONE if word in said], template.kind


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("templates/not_yet.yaml", "kind: not_yet", "kind: xray_first", "belongs in a file of that name"),
        ("templates/not_yet.yaml", "kind: not_yet", "kind: later", "unknown kind later"),
        ("templates/not_yet.yaml", "detail:", "details:", "missing detail"),
        ("templates/not_yet.yaml", "display: Not yet", "display: Not yet\ncolour: red", "unknown key colour"),
        ("templates/not_yet.yaml", "{done} of", "{dnoe} of", "unknown slot {dnoe}"),
        ("templates/not_yet.yaml", "are not met so far'", "{until}'", "the last summary must have no slot"),
        ("templates/not_yet.yaml", "- steps", "- stepz", "no shared paragraph stepz"),
        ("templates/not_yet.yaml", "[red_flag, ", "[red_flagg, ", "unknown override reason red_flagg"),
        ("templates/not_yet.yaml", "[red_flag, ", "[emergency, ", "stands twice"),
        ("templates/not_yet.yaml", ", operation_planned, specialist, emergency]", "]", "three to five"),
        ("templates/not_yet.yaml", "removal: recommended", "removal: always", "removal must be one of"),
        ("templates/xray_first.yaml", "summary:", "leads: {flag: [no_such_fact]}\nsummary:", "no words for the fact"),
        ("templates/xray_first.yaml", "summary:", "leads: {study: [fever]}\nsummary:", "a slot already"),
        ("templates/not_recognised.yaml", "is not known here", "{text_on_order}", "unknown slot {text_on_order}"),
        ("override_reasons.yaml", "code: emergency", "code: specialist-request", "stands twice"),
        (
            "override_reasons.yaml",
            "reasons:",
            "reasons:\n- {key: k, system: ours, code: k, display: K}",
            "never offered: k",
        ),
        ("override_reasons.yaml", "display: This is not", "title: This is not", "missing display"),
        ("override_reasons.yaml", "when: level", "when: never", "when must be one of"),
    ],
)
def test_a_slip_in_a_template_stops_the_service_and_names_the_file(
    folder: Path, file: str, old: str, new: str, problem: str
) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(GuidelineError) as raised:
        load_templates(folder)
    assert raised.value.where.startswith(path.name)
    assert problem in raised.value.problem


def test_a_kind_without_template_stops_the_service(folder: Path) -> None:
    (folder / "templates" / "no_guideline.yaml").unlink()
    with pytest.raises(GuidelineError, match="no template for no_guideline"):
        load_templates(folder)


def test_loading_twice_gives_the_same(folder: Path) -> None:
    loaded: CardTemplates = load_templates(folder)
    assert loaded.by_kind == TEMPLATES.by_kind
