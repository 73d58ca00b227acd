"""A whole response: one card per order, the most serious first, nothing said twice, every silence with its reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.card_builder import PROFILES, Silence
from cds_service.card_builder.build import Card
from cds_service.core.determination import Alternative, Determination, Evidence, Ground, Review
from cds_service.core.fact import Fact, Source
from cds_service.core.order import LeftAlone
from tests.unit.card_builder import reviews
from tests.unit.card_builder.responses import assert_wellformed, build
from tests.unit.card_builder.reviews import study
from tests.unit.card_builder.test_markdown import RENDER, text_of_any_kind


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_every_kind_of_card_is_a_cds_hooks_card(profile: str, hook: str) -> None:
    cards: list[Card] = []
    for outcome in reviews.one_of_each_kind().values():
        built = build([outcome], hook=hook, profile=profile, app_url="https://app.example.org/launch").cards
        assert_wellformed(built)
        cards += built
    assert len({card.kind for card in cards}) >= 20


def test_the_topic_is_the_kind() -> None:
    for name, outcome in reviews.one_of_each_kind().items():
        [card] = build([outcome]).cards
        assert (card.kind, card.body["source"]["topic"]["code"]) == (name, name)
        assert card.order == "ServiceRequest/draft-1"


def test_silence_has_a_reason_and_an_order_left_alone_has_none() -> None:
    built = build(
        [
            reviews.supported(reference="ServiceRequest/a"),
            LeftAlone("ServiceRequest/b", "not imaging"),
            reviews.review("render_3d", Determination.NO_GUIDELINE, Ground.NO_SECTION, reference="ServiceRequest/c"),
        ],
        hook="order-select",
    )
    assert built.cards == ()
    assert built.silences == (
        ("ServiceRequest/a", Silence("supported")),
        ("ServiceRequest/c", Silence("no_guideline_at_order_select")),
    )


def test_the_most_serious_card_comes_first_and_equals_keep_the_order_of_the_drafts() -> None:
    built = build(
        [
            reviews.wrong_contrast(reference="ServiceRequest/a"),
            reviews.not_yet("ServiceRequest/b"),
            reviews.red_flag_xray(reference="ServiceRequest/c"),
            reviews.xray_first("ServiceRequest/d"),
        ]
    )
    assert [card.order[-1] for card in built.cards] == ["c", "b", "d", "a"]
    assert_wellformed(built.cards)


def test_the_same_advice_is_given_once() -> None:
    built = build([reviews.not_yet("ServiceRequest/a"), reviews.not_yet("ServiceRequest/b")])
    assert [card.order for card in built.cards] == ["ServiceRequest/a"]
    assert built.silences == (("ServiceRequest/b", Silence("same_advice_on_another_order")),)


def test_the_same_text_that_nobody_knows_is_reported_once() -> None:
    built = build(
        [
            reviews.unrecognised("MRI spine", "ServiceRequest/a"),
            reviews.unrecognised("MRI spine", "ServiceRequest/b"),
            reviews.unrecognised("CT spine", "ServiceRequest/c"),
        ]
    )
    assert [card.order[-1] for card in built.cards] == ["a", "c"]


def test_an_x_ray_is_added_once_for_two_orders_of_one_region() -> None:
    film = (Alternative(study("xr_thoracic_2"), reviews.XRAY.id, in_addition=True),)
    second = reviews.review(
        "ct_thoracic_wo", Determination.NEEDS_INFORMATION, Ground.OPEN, reference="ServiceRequest/b",
        decided_by=(reviews.THORACIC_MRI,), asks_for=("plain_xray_available(thoracic)",), alternatives=film,
    )  # fmt: skip
    first, other = build([reviews.xray_first("ServiceRequest/a"), second]).cards
    assert len(first.body["suggestions"]) == 1
    assert "suggestions" not in other.body
    assert "Already among the draft orders: thoracic spine x-ray, 2 views." in other.body["detail"]


def test_a_draft_of_the_response_is_not_suggested_to_its_neighbour() -> None:
    built = build([reviews.ct_ordered(reference="ServiceRequest/a"), reviews.supported(reference="ServiceRequest/b")])
    [card] = built.cards
    assert "suggestions" not in card.body


def test_the_link_has_a_card_of_its_own_and_says_nothing_of_the_patient() -> None:
    asking, link = build([reviews.not_yet_asked()], app_url="https://app.example.org/launch").cards
    assert "links" not in asking.body
    assert link.body["links"] == [
        {
            "label": "Answer the questions",
            "url": "https://app.example.org/launch",
            "type": "smart",
            "appContext": asking.body["uuid"],
        }
    ]
    assert len(build([reviews.not_yet_asked()]).cards) == 1
    unread = reviews.not_yet_asked(ground=Ground.NOT_READ)
    assert len(build([unread], app_url="https://app.example.org/launch").cards) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_no_name_of_the_patient_reaches_the_words_of_a_card(profile: str) -> None:
    for outcome in reviews.one_of_each_kind().values():
        for card in build([outcome], profile=profile).cards:
            words = {key: value for key, value in card.body.items() if key != "suggestions"}
            assert "Able" not in str(words)
            for suggestion in card.body.get("suggestions", []):
                assert "Able" not in suggestion["label"]
                assert not [
                    a
                    for a in suggestion["actions"]
                    if a["type"] == "create" and "Able" in str(a) and not profile.startswith("crd")
                ]


def test_the_same_input_gives_the_same_cards() -> None:
    outcomes = [*reviews.one_of_each_kind().values()]
    assert build(outcomes, app_url="https://a.example") == build(outcomes, app_url="https://a.example")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(text_of_any_kind, st.sampled_from(sorted(PROFILES)))
def test_hostile_words_stay_words(text: str, profile: str) -> None:
    """Everything that a chart or an order can bring: displays, codes, notes, dates, references."""
    evidence = (
        Evidence("scoliosis_type", Fact.of(text, Source(f"Condition/{text}", text), note=text)),
        Evidence("fever", Fact.of(True, Source(text, text))),
        Evidence("trauma_mechanism", Fact.of((text, "fall"), Source(f"{text}/1"))),
    )
    resource = {"code": {"text": text, "coding": [{"display": text, "code": text}]}, "note": [{"text": text}]}
    outcomes = [
        reviews.unrecognised(text, "ServiceRequest/a"),
        reviews.not_yet("ServiceRequest/b", evidence=evidence, unreadable=(text,), not_read=(text,), foreign=(text,)),
        reviews.xray_first("ServiceRequest/c", evidence=evidence, edition_note=text, draft=resource),
        reviews.wrong_contrast(reference="ServiceRequest/d", draft={**resource, "orderDetail": [{"text": text}]}),
    ]
    built = build(outcomes, profile=profile)
    assert_wellformed(built.cards)
    for card in built.cards:
        page = RENDER.render(card.body["detail"])
        assert set(re.findall(r"</?[a-z0-9]+", page)) <= {"<p", "</p", "<ul", "</ul", "<li", "</li"}
        assert not re.search(r"(?i)://|www\.\w|javascript:", card.body["detail"])
        assert text.strip() == "" or len(text) < 4 or text not in card.body["summary"]


outcomes_of_any_kind = st.lists(st.sampled_from(sorted(reviews.one_of_each_kind())), max_size=6)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    outcomes_of_any_kind,
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(["order-select", "order-sign"]),
    st.booleans(),
)
def test_any_mixture_of_orders_gives_a_wellformed_response(
    names: list[str], profile: str, hook: str, linked: bool
) -> None:
    outcomes = [_at(reviews.one_of_each_kind()[name], f"ServiceRequest/{place}") for place, name in enumerate(names)]
    built = build(outcomes, hook=hook, profile=profile, app_url="https://app.example.org" if linked else None)
    assert_wellformed(built.cards)
    spoken = [card.order for card in built.cards if "links" not in card.body]
    silent = [reference for reference, _ in built.silences]
    assert sorted(spoken + silent) == sorted(f"ServiceRequest/{place}" for place in range(len(names)))
    drafts = {outcome.order.study.id for outcome in outcomes if isinstance(outcome, Review)}
    for card in built.cards:
        for action in (action for s in card.body.get("suggestions", []) for action in s["actions"]):
            if action["type"] == "delete":
                assert action["resourceId"] == card.order
            else:
                codes = {(c["system"], c["code"]) for c in action["resource"]["code"]["coding"]}
                assert not [name for name in drafts if codes == {(c.system, c.code) for c in study(name).codes}]


def _at(outcome: Any, reference: str) -> Any:
    if not isinstance(outcome, Review):
        return reviews.unrecognised(f"MRI spine {reference}", reference)
    order = reviews.order(outcome.order.study.id, reference)
    return Review(**{**{name: getattr(outcome, name) for name in Review.__dataclass_fields__}, "order": order})
