"""Facts as a clinician reads them: "Treatment in this episode: 3 of 6 weeks, since 20 Oct 2026"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from cds_service.card_builder import markdown
from cds_service.card_builder.slots import capitalised
from cds_service.card_builder.words import FactPhrase, Words
from cds_service.core.criterion import Comparison, Criterion, Node, fact_tests
from cds_service.core.determination import Evidence
from cds_service.core.fact import Fact, Source, Value
from cds_service.core.quantity import Range

_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T.*)?", re.DOTALL)
# Ages are said once, at the head of the list, in completed months or years.
AGES: Final = ("age_months", "age_years")
INFANT_MONTHS: Final = 24

_THRESHOLDS: Final = frozenset({Comparison.AT_LEAST, Comparison.MORE_THAN})


def day(value: date, words: Words) -> str:
    """ "3 Nov 2026"."""
    return f"{value.day} {words.months[value.month - 1]} {value.year}"


def chart_date(text: str | None, words: Words) -> str:
    """A FHIR date as far as it goes: "3 Nov 2026", "Nov 2026" or "2026"; "" for what is not a date."""
    shape = _DATE.fullmatch(text) if text else None
    if shape is None:
        return ""
    year, month, day_of_month = shape.groups()
    if month is None:
        return year
    if not 1 <= int(month) <= 12:
        return ""
    return " ".join(
        part for part in (day_of_month and str(int(day_of_month)), words.months[int(month) - 1], year) if part
    )


def amount(value: float | Range, phrase: FactPhrase, words: Words) -> str:
    """A fact's number or range; a stretch of time in completed units, as ages are told."""
    if not phrase.counts_completed:
        return number(value, words)
    if isinstance(value, Range):
        return number(Range(_completed(value.low), _completed(value.high)), words)
    return number(_completed(value), words)


def _completed(value: float) -> float:
    return math.floor(value) if math.isfinite(value) else value


def number(value: float | Range, words: Words) -> str:
    if not isinstance(value, Range):
        return _digits(value)
    patterns = words.patterns["number"]
    if value.low == value.high:
        return _digits(value.low)
    if value.high == float("inf"):
        return patterns["at_least"].must_fill(low=_digits(value.low))
    return patterns["range"].must_fill(low=_digits(value.low), high=_digits(value.high))


def with_unit(text: str, amount: float | Range, phrase: FactPhrase) -> str:
    """ "1 week", "3 of 6 weeks"."""
    if phrase.unit is None:
        return text
    one, many = phrase.unit
    return f"{text} {one if amount == 1 or text == '1' else many}".rstrip()


def threshold(criteria: Iterable[Criterion], ref: str) -> float | None:
    """The least that the first of the criteria to speak of a fact asks of it, in the fact's unit."""
    limits = (_limit(criterion.when, ref) for criterion in criteria if criterion.when is not None)
    return next((limit for limit in limits if limit is not None), None)


@lru_cache(maxsize=4096)  # trees are ours, told apart by identity, and the same in every request
def _limit(tree: Node, ref: str) -> float | None:
    for test in fact_tests(tree):
        if test.name == ref and test.comparison in _THRESHOLDS and isinstance(test.operand, float):
            return test.operand
    return None


def age_text(evidence: Iterable[Evidence], words: Words) -> str:
    """ "3 months" under 24 months, else "14 years"; "" when no age is on record."""
    known = {item.ref: item.fact.value for item in evidence if item.ref in AGES}
    months, years = (lower_bound(known.get(ref)) for ref in AGES)
    if months is not None and months < INFANT_MONTHS:
        completed = math.floor(months)
        return with_unit(str(completed), completed, words.phrase(AGES[0]))
    if years is None and months is not None:
        years = months / 12
    return with_unit(str(math.floor(years)), math.floor(years), words.phrase(AGES[1])) if years is not None else ""


def lower_bound(value: Value | None) -> float | None:
    """The number, the least of a range, None for what is not a number."""
    if isinstance(value, Range):
        return value.low
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def evidence_lines(
    evidence: Iterable[Evidence], words: Words, limits: Mapping[str, float], until: Mapping[str, date]
) -> Iterator[str]:
    """One line of Markdown per fact that is worth showing; `until` gives the day on which a duration is reached."""
    for item in evidence:
        phrase = words.phrase(item.ref)
        if phrase.shown and item.ref not in AGES and _says_something(item.fact, phrase, words):
            yield _line(item, phrase, words, limits.get(item.ref), until.get(item.ref))


def _is_below(value: Value | None, limit: float) -> bool:
    low = lower_bound(value)
    return low is not None and low < limit


def _says_something(fact: Fact, phrase: FactPhrase, words: Words) -> bool:
    return fact.known and (isinstance(fact.value, bool) or bool(value_text(fact.value, phrase, words)))


def _line(item: Evidence, phrase: FactPhrase, words: Words, limit: float | None, until: date | None) -> str:
    patterns = words.patterns["fact"]
    text = _statement(item.fact, phrase, words, limit)
    if limit is not None and until is not None and _is_below(item.fact.value, limit):
        reached = with_unit(_digits(limit), limit, phrase)
        text = patterns["reached"].must_fill(text=text, limit=reached, until=day(until, words))
    if place := _place(item.fact, words):
        text = patterns["place"].must_fill(text=text, place=place)
    return capitalised(text)


def _statement(fact: Fact, phrase: FactPhrase, words: Words, limit: float | None) -> str:
    if fact.limit is not None:
        said = words.patterns["settings"][fact.limit.setting]
        value = said.must_fill(found=_digits(fact.limit.found), limit=_digits(fact.limit.value))
        return words.patterns["fact"]["value"].must_fill(statement=phrase.statement, value=value)
    on = next((text for source in _sources(fact) if (text := chart_date(source.date, words))), "")
    if isinstance(fact.value, date):
        on = ""  # a date that says itself when
    since = day(fact.since, words) if fact.since else ""
    if isinstance(fact.value, bool) and (fact.value or phrase.absent is None):
        key, value, since = ("present" if fact.value else "absent"), "", ""
    else:
        key, value = (
            "value",
            (phrase.absent or "") if fact.value is False else value_text(fact.value, phrase, words, limit),
        )
    if since:
        key, on = "value_since", since
    elif on:
        key = f"{key}_on"
    return words.patterns["fact"][key].must_fill(statement=phrase.statement, value=value, date=on, since=since)


def value_text(value: Value | None, phrase: FactPhrase, words: Words, limit: float | None = None) -> str:
    """A value in words, safe in Markdown. A code without words of its own may come from the chart: it is escaped."""
    match value:
        case date():
            return day(value, words)
        case bool() | None:
            return ""
        case str():
            return (phrase.values or {}).get(value) or markdown.escape(value.replace("_", " "))
        case tuple():
            return words.joined([value_text(code, phrase, words) for code in value])
        case _:
            text = amount(value, phrase, words)
            if limit is None or not _is_below(value, limit):
                return with_unit(text, value, phrase)
            patterns = words.patterns["number"]
            if isinstance(value, Range) and limit <= value.high < math.inf:
                return patterns["needed"].must_fill(value=with_unit(text, value, phrase), limit=_digits(limit))
            return with_unit(patterns["of"].must_fill(value=text, limit=_digits(limit)), limit, phrase)


def _sources(fact: Fact) -> Sequence[Source]:
    """Where the chart has it: an order only repeats that, with the day on which it was written."""
    return [source for source in fact.sources if not source.reference.startswith("ServiceRequest/")] or fact.sources


def _place(fact: Fact, words: Words) -> str:
    """Where the fact stands, by the type of its first source; "" for a type without words."""
    types = (source.reference.partition("/")[0] for source in _sources(fact))
    return next((words.tables["places"][name] for name in types if name in words.tables["places"]), "")


def _digits(value: float) -> str:
    return f"{round(value, 1):g}"
