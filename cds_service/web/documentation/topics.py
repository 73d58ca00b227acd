"""What can be recorded: what a card asked, or one of two things that a clinician knows before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from cds_service.core.criterion import FactTest, fact_tests
from cds_service.core.vocabulary import FactType, Vocabulary
from cds_service.web.documentation.questionnaire import Asker, Group


class Topic(StrEnum):
    """The word in the address of each form."""

    QUESTIONS = "questions"
    RED_FLAG = "red-flag"
    XRAY = "x-ray"


TITLES: Final = {
    Topic.QUESTIONS: "Questions for the review",
    Topic.RED_FLAG: "A red flag is present",
    Topic.XRAY: "An x-ray was done elsewhere",
}

INDICATION: Final = "indication"
RED_FLAGS: Final = "red_flag_any"
IN_THE_RECORD: Final = ("age_years", "age_months")  # nobody is asked what the banner shows
REGIONS: Final = ("cervical", "thoracic", "lumbar", "pelvis", "sacrum_coccyx")

# Reasons for a spine study that most orders have; all the others are folded away below them.
COMMON: Final = (
    "spine_pain(cervical)", "spine_pain(thoracic)", "spine_pain(lumbar)", "radicular_pain_in_named_root",
    "spine_trauma(cervical)", "spine_trauma(thoracic)", "spine_trauma(lumbar)", "new_neuro_deficit",
    "suspected_myelopathy", "suspected_lumbar_stenosis", "suspected_spinal_infection", "suspected_spinal_malignancy",
    "suspected_traumatic_fracture", "si_joint_pain", "surgical_planning_documented", "spinal_deformity",
)  # fmt: skip


def groups(topic: Topic, asks: tuple[str, ...], indications: tuple[str, ...], asker: Asker) -> tuple[Group, ...]:
    """The questions of one form. `asks` is what the card asked, `indications` all facts that are a reason to image."""
    match topic:
        case Topic.QUESTIONS:
            return tuple(_asked(asks, indications, asker))
        case Topic.RED_FLAG:
            return tuple(_red_flags(asker))
        case Topic.XRAY:
            return tuple(
                Group(asker.label(f"plain_xray_available({region})"), refs, closed=True)
                for region in REGIONS
                for refs in [(f"plain_xray_available({region})", f"xray_result({region})")]
            )


def _asked(asks: tuple[str, ...], indications: tuple[str, ...], asker: Asker) -> Iterator[Group]:
    named = tuple(ref for ref in asks if ref != INDICATION)
    if named:
        yield Group("What the review needs to know", named)
    if INDICATION in asks:
        plain = tuple(ref for ref in indications if _is_yes_or_no(ref, asker.vocabulary))
        yield Group("Why is this study needed?", COMMON, pick=True)
        yield Group("Other reasons", tuple(ref for ref in plain if ref not in COMMON), closed=True, pick=True)


def _red_flags(asker: Asker) -> Iterator[Group]:
    """One group for each red flag: the findings that make it, and the flag itself where it can only be attested."""
    seen: set[str] = set()
    for flag in _tests(RED_FLAGS, asker.vocabulary):
        refs = [ref for ref in _leaves(flag, asker.vocabulary) if ref not in seen and asker.knows(ref)]
        seen.update(refs)
        yield Group(asker.label(flag.name), tuple(dict.fromkeys(refs)), closed=True, pick=True)


def _leaves(test: FactTest, vocabulary: Vocabulary) -> Iterator[str]:
    """The facts below a derived one that can be answered."""
    definition = vocabulary[test.fact]
    if definition.defined_as is not None:
        for inner in fact_tests(definition.defined_as):
            yield from _leaves(inner, vocabulary)
    elif definition.type in (FactType.BOOLEAN, FactType.NUMBER) and definition.id not in IN_THE_RECORD:
        yield test.name


def _tests(fact: str, vocabulary: Vocabulary) -> Iterator[FactTest]:
    tree = vocabulary[fact].defined_as
    if tree is not None:
        yield from fact_tests(tree)


def _is_yes_or_no(ref: str, vocabulary: Vocabulary) -> bool:
    return vocabulary[ref.partition("(")[0]].type is FactType.BOOLEAN
