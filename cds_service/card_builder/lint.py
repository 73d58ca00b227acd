"""What can be wrong with the words of `cards/` although they load: gaps, and summaries that could grow too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_service.card_builder.slots import capitalised
from cds_service.card_builder.templates import LONGEST_SUMMARY, CardTemplates, Template
from cds_service.card_builder.words import Words, missing_words
from cds_service.core.order import Study
from cds_service.core.vocabulary import Vocabulary


def lint_cards(templates: CardTemplates, vocabulary: Vocabulary, studies: Iterable[Study]) -> list[str]:
    """Problems in words; empty when every fact has words and every summary fits with the longest values it can get."""
    words = templates.words
    problems = [f"fact_words.yaml: no words for {ref}" for ref in missing_words(words, vocabulary)]
    longest = longest_values(words, tuple(studies))
    for template in templates.by_kind.values():
        problems.extend(_too_long(template, longest, words))
    return problems


def longest_values(words: Words, studies: Iterable[Study]) -> dict[str, str]:
    """For each slot of a summary the longest text it can get."""
    labels = [study.label for study in studies]
    ask = _longest(phrase.statement for phrase in words.phrases.values())
    unread = sorted(set(words.tables["unread"].values()) - {words.tables["unread"]["other"]}, key=len)[-2:]
    day = f"30 {_longest(words.months)} 2026"
    weeks = words.phrase("conservative_treatment_weeks").unit or ("", "")
    age = words.phrase("age_months").unit or ("", "")
    amount = words.patterns["number"]["at_least"].must_fill(low="10.5")
    contrasts = words.phrase("requested_contrast").values or {}
    return {
        "ordered": _longest(labels),
        "ordered_kind": _longest(words.tables["modalities"].values()),
        "study": _longest(labels),
        "study_name": _longest(label.partition(",")[0].partition(" (")[0] for label in labels),
        "code": "00000",
        "contrast": _longest(contrasts.values()),
        "onset": day,
        "until": day,
        "age": f"{amount} {age[1]}",
        "done": amount,
        "needed": "10.5",
        "needed_weeks": f"{_longest(words.numbers)} {weeks[1]}",
        "count": _longest(words.numbers),
        "first_ask": ask,
        "second_ask": ask,
        "only_ask": ask,
        "unread": words.joined([*unread, words.tables["unread"]["other"]]),
        "already_drafted": _longest(labels),
        "duplicate": _longest(labels),
        "since_imaging": f"{amount} {age[1]}",
    }


def _too_long(template: Template, longest: Mapping[str, str], words: Words) -> Iterator[str]:
    leads = {
        slot: _longest(capitalised(words.phrase(ref).statement) for ref in refs)
        for slot, refs in template.leads.items()
    }
    for variant in template.summary:
        text = variant.fill({**longest, **leads})
        if text is not None and len(text) > LONGEST_SUMMARY:
            yield f"{template.kind}.yaml: {len(text)} characters (at most {LONGEST_SUMMARY}): {text}"


def _longest(texts: Iterable[str]) -> str:
    return max(texts, key=len)
