"""Which card an outcome earns, how serious it is, or why nothing is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cds_service.card_builder.templates import Kind
from cds_service.core.criterion import Outcome
from cds_service.core.determination import Alternative, Determination, Ground, Review
from cds_service.core.order import Study

ORDER_SIGN: Final = "order-sign"

XRAY: Final = "XR"
ULTRASOUND: Final = "US"
XRAY_FACTS: Final = ("plain_xray_available", "xray_result")


class Indicator(StrEnum):
    """How serious a card is, as CDS Hooks names it, the most serious first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class SilenceReason(StrEnum):
    """Why an order got no card. Stored: an empty response is never an accident."""

    SUPPORTED = "supported"
    NO_GUIDELINE_AT_ORDER_SELECT = "no_guideline_at_order_select"
    SAME_ADVICE = "same_advice_on_another_order"


@dataclass(frozen=True, slots=True)
class Choice:
    kind: Kind
    indicator: Indicator


def choose(review: Review, hook: str) -> Choice | SilenceReason:
    """The one card of this order. The first that holds wins: a red flag before a contraindication before an x-ray."""
    chosen = _choose(review, signing=hook == ORDER_SIGN)
    if isinstance(chosen, SilenceReason) and review.not_read:
        # Clients show an empty response as "all clear", and that is more than we know.
        return Choice(Kind.COULD_NOT_CHECK, Indicator.INFO)
    return chosen


def _choose(review: Review, *, signing: bool) -> Choice | SilenceReason:
    match review.determination:
        case Determination.SUPPORTED:
            return _supported(review)
        case Determination.GOVERNED_ELSEWHERE:
            return _elsewhere(review)
        case Determination.NOT_SUPPORTED:
            return _at_least_warning(review, _not_supported(review))
        case Determination.NEEDS_INFORMATION:
            return _at_least_warning(review, _needs_information(review, signing))
        case Determination.NO_GUIDELINE:
            return Choice(Kind.NO_GUIDELINE, Indicator.INFO) if signing else SilenceReason.NO_GUIDELINE_AT_ORDER_SELECT


def replacements(review: Review) -> tuple[Study, ...]:
    """Studies to do in place of the order."""
    return tuple(a.study for a in review.alternatives if a.study is not None and not a.in_addition)


def _supported(review: Review) -> Choice | SilenceReason:
    if review.red_flag and review.ground is Ground.PLAIN_XRAY and _studies(review.alternatives):
        return Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)
    if "mri_contraindicated" in review.beside:
        return Choice(Kind.MRI_CONTRAINDICATED, Indicator.WARNING)
    if review.ground is Ground.RED_FLAG and review.steps:
        return Choice(Kind.RED_FLAG_STEP, Indicator.INFO)
    if "coding" in review.beside or _about_coding(review):
        return Choice(Kind.CODING_NOTE, Indicator.INFO)
    if _studies(review.alternatives):
        return Choice(Kind.PREFERRED_STUDY, Indicator.INFO)
    if "duplicate" in review.beside or "recent_study" in review.beside:
        return Choice(Kind.DUPLICATE_OR_RECENT, Indicator.INFO)
    return SilenceReason.SUPPORTED


def _elsewhere(review: Review) -> Choice:
    if review.ground is Ground.URGENT_POINTER:
        return Choice(Kind.GOVERNED_ELSEWHERE_URGENT, Indicator.CRITICAL)
    if any(criterion.clinical_review for criterion in review.decided_by):
        return Choice(Kind.CLINICAL_REVIEW, Indicator.CRITICAL if review.red_flag else Indicator.INFO)
    if review.ground is Ground.POINTER and review.red_flag:
        # Suspected spread of a known cancer: another guideline decides, and it cannot wait.
        return Choice(Kind.GOVERNED_ELSEWHERE_URGENT, Indicator.CRITICAL)
    return Choice(Kind.GOVERNED_ELSEWHERE, Indicator.INFO)


def _not_supported(review: Review) -> Choice:
    if review.red_flag:
        return Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)
    if _ultrasound_first(review):
        return Choice(Kind.INFANT_ULTRASOUND_FIRST, Indicator.WARNING)
    if any(alternative.study is None for alternative in review.alternatives):
        return Choice(Kind.NOT_YET, Indicator.WARNING)
    if _xray_first(review):
        return Choice(Kind.XRAY_FIRST, Indicator.WARNING)
    instead = replacements(review)
    if not instead:
        return Choice(Kind.NOT_SUPPORTED, Indicator.WARNING)
    if all(_differs_in_contrast(review.order.study, study) for study in instead):
        return Choice(Kind.WRONG_CONTRAST, Indicator.INFO)
    # The right reason with the wrong level or modality is advice; what an exclusion says is a warning.
    return Choice(Kind.OTHER_STUDY, Indicator.WARNING if _excluded(review) else Indicator.INFO)


def _needs_information(review: Review, signing: bool) -> Choice:
    asking = Indicator.WARNING if signing else Indicator.INFO
    if review.red_flag and replacements(review):
        return Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)
    if review.ground is Ground.NOT_READ:
        return Choice(Kind.COULD_NOT_CHECK, Indicator.INFO)
    if review.ground is Ground.NO_INDICATION:
        return Choice(Kind.INDICATION_MISSING, asking)
    if _ultrasound_first(review):
        return Choice(Kind.INFANT_ULTRASOUND_FIRST, asking)
    if _xray_first(review) and all(ref.startswith(XRAY_FACTS) for ref in review.asks_for):
        return Choice(Kind.XRAY_FIRST, asking)
    return Choice(Kind.NEEDS_INFORMATION, asking)


def _at_least_warning(review: Review, choice: Choice) -> Choice:
    """A documented contraindication to MRI is always worth a warning, whatever else the card says."""
    if "mri_contraindicated" in review.beside and choice.indicator is Indicator.INFO:
        return Choice(choice.kind, Indicator.WARNING)
    return choice


def _studies(alternatives: Iterable[Alternative]) -> bool:
    return any(alternative.study is not None for alternative in alternatives)


def _ultrasound_first(review: Review) -> bool:
    ordered = review.order.study
    return ordered.modality != ULTRASOUND and any(
        a.study is not None and a.study.modality == ULTRASOUND for a in review.alternatives
    )


def _xray_first(review: Review) -> bool:
    return review.order.study.modality != XRAY and any(
        a.study is not None and a.study.modality == XRAY for a in review.alternatives
    )


def _about_coding(review: Review) -> bool:
    criteria = (*review.decided_by, *review.notes, *(judged.criterion for judged in review.judged))
    coding = {criterion.id for criterion in criteria if criterion.kind == "coding"}
    reasons = {alternative.because for alternative in review.alternatives}
    return bool(reasons) and reasons <= coding


def _excluded(review: Review) -> bool:
    """Whether an exclusion decided, or named what to do instead."""
    exclusions = {criterion.id for criterion in review.decided_by if criterion.outcome is Outcome.NOT_SUPPORTED}
    by_exclusion = review.ground in {Ground.TECHNIQUE, Ground.PRESENTATION}
    return by_exclusion or any(alternative.because in exclusions for alternative in review.alternatives)


def _differs_in_contrast(ordered: Study, other: Study) -> bool:
    return (
        ordered.modality == other.modality
        and set(ordered.regions) == set(other.regions)
        and ordered.contrast != other.contrast
    )
