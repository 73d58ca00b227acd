"""Every fact has words, and the words are of the shape that cards need."""

from __future__ import annotations

import re

import pytest

from cds_service import resources
from cds_service.card_builder.words import FactPhrase, load_words, missing_words
from cds_service.core.errors import GuidelineError
from cds_service.core.vocabulary import FactDefinition, FactType
from cds_service.guidelines.vocabulary import load_vocabulary
from tests.unit.card_builder import reviews

WORDS = reviews.TEMPLATES.words
VOCABULARY = load_vocabulary(reviews.GUIDELINES / "facts.yaml")


def test_every_fact_argument_code_and_unit_has_words() -> None:
    assert missing_words(WORDS, VOCABULARY) == []


def test_the_ordered_region_has_words_wherever_a_region_does() -> None:
    by_region = {ref.partition("(")[0] for ref in WORDS.phrases if ref.endswith("(thoracic)")}
    assert by_region
    assert {f"{fact}(requested_region)" for fact in by_region} <= set(WORDS.phrases)


def test_a_fact_without_words_is_reported() -> None:
    new = FactDefinition("moon_phase", FactType.NUMBER, "Phase of the moon", unit="days", codes=())
    assert missing_words(WORDS, {"moon_phase": new}) == ["moon_phase"]


@pytest.mark.parametrize(("ref", "phrase"), WORDS.phrases.items())
def test_a_question_is_one_sentence_and_a_statement_fits_into_a_summary(ref: str, phrase: FactPhrase) -> None:
    assert re.fullmatch(r"[A-Z][^?]*\?", phrase.question), ref
    assert 3 <= len(phrase.statement) <= 46
    assert not phrase.statement.endswith((".", "?"))
    # Mid-sentence form: a capital only in names and abbreviations.
    first = phrase.statement.split()[0]
    assert first[0].islower() or first.upper() == first or first in NAMES, phrase.statement


NAMES = {
    "Babinski", "Chiari", "Cobb", "Glasgow", "Hoffmann", "Klippel-Feil", "Lhermitte", "Marfan", "Scheuermann",
}  # fmt: skip


def test_a_fact_named_without_its_region_means_the_region_ordered() -> None:
    assert WORDS.phrase("relevant_level") == WORDS.phrase("relevant_level(requested_region)")


def test_a_list_reads_like_a_sentence() -> None:
    assert WORDS.joined([]) == ""
    assert WORDS.joined(["a"]) == "a"
    assert WORDS.joined(["a", "b", "c"]) == "a, b and c"
    assert WORDS.joined(["a", "b"], "or") == "a or b"


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("words.yaml", "months:", "moons:", "missing months"),
        ("words.yaml", "Feb, ", "", "twelve"),
        ("words.yaml", "{study} ({code})", "{studdy} ({code})", "unknown slot {studdy}"),
        ("words.yaml", "  present: ", "  presnet: ", "missing present"),
        ("words.yaml", "'Ordered: {ordered}.'", "'Ordered: {ordered!r}.'", "plain name in braces"),
        ("words.yaml", "'Ordered: {ordered}.'", "'Ordered: {ordered.'", "expected '}'"),
        ("words.yaml", "  other: other parts of the record", "", "`other` is needed"),
        ("fact_words.yaml", "Is the injury acute?", "Is the injury acute", "is not a question"),
        ("fact_words.yaml", "    unit: [foot, feet]", "    unit: [feet]", "singular and its plural"),
        ("fact_words.yaml", "    statement: night pain", "    statment: night pain", "missing statement"),
        ("fact_words.yaml", "statement: night pain", "statement: '{place} pain'", "unknown slot {place}"),
    ],
)
def test_a_slip_in_the_words_stops_the_service_and_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, file: str, old: str, new: str, problem: str
) -> None:
    folder = tmp_path_factory.mktemp("cards")
    for name in ("words.yaml", "fact_words.yaml"):
        text = (resources.cards_dir() / name).read_text(encoding="utf-8")
        if name == file:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(GuidelineError) as raised:
        load_words(folder)
    assert raised.value.where.startswith(f"{file}:")
    assert problem in raised.value.problem
