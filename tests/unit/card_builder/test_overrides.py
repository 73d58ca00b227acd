"""Reasons for keeping an order: only those that a clinician could mean on this card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_service.core.determination import Alternative, Review
from tests.unit.card_builder import reviews
from tests.unit.card_builder.responses import build, one
from tests.unit.card_builder.reviews import study

LEVEL, DONE, NO_MRI = "level-intended", "right-study-already-ordered", "mri-not-possible"
NEEDED, AVOIDED = "contrast-needed", "contrast-avoided"
CODE, SESSIONS = "local-code-required", "units-for-separate-sessions"
CONDITIONAL = {LEVEL, DONE, NO_MRI, NEEDED, AVOIDED, CODE, SESSIONS}


def preferred(ordered: str, better: str) -> Review:
    return reviews.supported(ordered, alternatives=(Alternative(study(better), "SP-1.2/infection"),))


def coded(units: float, *better: str) -> Review:
    alternatives = tuple(Alternative(study(name), "SP-2.6/intraop-code") for name in better)
    review = reviews.supported("us_spinal_canal", beside=("coding",), alternatives=alternatives)
    return replace(review, order=replace(review.order, units=units))


def instead(ordered: str, better: str) -> Review:
    alternatives = (Alternative(study(better), reviews.LUMBAR_MRI.id),)
    return replace(reviews.ct_ordered(alternatives=alternatives), order=reviews.order(ordered))


@pytest.mark.parametrize(
    ("outcome", "offered"),
    [
        (reviews.aorta(), set()),
        (reviews.wrong_contrast(), {NEEDED}),
        (preferred("mr_lumbar_wo", "mr_lumbar_wwo"), {AVOIDED}),
        (preferred("mr_lumbar_wwo", "mr_lumbar_wo"), {NEEDED}),
        (preferred("ct_lumbar_wo", "mr_lumbar_wo"), set()),
        (instead("ct_lumbar_wo", "mr_lumbar_wo"), {DONE, NO_MRI}),
        (instead("mr_cervical_wo", "mr_lumbar_wo"), {DONE, LEVEL}),
        (instead("ct_cervical_wo", "mr_lumbar_wo"), {DONE, LEVEL, NO_MRI}),
        (reviews.red_flag_xray(), {DONE}),
        (reviews.supported(beside=("mri_contraindicated",)), set()),
        (coded(2), {SESSIONS}),
        (coded(2, "us_intraoperative_guidance"), {CODE, DONE}),
        (coded(1, "us_intraoperative_guidance"), {CODE, DONE}),
        (reviews.unrecognised(), {CODE}),
    ],
)
def test_a_reason_is_offered_where_it_makes_sense(outcome: Any, offered: set[str]) -> None:
    codes = [reason["code"] for reason in one(outcome)["overrideReasons"]]
    assert CONDITIONAL & set(codes) == offered
    assert 3 <= len(codes) <= 5


def test_a_study_that_is_drafted_already_is_one_the_card_names() -> None:
    [card] = build([reviews.ct_ordered()], drafted=[study("mr_lumbar_wo")]).cards
    assert "suggestions" not in card.body
    assert DONE in [reason["code"] for reason in card.body["overrideReasons"]]
