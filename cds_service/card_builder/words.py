"""Reads `cards/words.yaml` and `cards/fact_words.yaml`: the words that all kinds of card share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cds_service.card_builder.slots import Pattern
from cds_service.core.vocabulary import FactDefinition
from cds_service.facts.settings import SHOWN
from cds_service.guidelines import strict_yaml

# What a slot may be called where, and the keys of each part of `words.yaml` with the slots of its texts.
TEXT_SLOTS: Final = frozenset({
    "ordered", "ordered_kind", "study", "study_name", "code", "contrast", "onset", "until", "age", "done", "needed",
    "needed_weeks", "count", "first_ask", "second_ask", "only_ask", "unread", "already_drafted", "duplicate",
    "since_imaging",
})  # fmt: skip
DETAIL_SLOTS: Final = TEXT_SLOTS | {
    "criteria", "facts", "questions", "not_checked", "steps", "unless", "beside", "unreadable", "notes", "citation",
    "edition_note", "text_on_order", "why_not_recognised", "none_found",
}  # fmt: skip
_FACT_SLOTS: Final = frozenset({"statement", "date", "value", "since", "text", "limit", "until", "place", "count"})
_FACT_KEYS: Final = (
    "present", "present_on", "absent", "absent_on", "value", "value_on", "value_since", "reached", "place", "age",
    "more", "no_words",
)  # fmt: skip
_PATTERNS: Final[dict[str, tuple[Sequence[str], frozenset[str]]]] = {
    "number": (("at_least", "range", "of", "needed"), frozenset({"low", "high", "value", "limit"})),
    "fact": (_FACT_KEYS, _FACT_SLOTS),
    "settings": (SHOWN, frozenset({"found", "limit"})),
    "guideline": (("cited", "whole", "between", "unknown"), frozenset({"title", "sections", "version"})),
    "suggestions": (("change", "change_uncoded", "add", "add_uncoded", "remove"), frozenset({"study", "code"})),
    "actions": (("update", "update_region", "create", "delete"), frozenset({"study", "ordered"})),
}
_TABLES: Final[dict[str, Sequence[str]]] = {
    "list": ("between", "last", "or", "others"),
    "status": ("met", "not_met", "unknown"),
    "none_found": ("whole", "part"),
    "beside": ("mri_contraindicated", "duplicate", "recent_study", "coding", "foreign"),
}
_OPEN_TABLES: Final = ("places", "unread", "modalities", "not_recognised")
_KEYS: Final = ("months", "numbers", "paragraphs", *_PATTERNS, *_TABLES, *_OPEN_TABLES)


COMPLETED: Final = frozenset({"day", "week", "month", "year"})


@dataclass(frozen=True, slots=True)
class FactPhrase:
    """One fact in words.

    `unit` is singular and plural, `absent` how a documented no reads. Only what is `shown` is listed as evidence.
    """

    statement: str
    question: str
    unit: tuple[str, str] | None = None
    values: Mapping[str, str] | None = None
    absent: str | None = None
    shown: bool = True

    @property
    def counts_completed(self) -> bool:
        """Whether it is a stretch of time, which is told in completed days, weeks, months or years."""
        return self.unit is not None and self.unit[0] in COMPLETED


@dataclass(frozen=True, slots=True)
class Words:
    """The shared words. `phrases` holds every fact with its argument filled in: "plain_xray_available(lumbar)"."""

    months: tuple[str, ...]
    numbers: tuple[str, ...]
    patterns: Mapping[str, Mapping[str, Pattern]]
    tables: Mapping[str, Mapping[str, str]]
    paragraphs: Mapping[str, Pattern]
    phrases: Mapping[str, FactPhrase]

    def phrase(self, ref: str) -> FactPhrase:
        """The words for a fact. A fact with arguments may be named without one: then the region ordered is meant.

        `missing_words` proves that no fact of the vocabulary falls back to the nameless one.
        """
        found = self.phrases.get(ref) or self.phrases.get(f"{ref}(requested_region)")
        if found is None:
            nameless = self.patterns["fact"]["no_words"].text
            return FactPhrase(nameless, f"{nameless} ({ref})", shown=False)
        return found

    def joined(self, items: Sequence[str], last: str = "last") -> str:
        """ "a, b and c", or with `last="or"` "a, b or c"; "" for no items."""
        if len(items) < 2:
            return "".join(items)
        table = self.tables["list"]
        return table["between"].join(items[:-1]) + table[last] + items[-1]


def load_words(folder: Path) -> Words:
    """Raises GuidelineError naming file and line of an unknown key, a missing key or an unknown slot."""
    data = strict_yaml.read(folder / "words.yaml").allow(_KEYS)
    months = data.texts("months")
    if len(months) != 12:
        data.fail("months must be twelve names")
    patterns = {name: _patterns(data.mapping(name), keys, slots) for name, (keys, slots) in _PATTERNS.items()}
    tables = {name: _table(data.mapping(name).allow(tuple(keys))) for name, keys in _TABLES.items()}
    tables |= {name: _table(data.mapping(name)) for name in _OPEN_TABLES}
    for name in ("unread", "modalities"):
        if "other" not in tables[name]:
            data.mapping(name).fail("an entry `other` is needed for what is not listed")
    paragraphs = data.mapping("paragraphs")
    return Words(
        months=months,
        numbers=data.texts("numbers"),
        patterns=patterns,
        tables=tables,
        paragraphs={name: Pattern.compile(paragraphs.text(name), DETAIL_SLOTS, paragraphs) for name in paragraphs},
        phrases=_load_phrases(folder / "fact_words.yaml"),
    )


def missing_words(words: Words, vocabulary: Mapping[str, FactDefinition]) -> list[str]:
    """Facts, arguments, codes and units of the vocabulary that have no words; empty when all is said."""
    missing: list[str] = []
    for fact in vocabulary.values():
        for ref in [f"{fact.id}({argument})" for argument in fact.arguments] or [fact.id]:
            phrase = words.phrases.get(ref)
            if phrase is None:
                missing.append(ref)
                continue
            if phrase.shown and fact.codes:
                missing.extend(f"{ref} = {code}" for code in fact.codes if code not in (phrase.values or {}))
            if fact.unit and phrase.unit is None:
                missing.append(f"unit of {ref}")
    return missing


def _patterns(data: strict_yaml.Mapping, keys: Sequence[str], slots: Collection[str]) -> dict[str, Pattern]:
    data.allow(tuple(keys))
    return {key: Pattern.compile(data.text(key), slots, data) for key in keys}


def _table(data: strict_yaml.Mapping) -> dict[str, str]:
    return {key: data.text(key) for key in data}


def _load_phrases(path: Path) -> dict[str, FactPhrase]:
    data = strict_yaml.read(path).allow(("regions", "facts"))
    regions = _table(data.mapping("regions"))
    phrases: dict[str, FactPhrase] = {}
    facts = data.mapping("facts")
    for fact in facts:
        entry = facts.mapping(fact)
        entry.allow(("statement", "question"), ("arguments", "unit", "values", "absent", "shown"))
        for argument, own in _arguments(entry, regions).items():
            phrases[f"{fact}({argument})" if argument else fact] = _phrase(entry, own)
    return phrases


def _arguments(
    entry: strict_yaml.Mapping, regions: Mapping[str, str]
) -> Mapping[str, str | strict_yaml.Mapping | None]:
    """Each argument with its phrase, or with a statement and question of its own; "" for a fact without arguments."""
    given = entry.get("arguments")
    if given is None:
        return {"": None}
    return regions if given == "regions" else entry.mapping("arguments")


def _phrase(entry: strict_yaml.Mapping, own: str | strict_yaml.Mapping | None) -> FactPhrase:
    said = own.allow(("statement", "question")) if isinstance(own, strict_yaml.Mapping) else entry
    slots = {"argument": own} if isinstance(own, str) else {}
    statement, question = (
        Pattern.compile(said.text(key), slots.keys(), said).must_fill(**slots) for key in ("statement", "question")
    )
    if not question.endswith("?"):
        said.fail(f"{question!r} is not a question")
    unit = entry.texts("unit")
    if unit and len(unit) != 2:
        entry.fail("unit needs its singular and its plural")
    return FactPhrase(
        statement=statement,
        question=question,
        unit=(unit[0], unit[1]) if unit else None,
        values=_table(entry.mapping("values")) if "values" in entry else None,
        absent=entry.text("absent") if "absent" in entry else None,
        shown=entry.flag("shown") if "shown" in entry else True,
    )
