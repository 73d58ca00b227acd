"""Which card an order earns: the table is the specification."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.card_builder.choice import Choice, Indicator, SilenceReason, choose
from cds_service.card_builder.templates import Kind
from cds_service.core.criterion import Outcome, Pointer
from cds_service.core.determination import Alternative, Determination, Ground
from tests.unit.card_builder import reviews
from tests.unit.card_builder.reviews import study

SELECT, SIGN = "order-select", "order-sign"
BESIDE_CT: dict[str, Any] = {
    "beside": ("mri_contraindicated",),
    "alternatives": (Alternative(study("ct_lumbar_wo"), reviews.CT_INSTEAD.id),),
}
NEITHER = reviews.criterion(
    "SP-2.10/not-necessary", "PET/CT is not needed.", Outcome.NOT_SUPPORTED, about_technique=True
)


def technique(**members: Any) -> Any:
    return reviews.review(
        "pet_ct_limited", Determination.NOT_SUPPORTED, Ground.TECHNIQUE, decided_by=(NEITHER,),
        alternatives=(Alternative(study("mr_lumbar_wo"), NEITHER.id),), **members,
    )  # fmt: skip


CHOICES = [
    # supported
    (reviews.supported(), SIGN, SilenceReason.SUPPORTED),
    (reviews.supported(ground=Ground.RED_FLAG), SIGN, SilenceReason.SUPPORTED),
    (reviews.supported(steps=(reviews.XRAY,)), SIGN, SilenceReason.SUPPORTED),
    (reviews.supported("xr_lumbar_2_3", ground=Ground.PLAIN_XRAY), SIGN, SilenceReason.SUPPORTED),
    (
        reviews.supported("xr_lumbar_2_3", ground=Ground.PLAIN_XRAY, not_read=("Condition",)),
        SIGN,
        Choice(Kind.COULD_NOT_CHECK, Indicator.INFO),
    ),
    (reviews.red_flag_xray(), SELECT, Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)),
    (
        reviews.supported(ground=Ground.RED_FLAG, steps=(reviews.XRAY,), red_flag=True),
        SIGN,
        Choice(Kind.RED_FLAG_STEP, Indicator.INFO),
    ),
    (reviews.supported(**BESIDE_CT), SIGN, Choice(Kind.MRI_CONTRAINDICATED, Indicator.WARNING)),
    (reviews.supported(beside=("coding",)), SIGN, Choice(Kind.CODING_NOTE, Indicator.INFO)),
    (reviews.supported(beside=("duplicate",)), SIGN, Choice(Kind.DUPLICATE_OR_RECENT, Indicator.INFO)),
    (reviews.supported(beside=("recent_study",)), SIGN, Choice(Kind.DUPLICATE_OR_RECENT, Indicator.INFO)),
    (
        reviews.supported(alternatives=(Alternative(study("mr_lumbar_wwo"), "SP-1.2/infection-prefer-contrast"),)),
        SIGN,
        Choice(Kind.PREFERRED_STUDY, Indicator.INFO),
    ),
    # not supported
    (reviews.infant(), SELECT, Choice(Kind.INFANT_ULTRASOUND_FIRST, Indicator.WARNING)),
    (reviews.not_yet(), SELECT, Choice(Kind.NOT_YET, Indicator.WARNING)),
    (reviews.not_yet(alternatives=()), SIGN, Choice(Kind.NOT_SUPPORTED, Indicator.WARNING)),
    (reviews.wrong_contrast(), SIGN, Choice(Kind.WRONG_CONTRAST, Indicator.INFO)),
    (reviews.wrong_contrast(red_flag=True), SIGN, Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)),
    (reviews.wrong_contrast(beside=("mri_contraindicated",)), SIGN, Choice(Kind.WRONG_CONTRAST, Indicator.WARNING)),
    (reviews.ct_ordered(), SIGN, Choice(Kind.OTHER_STUDY, Indicator.INFO)),
    (technique(), SIGN, Choice(Kind.OTHER_STUDY, Indicator.WARNING)),
    (technique(red_flag=True), SIGN, Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL)),
    (
        reviews.not_yet(alternatives=(Alternative(study("xr_lumbar_2_3"), reviews.XRAY.id, in_addition=True),)),
        SIGN,
        Choice(Kind.XRAY_FIRST, Indicator.WARNING),
    ),
    # needs information
    (reviews.not_yet_asked(), SELECT, Choice(Kind.NEEDS_INFORMATION, Indicator.INFO)),
    (reviews.not_yet_asked(), SIGN, Choice(Kind.NEEDS_INFORMATION, Indicator.WARNING)),
    (reviews.not_yet_asked(ground=Ground.NOT_READ), SIGN, Choice(Kind.COULD_NOT_CHECK, Indicator.INFO)),
    (reviews.not_yet_asked(ground=Ground.NO_INDICATION), SIGN, Choice(Kind.INDICATION_MISSING, Indicator.WARNING)),
    (reviews.not_yet_asked(ground=Ground.NO_INDICATION), SELECT, Choice(Kind.INDICATION_MISSING, Indicator.INFO)),
    (reviews.xray_first(), SELECT, Choice(Kind.XRAY_FIRST, Indicator.INFO)),
    (reviews.xray_first(), SIGN, Choice(Kind.XRAY_FIRST, Indicator.WARNING)),
    (
        reviews.xray_first(asks_for=("plain_xray_available(thoracic)", "clinical_reevaluation")),
        SIGN,
        Choice(Kind.NEEDS_INFORMATION, Indicator.WARNING),
    ),
    (
        reviews.not_yet_asked(red_flag=True, alternatives=(Alternative(study("mr_thoracic_wo"), "SP-1.2/fracture"),)),
        SELECT,
        Choice(Kind.RED_FLAG_OTHER_STUDY, Indicator.CRITICAL),
    ),
    # elsewhere, and no guideline
    (reviews.aorta(), SELECT, Choice(Kind.GOVERNED_ELSEWHERE_URGENT, Indicator.CRITICAL)),
    (
        reviews.elsewhere("SP-1.2/cancer", "Oncology.", Ground.POINTER, pointer=Pointer.AFTER_RED_FLAGS, red_flag=True),
        SIGN,
        Choice(Kind.GOVERNED_ELSEWHERE_URGENT, Indicator.CRITICAL),
    ),
    (
        reviews.elsewhere("SP-12/referral", "Oncology decides.", Ground.POINTER, pointer=Pointer.AFTER_RED_FLAGS),
        SIGN,
        Choice(Kind.GOVERNED_ELSEWHERE, Indicator.INFO),
    ),
    (
        reviews.elsewhere("SP-1.2/child-red-flag", "A person decides.", Ground.POINTER, person=True, red_flag=True),
        SIGN,
        Choice(Kind.CLINICAL_REVIEW, Indicator.CRITICAL),
    ),
    (
        reviews.elsewhere("SP-2.11/other", "A person decides.", Ground.REFERRAL, person=True),
        SIGN,
        Choice(Kind.CLINICAL_REVIEW, Indicator.INFO),
    ),
    (
        reviews.elsewhere("SP-7.1/myelitis", "Another guideline.", Ground.REFERRAL),
        SIGN,
        Choice(Kind.GOVERNED_ELSEWHERE, Indicator.INFO),
    ),
    (
        reviews.review("render_3d", Determination.NO_GUIDELINE, Ground.NO_SECTION),
        SELECT,
        SilenceReason.NO_GUIDELINE_AT_ORDER_SELECT,
    ),
    (
        reviews.review("render_3d", Determination.NO_GUIDELINE, Ground.NO_SECTION, not_read=("Condition",)),
        SELECT,
        Choice(Kind.COULD_NOT_CHECK, Indicator.INFO),
    ),
    (
        reviews.review("render_3d", Determination.NO_GUIDELINE, Ground.NO_SECTION),
        SIGN,
        Choice(Kind.NO_GUIDELINE, Indicator.INFO),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("review", "hook", "expected"), CHOICES)
def test_the_card_of_an_order(review: Any, hook: str, expected: Choice | SilenceReason) -> None:
    assert choose(review, hook) == expected


def test_every_kind_can_be_chosen() -> None:
    chosen = {choice.kind for _, _, choice in CHOICES if isinstance(choice, Choice)}
    assert chosen == set(Kind) - {Kind.NOT_RECOGNISED, Kind.ANSWER_QUESTIONS}
