"""A fact that a setting decided says so on its line; the words for every such setting exist."""

from __future__ import annotations

import pytest

from cds_service import resources
from cds_service.card_builder.fact_lines import evidence_lines
from cds_service.card_builder.words import Words, load_words
from cds_service.core.determination import Evidence
from cds_service.core.fact import Fact, Limit, Source, Value
from cds_service.facts.settings import SHOWN

DRUG = Source("MedicationStatement/m1", "2026-07-21")


@pytest.fixture(scope="module")
def words() -> Words:
    return load_words(resources.cards_dir())


def line(words: Words, ref: str, limit: Limit, value: Value = True) -> str:
    (found,) = evidence_lines([Evidence(ref, Fact.of(value, DRUG, limit=limit))], words, {}, {})
    return found


@pytest.mark.parametrize(
    ("ref", "limit", "value", "said"),
    [
        (
            "long_term_glucocorticoids",
            Limit("long_term_steroid_days", 90, 112),
            True,
            "112 days on record (long-term here means 90 days or more; a setting)",
        ),
        (
            "condition(low_bone_mineral_density)",
            Limit("low_bone_density_t_score", -1.0, -1.4),
            True,
            "T-score -1.4 (low here means -1 or lower; a setting)",
        ),
        (
            "born_preterm",
            Limit("preterm_weeks", 37.0, 40.0),
            False,
            "birth at 40 weeks (preterm here means before 37 weeks; a setting)",
        ),
    ],
)
def test_a_setting_is_shown_where_it_decided(words: Words, ref: str, limit: Limit, value: bool, said: str) -> None:
    shown = line(words, ref, limit, value)

    assert shown.endswith(f": {said} (medication list)")
    assert shown.lower().startswith(words.phrase(ref).statement.lower())


@pytest.mark.parametrize("setting", SHOWN)
def test_every_shown_setting_has_words_with_both_numbers(words: Words, setting: str) -> None:
    said = line(words, "fever", Limit(setting, 123, 456))

    assert "123" in said
    assert "456" in said
