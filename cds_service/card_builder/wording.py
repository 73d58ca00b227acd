"""What each slot of a template says for one review."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from cds_service.card_builder import markdown
from cds_service.card_builder.fact_lines import (
    age_text,
    amount,
    chart_date,
    day,
    evidence_lines,
    lower_bound,
    number,
    threshold,
    with_unit,
)
from cds_service.card_builder.slots import capitalised, inline
from cds_service.card_builder.templates import LONGEST_SUMMARY, Template
from cds_service.card_builder.words import Words
from cds_service.core.criterion import Criterion, Outcome
from cds_service.core.determination import Evidence, Guideline, Review
from cds_service.core.order import NotRecognised, Study
from cds_service.core.quantity import Range

# More lines than this are not read.
MOST_FACTS: Final = 8
MOST_CRITERIA: Final = 3
MOST_NAMED: Final = 5

TREATMENT: Final = "conservative_treatment_weeks"
ONSET: Final = "episode_onset_date"
SINCE_IMAGING: Final = "months_since_prior_imaging"

_CAME_OUT: Final = frozenset({Outcome.SUPPORTED, Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED, Outcome.REQUIRES})

# A criterion's sentence may point into the notes of those who wrote the criteria; clinicians have no use for that.
_NOTES_POINTER = re.compile(r"\s*\((?:see )?(?:resolutions? )?C-\d+(?:, C-\d+)*\)")


@dataclass(slots=True)
class Slots:
    """`text` is plain and short enough for a summary; `blocks` is Markdown already and only for the detail."""

    text: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)

    def summary(self, template: Template) -> str:
        """The first variant that has something in every slot and fits. The last one always does."""
        for variant in template.summary[:-1]:
            text = variant.fill(self.text)
            if text is not None and len(text) <= LONGEST_SUMMARY:
                return text
        return template.summary[-1].text

    def detail(self, template: Template) -> str:
        """The paragraphs whose slots all have something in them."""
        wanted = template.detail_slots
        values = {name: markdown.escape(text) for name, text in self.text.items() if name in wanted} | self.blocks
        filled = (paragraph.fill(values) for paragraph in template.detail)
        return "\n\n".join(text for text in filled if text is not None)


def slots_of(review: Review, template: Template, words: Words, target: Study | None, drafted: Sequence[Study]) -> Slots:
    """`target` is the study that the card proposes first, `drafted` proposed studies that are drafted already."""
    slots = Slots()
    order = review.order
    slots.text["ordered"] = order.study.label
    slots.text["ordered_kind"] = kind_of_study(order.study, words)
    if target is not None:
        slots.text |= _target(target, words)
    slots.text |= _durations(review, words) | _questions(review.asks_for, words)
    for slot, refs in template.leads.items():
        if ref := _first_recorded(refs, review.evidence):
            slots.text[slot] = words.phrase(ref).statement
    slots.text["unread"] = _unread(review.not_read, words)
    slots.text["already_drafted"] = words.joined([inline(study.label) for study in drafted])
    slots.text["duplicate"] = order.study.label if "duplicate" in review.beside else ""
    slots.blocks |= _lists(review, words)
    slots.blocks["beside"] = _beside(review, words)
    slots.blocks["citation"] = citation(review, words)
    slots.blocks["edition_note"] = markdown.escape(review.edition_note or "")
    slots.blocks["unreadable"] = _unreadable(review.unreadable, words)
    return slots


def slots_of_unrecognised(order: NotRecognised, words: Words) -> Slots:
    """What an order says of itself comes from the order: it never reaches the summary and is escaped in the detail."""
    why = words.tables["not_recognised"].get(order.because) or markdown.escape(order.because)
    return Slots(blocks={"text_on_order": text_on_order(order), "why_not_recognised": why})


def text_on_order(order: NotRecognised) -> str:
    code = order.resource.get("code")
    concept = code if isinstance(code, dict) else {}
    codings = concept.get("coding")
    texts = [concept.get("text")]
    texts += (
        [coding.get("display") for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []
    )
    named = next((text for text in texts if isinstance(text, str) and markdown.plain(text)), "")
    return markdown.escape(markdown.shorten(named))


def kind_of_study(study: Study, words: Words) -> str:
    """ "MRI", "CT", "ultrasound", else "study"."""
    modalities = words.tables["modalities"]
    return modalities.get(study.modality, modalities["other"])


def leading_guideline(review: Review) -> Guideline | None:
    """The document of the criterion that decided, else the first that judged."""
    documents = [criterion.citation.document for criterion in review.decided_by]
    cited = (guideline for document in documents for guideline in review.guidelines if guideline.id == document)
    return next(cited, next(iter(review.guidelines), None))


def citation(review: Review, words: Words) -> str:
    """ "Adult spine imaging, SP-4.1 (v2.0.2026)" for every document that decided."""
    patterns = words.patterns["guideline"]
    criteria = review.decided_by or tuple(judged.criterion for judged in review.judged)
    lines: list[str] = []
    for guideline in review.guidelines:
        sections = dict.fromkeys(c.section for c in criteria if c.citation.document == guideline.id)
        said = {"title": guideline.title, "version": guideline.version, "sections": ", ".join(sections)}
        said = {name: markdown.escape(text) for name, text in said.items()}
        if sections:
            lines.append(patterns["cited"].must_fill(**said))
    if not lines and review.guidelines:
        lines = [
            patterns["whole"].must_fill(title=markdown.escape(g.title), version=markdown.escape(g.version))
            for g in review.guidelines
        ]
    return patterns["between"].text.join(lines)


def _target(study: Study, words: Words) -> dict[str, str]:
    name = study.label.partition(",")[0].partition(" (")[0]
    contrast = words.phrase("requested_contrast").values or {}
    return {
        "study": inline(study.label),
        "study_name": inline(name),
        "code": study.cpt or "",
        "contrast": contrast.get(study.contrast, ""),
    }


def _durations(review: Review, words: Words) -> dict[str, str]:
    """Age, onset and how far the treatment has come, each only when it is on record."""
    facts = {item.ref: item.fact for item in review.evidence}
    said = {"age": age_text(review.evidence, words)}
    if (onset := facts.get(ONSET)) and onset.value is not None:
        said["onset"] = chart_date(str(onset.value), words)
    if until := _until(review):
        said["until"] = day(until, words)
    since = next((fact.value for ref, fact in facts.items() if ref.startswith(SINCE_IMAGING)), None)
    if isinstance(since, int | float | Range) and not isinstance(since, bool):
        said["since_imaging"] = with_unit(
            amount(since, words.phrase(SINCE_IMAGING), words), since, words.phrase(SINCE_IMAGING)
        )
    needed = threshold(_criteria(review), TREATMENT)
    done = facts[TREATMENT].value if TREATMENT in facts else None
    low = lower_bound(done)
    if isinstance(done, int | float | Range) and needed is not None and low is not None and low < needed:
        said |= {"done": amount(done, words.phrase(TREATMENT), words), "needed": number(needed, words)}
        said["needed_weeks"] = with_unit(counted(needed, words), needed, words.phrase(TREATMENT))
    return said


def _until(review: Review) -> date | None:
    """The day from which the order could be supported, when waiting is all that it needs."""
    return next((a.until for a in review.alternatives if a.study is None and a.until), None)


def counted(value: float, words: Words) -> str:
    """ "six" for 6, "13" for 13."""
    whole = int(value)
    return words.numbers[whole] if whole == value and whole < len(words.numbers) else number(value, words)


def _questions(asks_for: Sequence[str], words: Words) -> dict[str, str]:
    said = {"count": counted(len(asks_for), words)} if asks_for else {}
    statements = [words.phrase(ref).statement for ref in asks_for]
    if len(statements) == 1:
        said["only_ask"] = statements[0]
    if len(statements) == 2:
        said["first_ask"], said["second_ask"] = statements
    return said


def _first_recorded(refs: Iterable[str], evidence: Sequence[Evidence]) -> str | None:
    recorded = {item.ref for item in evidence if item.fact.value is True}
    return next((ref for ref in refs if ref in recorded), None)


def _lists(review: Review, words: Words) -> dict[str, str]:
    # Only of the treatment trial does "3 of 6" say more than the criterion itself.
    needed = threshold(_criteria(review), TREATMENT) if any(item.ref == TREATMENT for item in review.evidence) else None
    limits = {} if needed is None else {TREATMENT: needed}
    until = _until(review)
    facts = list(evidence_lines(review.evidence, words, limits, {TREATMENT: until} if until else {}))
    if age := age_text(review.evidence, words):
        reviewed = day(review.order.review_date, words)
        facts.insert(0, capitalised(words.patterns["fact"]["age"].must_fill(date=reviewed, value=age)))
    if len(facts) > MOST_FACTS:
        more = len(facts) - (MOST_FACTS - 1)
        facts = [*facts[: MOST_FACTS - 1], words.patterns["fact"]["more"].must_fill(count=str(more))]
    asked = [words.phrase(ref) for ref in review.asks_for]
    return {
        "criteria": markdown.bullets(_criterion_lines(review, words)),
        "facts": markdown.bullets(facts),
        "questions": markdown.bullets(markdown.escape(phrase.question) for phrase in asked),
        "not_checked": markdown.escape(words.joined(_named(review.asks_for, words))),
        "steps": markdown.bullets(map(_says, review.steps)),
        "unless": markdown.escape(words.joined(_named(review.unless, words), "or")),
        "none_found": words.tables["none_found"]["part" if review.not_read else "whole"],
        "notes": markdown.bullets(map(_says, _told_once(review.notes))),
    }


def _named(refs: Iterable[str], words: Words) -> list[str]:
    """Facts by name, within a sentence: a long list is cut short."""
    names = list(dict.fromkeys(words.phrase(ref).statement for ref in refs))
    return [*names[:MOST_NAMED], words.tables["list"]["others"]] if len(names) > MOST_NAMED else names


def _criterion_lines(review: Review, words: Words) -> Iterator[str]:
    """What decided, in the criteria's own sentences, what names the alternatives first.

    How it came out is said of what supports or requires; an exclusion or a pointer that decided simply holds.
    """
    truths = {judged.criterion.id: judged.truth for judged in review.judged}
    steps = {criterion.id for criterion in review.steps}
    named = {alternative.because for alternative in review.alternatives}
    shown = [criterion for criterion in review.decided_by if criterion.id not in steps]
    for criterion in sorted(shown, key=lambda criterion: criterion.id not in named)[:MOST_CRITERIA]:
        if criterion.id in truths and criterion.outcome in _CAME_OUT:
            yield f"{_says(criterion).rstrip('.')}: {words.tables['status'][truths[criterion.id].value]}"
        else:
            yield _says(criterion)


def _told_once(notes: Iterable[Criterion]) -> Iterator[Criterion]:
    """Two documents may advise the same under the same condition, each in its own words: the first is enough."""
    told: set[tuple[str, Outcome | None, str]] = set()
    for note in notes:
        advice = (note.kind, note.outcome, repr(note.when) if note.when else note.id)
        if advice not in told:
            told.add(advice)
            yield note


def _says(criterion: Criterion) -> str:
    return _own_sentence(criterion.says)


@lru_cache(maxsize=4096)  # criteria are ours, and the same few hundred in every response
def _own_sentence(text: str) -> str:
    return markdown.escape(_NOTES_POINTER.sub("", text))


def _criteria(review: Review) -> Iterator[Criterion]:
    """Every criterion of the review, those that name an alternative first."""
    named = {alternative.because for alternative in review.alternatives}
    criteria = (*review.decided_by, *review.steps, *(judged.criterion for judged in review.judged))
    yield from sorted(criteria, key=lambda criterion: criterion.id not in named)


def _beside(review: Review, words: Words) -> str:
    said = [words.tables["beside"][key] for key in review.beside if key in words.tables["beside"]]
    if review.foreign:
        said.append(words.tables["beside"]["foreign"])
    return " ".join(said)


def _unread(types: Sequence[str], words: Words) -> str:
    """At most two kinds of record by name, so that it fits into a summary."""
    table = words.tables["unread"]
    named = list(dict.fromkeys(table.get(name, table["other"]) for name in types))
    if len(named) > 2:
        named = [*[name for name in named if name != table["other"]][:2], table["other"]]
    return words.joined(named)


def _unreadable(references: Sequence[str], words: Words) -> str:
    """By kind of record, never by id: an id helps nobody at the bedside."""
    types = (reference.partition("/")[0] for reference in references)
    table = words.tables["unread"]
    return words.joined(list(dict.fromkeys(table.get(name, table["other"]) for name in types)))
