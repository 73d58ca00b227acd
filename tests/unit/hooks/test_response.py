"""A review is written with the names that clients know; what is empty is left out."""

from dataclasses import replace
from datetime import date

import orjson
import pytest

from cds_service.card_builder import Card
from cds_service.core.criterion import Citation, Criterion, Population
from cds_service.core.determination import (
    Alternative,
    Determination,
    Evidence,
    Ground,
    Guideline,
    Judged,
    Review,
)
from cds_service.core.fact import Fact, Source
from cds_service.core.order import CPT, ImagingOrder, LeftAlone, Study, StudyCode
from cds_service.core.quantity import Range
from cds_service.core.truth import Truth
from cds_service.hooks.response import REVIEWS, render, review_json

MRI = Study("mr_thoracic_wo", "MRI", "MR", ("thoracic",), "without", True, (StudyCode(CPT, "72146", "MRI"),))
XRAY = Study("xr_thoracic_2", "X-ray", "XR", ("thoracic",), "none", False, (StudyCode(CPT, "72070", "X-ray"),))


def a_criterion(ident: str) -> Criterion:
    section = ident.split("/")[0]
    return Criterion(ident, "says", Citation("d", section), "k", None, None, frozenset(), Population())


def a_review(reference: str = "ServiceRequest/mri") -> Review:
    order = ImagingOrder(
        reference=reference,
        study=MRI,
        code="72146",
        contrast=None,
        regions=("thoracic",),
        review_date=date(2026, 11, 20),
        units=1.0,
        reasons=(),
        has_reason=False,
        flags=frozenset(),
        recognised_by="code",
        resource={},
    )
    return Review(order, Determination.NEEDS_INFORMATION, Ground.OPEN)


def a_full_review() -> Review:
    xray, treatment = a_criterion("SP-4.1/prereq-xray"), a_criterion("SP-4.1/prereq-treatment")
    pain = Fact.of(True, Source("Condition/c1", "2026-09-01"), Source("Condition/c1"))
    return replace(
        a_review(),
        decided_by=(xray,),
        judged=(Judged(xray, Truth.UNKNOWN), Judged(treatment, Truth.MET)),
        asks_for=("plain_xray_available(thoracic)",),
        unless=("red_flag_any",),
        steps=(xray,),
        alternatives=(
            Alternative(XRAY, xray.id, in_addition=True),
            Alternative(None, treatment.id, until=date(2026, 12, 20)),
        ),
        evidence=(
            Evidence("spine_pain(thoracic)", pain),
            Evidence("weeks", Fact.of(7.0)),
            Evidence("months", Fact.of(Range(6, float("inf")))),
            Evidence("days", Fact.of(Range(1.5, 2))),
            Evidence("onset", Fact.of(date(2026, 9, 1))),
            Evidence("reasons", Fact.of(("a", "b"))),
        ),
        guidelines=(Guideline("adult-spine-2026", "Adult spine", "v2.0.2026"),),
        not_read=("Observation",),
    )


def test_a_review_has_the_promised_members() -> None:
    assert review_json(a_full_review()) == {
        "order": "ServiceRequest/mri",
        "study": {"id": "mr_thoracic_wo", "code": "72146"},
        "determination": "needs_information",
        "sections": ["SP-4.1"],
        "criteria": [
            {"id": "SP-4.1/prereq-xray", "result": "unknown"},
            {"id": "SP-4.1/prereq-treatment", "result": "met"},
        ],
        "asks_for": ["plain_xray_available(thoracic)"],
        "unless": ["red_flag_any"],
        "steps": ["SP-4.1/prereq-xray"],
        "alternatives": [
            {"study": "xr_thoracic_2", "code": "72070", "because": "SP-4.1/prereq-xray"},
            {"study": "none_yet", "until": "2026-12-20", "because": "SP-4.1/prereq-treatment"},
        ],
        "evidence": [
            {"fact": "spine_pain(thoracic)", "value": True, "sources": ["Condition/c1"]},
            {"fact": "weeks", "value": 7},
            {"fact": "months", "value": {"low": 6}},
            {"fact": "days", "value": {"low": 1.5, "high": 2}},
            {"fact": "onset", "value": "2026-09-01"},
            {"fact": "reasons", "value": ["a", "b"]},
        ],
        "guidelines": [{"id": "adult-spine-2026", "version": "v2.0.2026"}],
        "not_read": ["Observation"],
    }


def test_what_is_empty_is_left_out() -> None:
    assert review_json(a_review()) == {
        "order": "ServiceRequest/mri",
        "study": {"id": "mr_thoracic_wo", "code": "72146"},
        "determination": "needs_information",
    }


def test_other_patients_resources_are_named_and_the_rest_counted() -> None:
    named = replace(a_review(), foreign=("Condition/x1", "Condition/x2"))
    assert review_json(named)["foreign"] == ["Condition/x1", "Condition/x2"]
    assert "foreign_more" not in review_json(named)
    assert review_json(replace(named, foreign_more=7))["foreign_more"] == 7


def test_a_card_carries_its_own_review_and_the_response_all_of_them() -> None:
    card = Card("xray_first", "ServiceRequest/mri", {"summary": "s"})

    response = orjson.loads(render([a_review(), a_review("ServiceRequest/ct")], [card]))

    assert [review["order"] for review in response["extension"][REVIEWS]] == ["ServiceRequest/mri", "ServiceRequest/ct"]
    assert [review["order"] for review in response["cards"][0]["extension"][REVIEWS]] == ["ServiceRequest/mri"]
    assert "extension" not in card.body, "the card itself is not changed"


@pytest.mark.proves("CH-JSON-03", "CH-RESP-01")
def test_nothing_to_say_is_an_empty_list_of_cards_and_nothing_else() -> None:
    assert render([LeftAlone("ServiceRequest/knee", "not of the spine")], []) == b'{"cards":[]}'


def test_a_card_about_an_order_without_review_has_no_extension() -> None:
    card = Card("not_recognised", "ServiceRequest/x", {"summary": "s"})

    assert orjson.loads(render([], [card])) == {"cards": [{"summary": "s"}]}
