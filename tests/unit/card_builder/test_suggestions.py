"""One click changes the draft order, in the form that each client can carry out, and always as valid FHIR."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.card_builder import PROFILES, build_cards
from cds_service.card_builder.examples import numbered_uuids
from cds_service.card_builder.suggestions import PAMA_RATING, code_of, prune
from cds_service.core.determination import Alternative, Determination, Ground, Review
from cds_service.core.errors import ConfigurationError
from cds_service.core.order import Study
from tests.unit.card_builder import reviews
from tests.unit.card_builder.reviews import study


def card_of(review: Review, profile: str = "default", drafted: Iterable[Study] = ()) -> dict[str, Any]:
    built = build_cards(
        [review],
        hook="order-sign",
        profile=profile,
        templates=reviews.TEMPLATES,
        new_uuid=numbered_uuids(),
        drafted=drafted,
    )
    return built.cards[0].body


def actions_of(review: Review, profile: str = "default") -> list[dict[str, Any]]:
    action: list[dict[str, Any]] = card_of(review, profile)["suggestions"][0]["actions"]
    return action


def sent_and(review: Review, **changes: Any) -> dict[str, Any]:
    """The draft as sent without its empties, with these members changed."""
    return {**prune(review.order.resource), **changes}


@pytest.mark.proves("CH-ACT-02")
def test_another_contrast_is_an_update_that_changes_the_code_and_nothing_else() -> None:
    review = reviews.wrong_contrast()
    [action] = actions_of(review)
    assert action["type"] == "update"
    assert action["description"] == "Change the draft order to MRI lumbar spine without contrast"
    assert action["resource"] == sent_and(review, code=code_of(study("mr_lumbar_wo")))
    assert action["resource"]["id"] == "draft-1"
    assert "performer" not in action["resource"]


def test_the_new_code_leads_with_cpt_and_names_each_system_once() -> None:
    codings = code_of(study("mr_lumbar_wo"))["coding"]
    assert codings[0] == {
        "system": "http://www.ama-assn.org/go/cpt",
        "code": "72148",
        "display": "MRI lumbar spine without contrast",
    }
    assert len({coding["system"] for coding in codings}) == len(codings)


def test_the_draft_as_sent_is_not_touched() -> None:
    review = reviews.wrong_contrast()
    before = copy.deepcopy(review.order.resource)
    for profile in PROFILES:
        card_of(review, profile)
    assert review.order.resource == before


def test_a_body_site_of_the_other_region_goes_with_the_old_code() -> None:
    site = [{"text": "Lumbar spine"}]
    alternatives = (Alternative(study("mr_thoracic_wo"), reviews.THORACIC_MRI.id),)
    [action] = actions_of(reviews.ct_ordered(alternatives=alternatives, draft={"bodySite": site}))
    assert "bodySite" not in action["resource"]
    assert "body site" in action["description"]
    [kept] = actions_of(reviews.wrong_contrast(draft={"bodySite": site}))
    assert kept["resource"]["bodySite"] == site


@pytest.mark.parametrize("profile", ["default", "epic"])
def test_a_change_of_modality_is_one_update(profile: str) -> None:
    [action] = actions_of(reviews.ct_ordered(), profile)
    assert action["type"] == "update"


@pytest.mark.proves("CH-ACT-04", "CH-SUG-03")
def test_crd_changes_modality_by_deleting_and_creating() -> None:
    review = reviews.ct_ordered()
    delete, create = actions_of(review, "crd")
    assert delete == {
        "type": "delete",
        "description": "Remove the draft order: CT lumbar spine without contrast",
        "resourceId": "ServiceRequest/draft-1",
    }
    assert create["type"] == "create"
    expected = sent_and(review, code=code_of(study("mr_lumbar_wo")))
    del expected["id"]
    assert create["resource"] == expected
    assert card_of(review, "crd")["selectionBehavior"] == "at-most-one"


def test_crd_changes_contrast_by_an_update() -> None:
    [action] = actions_of(reviews.wrong_contrast(), "crd")
    assert action["type"] == "update"


def test_an_x_ray_first_is_an_order_of_its_own_for_the_same_patient_and_reason() -> None:
    review = reviews.xray_first()
    [action] = actions_of(review)
    draft = review.order.resource
    assert action["type"] == "create"
    assert action["resource"] == {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": code_of(study("xr_thoracic_2")),
        "subject": {"reference": "Patient/p1"},
        "encounter": draft["encounter"],
        "requester": draft["requester"],
        "reasonCode": prune(draft["reasonCode"]),
    }


def test_a_plain_x_ray_is_never_taken_away_for_a_red_flag() -> None:
    [action] = actions_of(reviews.red_flag_xray())
    assert action["type"] == "create"


def test_nor_is_it_where_a_person_or_another_guideline_takes_over() -> None:
    taken_over = replace(reviews.red_flag_xray(), determination=Determination.GOVERNED_ELSEWHERE, ground=Ground.POINTER)
    [action] = actions_of(taken_over)
    assert action["type"] == "create"


def test_an_order_that_leaves_contrast_open_is_offered_its_own_study_without_contrast() -> None:
    whole = reviews.not_yet_asked()
    review = replace(
        whole,
        order=replace(whole.order, contrast=None),
        alternatives=(Alternative(study("mr_lumbar_wo"), whole.decided_by[0].id),),
    )
    assert card_of(review)["suggestions"][0]["label"] == "Change to MRI lumbar spine without contrast (72148)"
    assert not any(
        "72148" in each["label"] for each in card_of(replace(review, order=whole.order)).get("suggestions", ())
    )


@pytest.mark.parametrize("review", [reviews.xray_first(), reviews.ct_ordered(), reviews.red_flag_xray()])
def test_the_sandbox_gets_updates_with_a_rating_and_reasons(review: Review) -> None:
    [action] = actions_of(review, "sandbox")
    resource = action["resource"]
    assert action["type"] == "update"
    assert resource["id"] == "draft-1"
    ratings = [item for item in resource["extension"] if item["url"] == PAMA_RATING]
    assert [r["valueCodeableConcept"]["coding"][0]["code"] for r in ratings] == ["appropriate"]
    assert resource["extension"][0] == review.order.resource["extension"][0]
    assert resource["reasonCode"] == prune(review.order.resource["reasonCode"])


def test_the_sandbox_gets_a_list_of_reasons_even_without_any_and_one_rating_only() -> None:
    old = {"url": PAMA_RATING, "valueCodeableConcept": {"coding": [{"code": "not-appropriate"}]}}
    [action] = actions_of(reviews.wrong_contrast(draft={"reasonCode": [], "extension": [old]}), "sandbox")
    assert action["resource"]["reasonCode"] == []
    assert len(action["resource"]["extension"]) == 1


@pytest.mark.parametrize("profile", ["default", "crd", "epic"])
def test_no_rating_is_claimed_anywhere_else(profile: str) -> None:
    assert PAMA_RATING not in str(card_of(reviews.wrong_contrast(), profile))


@pytest.mark.parametrize(
    ("profile", "offered"), [("default", True), ("epic", True), ("crd", False), ("sandbox", False)]
)
def test_removing_the_order_is_offered_where_a_lone_delete_works(profile: str, offered: bool) -> None:
    suggestions = card_of(reviews.not_yet(), profile).get("suggestions", [])
    assert [s["label"] for s in suggestions] == (["Remove this order"] if offered else [])
    if offered:
        assert suggestions[0]["actions"] == [
            {
                "type": "delete",
                "description": "Remove the draft order: MRI lumbar spine without contrast",
                "resourceId": "ServiceRequest/draft-1",
            }
        ]


def test_removing_a_supported_order_is_never_recommended() -> None:
    [suggestion] = card_of(reviews.supported(beside=("duplicate",)))["suggestions"]
    assert suggestion["label"] == "Remove this order"
    assert suggestion["isRecommended"] is False


def test_at_most_three_suggestions_and_the_first_is_recommended() -> None:
    names = ("mr_lumbar_wo", "mr_lumbar_wwo", "mr_thoracic_wo", "mr_cervical_wo", "ct_thoracic_wo")
    alternatives = tuple(Alternative(study(name), reviews.LUMBAR_MRI.id) for name in names)
    suggestions = card_of(reviews.ct_ordered(alternatives=alternatives))["suggestions"]
    assert [s["isRecommended"] for s in suggestions] == [True, False, False]
    assert suggestions[0]["label"] == "Change to MRI lumbar spine without contrast (72148)"


def test_what_the_card_is_about_comes_first_and_the_x_ray_of_a_red_flag_last() -> None:
    film = Alternative(study("xr_thoracic_2"), reviews.XRAY.id, in_addition=True)
    mri = Alternative(study("mr_lumbar_wo"), reviews.SADDLE.id)
    card = card_of(reviews.ct_ordered(alternatives=(film, mri), red_flag=True))
    assert [s["label"][:6] for s in card["suggestions"]] == ["Change", "Add th"]
    assert card["summary"].startswith("Red flag on record: MRI lumbar spine")


def test_a_study_without_level_takes_the_level_of_the_symptoms() -> None:
    alternatives = tuple(Alternative(study(f"mr_{level}_wo"), "SP-2.6/adult") for level in ("cervical", "lumbar"))
    pain = (reviews.recorded("spine_pain(lumbar)", True),)
    review = reviews.ct_ordered(alternatives=alternatives, evidence=pain)
    spread = Review(**{**_fields(review), "order": reviews.order("us_spinal_canal")})
    card = card_of(spread)
    assert [s["label"] for s in card["suggestions"]] == ["Change to MRI lumbar spine without contrast (72148)"]
    nowhere = Review(**{**_fields(spread), "evidence": ()})
    assert card_of(nowhere)["summary"] == "Another study is the one the guideline names here"
    assert [s["isRecommended"] for s in card_of(nowhere)["suggestions"]] == [False, False]


def _fields(review: Review) -> dict[str, Any]:
    return {name: getattr(review, name) for name in Review.__dataclass_fields__}


def test_a_drafted_study_is_not_suggested_and_the_card_says_so() -> None:
    card = card_of(reviews.ct_ordered(), drafted=[study("mr_lumbar_wo")])
    assert "suggestions" not in card
    assert "selectionBehavior" not in card
    assert "Already among the draft orders: MRI lumbar spine without contrast." in card["detail"]


def test_another_number_of_views_of_a_drafted_region_is_not_suggested() -> None:
    card = card_of(reviews.xray_first(), drafted=[study("xr_thoracic_3")])
    assert "suggestions" not in card
    assert "Already among the draft orders: thoracic spine x-ray, 3 views." in card["detail"]


def test_a_draft_that_is_no_valid_fhir_gets_advice_without_a_button() -> None:
    card = card_of(reviews.wrong_contrast(draft={"subject": "Ann", "occurrenceDateTime": {"no": "date"}}))
    assert "suggestions" not in card
    assert "without contrast" in card["summary"]


def test_a_draft_without_patient_gets_no_additional_order() -> None:
    assert "suggestions" not in card_of(reviews.xray_first(draft={"subject": {}}))


def test_an_unknown_profile_is_a_fault_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="unknown client profile 'cerner'"):
        card_of(reviews.not_yet(), "cerner")


@pytest.mark.proves("CH-ACT-02", "CH-ACT-04")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", reviews.one_of_each_kind())
def test_every_resource_is_a_valid_service_request_and_every_target_a_draft(name: str, profile: str) -> None:
    outcome = reviews.one_of_each_kind()[name]
    built = build_cards(
        [outcome], hook="order-sign", profile=profile, templates=reviews.TEMPLATES, new_uuid=numbered_uuids()
    )
    for suggestion in built.cards[0].body.get("suggestions", []):
        kinds = [action["type"] for action in suggestion["actions"]]
        assert kinds in (["update"], ["create"], ["delete"], ["delete", "create"])
        if profile == "epic":
            assert len(kinds) == 1
        if profile == "crd" and "delete" in kinds:
            assert "create" in kinds
        for action in suggestion["actions"]:
            assert action["description"]
            if action["type"] == "delete":
                assert action["resourceId"] == "ServiceRequest/draft-1"
                assert "resource" not in action
                continue
            ServiceRequest.model_validate(action["resource"])
            assert action["resource"].get("id", "draft-1") == "draft-1"
            assert ("id" in action["resource"]) == (action["type"] == "update")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"a": "", "b": [], "c": {}, "d": None, "e": {"f": [{}, {"g": ""}]}}, {}),
        ({"a": False, "b": 0, "c": [0, None, ""]}, {"a": False, "b": 0, "c": [0]}),
        ({"code": {"coding": [{}]}}, {}),
    ],
)
def test_pruning_takes_empties_and_keeps_false_and_zero(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert prune(sent) == kept
