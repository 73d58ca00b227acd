"""Reads `cards/`: one template per kind of card, override reasons, shared words. Everything is compiled at start-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cds_service.card_builder.slots import Pattern
from cds_service.card_builder.words import DETAIL_SLOTS, TEXT_SLOTS, Words, load_words
from cds_service.guidelines import strict_yaml

TOPIC_SYSTEM: Final = "urn:spine-imaging-review:card-kind"
LONGEST_SUMMARY: Final = 139


class Kind(StrEnum):
    """The kinds of card, most pressing first. Each has one file in `cards/templates/`."""

    GOVERNED_ELSEWHERE_URGENT = "governed_elsewhere_urgent"
    RED_FLAG_OTHER_STUDY = "red_flag_other_study"
    CLINICAL_REVIEW = "clinical_review"
    MRI_CONTRAINDICATED = "mri_contraindicated"
    INFANT_ULTRASOUND_FIRST = "infant_ultrasound_first"
    XRAY_FIRST = "xray_first"
    NOT_YET = "not_yet"
    OTHER_STUDY = "other_study"
    WRONG_CONTRAST = "wrong_contrast"
    NOT_SUPPORTED = "not_supported"
    INDICATION_MISSING = "indication_missing"
    NEEDS_INFORMATION = "needs_information"
    RED_FLAG_STEP = "red_flag_step"
    COULD_NOT_CHECK = "could_not_check"
    NOT_RECOGNISED = "not_recognised"
    GOVERNED_ELSEWHERE = "governed_elsewhere"
    PREFERRED_STUDY = "preferred_study"
    CODING_NOTE = "coding_note"
    DUPLICATE_OR_RECENT = "duplicate_or_recent"
    NO_GUIDELINE = "no_guideline"
    ANSWER_QUESTIONS = "answer_questions"


class Removal(StrEnum):
    """Whether "Remove this order" is offered, and whether it may be the recommended suggestion."""

    RECOMMENDED = "recommended"
    OFFERED = "offered"


class When(StrEnum):
    """What a card must be about for a reason to make sense on it."""

    STUDY = "study"  # it names a study to order
    LEVEL = "level"  # of another level than the one ordered
    MRI = "mri"  # an MRI in place of something else
    MORE_CONTRAST = "more_contrast"
    LESS_CONTRAST = "less_contrast"
    CODE = "code"  # another code is asked for
    UNITS = "units"  # only the number of units is in question


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A coded reason for keeping the order. Its code never changes. Without `when` it fits any card that lists it."""

    system: str
    code: str
    display: str
    when: When | None


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of card.

    `summary` holds variants, the most telling first; the first whose slots are all filled is used, and the last has no
    slot. `detail` holds paragraphs; one with an empty slot is left out. `leads` fill a slot with the first of the
    listed facts that is on record. `link` is the label of a link, on a card of its own.
    """

    kind: Kind
    display: str
    summary: tuple[Pattern, ...]
    detail: tuple[Pattern, ...]
    overrides: tuple[OverrideReason, ...]
    leads: Mapping[str, tuple[str, ...]]
    suggests: bool
    removal: Removal | None
    link: str | None
    detail_slots: frozenset[str] = frozenset()  # every slot of the paragraphs


@dataclass(frozen=True, slots=True)
class CardTemplates:
    """Everything in `cards/` that a card is made of."""

    by_kind: Mapping[Kind, Template]
    reasons: tuple[OverrideReason, ...]
    words: Words


def load_templates(folder: Path) -> CardTemplates:
    """Raises GuidelineError naming file and line: unknown key, slot, fact or reason, or a kind without template."""
    words = load_words(folder)
    reasons = _load_reasons(folder / "override_reasons.yaml")
    by_kind: dict[Kind, Template] = {}
    used: set[str] = set()
    for path in sorted((folder / "templates").glob("*.yaml")):
        data = strict_yaml.read(path)
        template = _template(data, words, reasons)
        if path.stem != template.kind:
            data.fail(f"kind {template.kind} belongs in a file of that name")
        by_kind[template.kind] = template
        used.update(data.texts("overrides"))
    index = strict_yaml.read(folder / "words.yaml")
    if absent := [kind for kind in Kind if kind not in by_kind]:
        index.fail(f"no template for {', '.join(absent)}")
    if idle := sorted(set(reasons) - used):
        strict_yaml.read(folder / "override_reasons.yaml").fail(f"never offered: {', '.join(idle)}")
    return CardTemplates(by_kind, tuple(reasons.values()), words)


def _load_reasons(path: Path) -> dict[str, OverrideReason]:
    data = strict_yaml.read(path).allow(("systems", "reasons"))
    systems = data.mapping("systems")
    reasons: dict[str, OverrideReason] = {}
    for entry in data.mappings("reasons"):
        entry.allow(("key", "system", "code", "display"), ("when",))
        system = systems.text(entry.text("system"))
        reason = OverrideReason(system, entry.text("code"), entry.text("display"), _when(entry))
        if entry["key"] in reasons or any((reason.system, reason.code) == (r.system, r.code) for r in reasons.values()):
            entry.fail(f"{reason.code} stands twice")
        reasons[entry.text("key")] = reason
    return reasons


def _when(data: strict_yaml.Mapping) -> When | None:
    if "when" not in data:
        return None
    if data.text("when") not in list(When):
        data.fail(f"when must be one of {', '.join(When)}")
    return When(data["when"])


def _template(data: strict_yaml.Mapping, words: Words, reasons: Mapping[str, OverrideReason]) -> Template:
    data.allow(("kind", "display", "summary", "detail", "overrides"), ("leads", "suggests", "removal", "link"))
    if data.text("kind") not in list(Kind):
        data.fail(f"unknown kind {data['kind']} (known: {', '.join(Kind)})")
    leads = _leads(data, words)
    detail = tuple(_paragraph(text, data, words, frozenset(leads)) for text in data.texts("detail"))
    return Template(
        kind=Kind(data["kind"]),
        display=data.text("display"),
        summary=_summary(data, frozenset(leads)),
        detail=detail,
        overrides=_overrides(data, reasons),
        leads=leads,
        suggests=data.flag("suggests") if "suggests" in data else True,
        removal=_removal(data),
        link=data.text("link") if "link" in data else None,
        detail_slots=frozenset(name.lower() for paragraph in detail for name in paragraph.names),
    )


def _removal(data: strict_yaml.Mapping) -> Removal | None:
    if "removal" not in data:
        return None
    if data.text("removal") not in list(Removal):
        data.fail(f"removal must be one of {', '.join(Removal)}")
    return Removal(data["removal"])


def _leads(data: strict_yaml.Mapping, words: Words) -> dict[str, tuple[str, ...]]:
    if "leads" not in data:
        return {}
    leads = data.mapping("leads")
    for slot in leads:
        if slot in DETAIL_SLOTS:
            leads.fail(f"{slot} is a slot already")
        for ref in leads.texts(slot):
            if ref not in words.phrases:
                leads.fail(f"{slot}: no words for the fact {ref}")
    return {slot: leads.texts(slot) for slot in leads}


def _summary(data: strict_yaml.Mapping, leads: frozenset[str]) -> tuple[Pattern, ...]:
    variants = tuple(Pattern.compile(text, TEXT_SLOTS | leads, data) for text in data.texts("summary"))
    if not variants or variants[-1].names or len(variants[-1].text) > LONGEST_SUMMARY:
        data.fail(f"the last summary must have no slot and at most {LONGEST_SUMMARY} characters: it always has to fit")
    return variants


def _paragraph(text: str, data: strict_yaml.Mapping, words: Words, leads: frozenset[str]) -> Pattern:
    """A shared paragraph by its key, or a text of the template's own."""
    if " " not in text and "{" not in text:
        if text not in words.paragraphs:
            data.fail(f"no shared paragraph {text} (known: {', '.join(words.paragraphs)})")
        return words.paragraphs[text]
    return Pattern.compile(text, DETAIL_SLOTS | leads, data)


def _overrides(data: strict_yaml.Mapping, reasons: Mapping[str, OverrideReason]) -> tuple[OverrideReason, ...]:
    keys = data.texts("overrides")
    if unknown := [key for key in keys if key not in reasons]:
        data.fail(f"unknown override reason {', '.join(unknown)}")
    if "link" not in data and not 3 <= len(keys) <= 5:
        data.fail("a card offers three to five override reasons")
    if len(set(keys)) != len(keys):
        data.fail("an override reason stands twice")
    return tuple(reasons[key] for key in keys)
