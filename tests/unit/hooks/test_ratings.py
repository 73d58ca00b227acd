"""A rated order comes back as it was sent, with the rating and nothing else; where nothing can be said, nothing is."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.card_builder.suggestions import PAMA_RATING, prune
from cds_service.core.determination import Determination, Review
from cds_service.core.order import LeftAlone, NotRecognised
from cds_service.hooks.ratings import CONSULT_ID, CONSULTED, rate, rating_of
from tests.unit.card_builder import reviews
from tests.unit.card_builder.reviews import study

CONSULTATION = "1981d7cb-a2cc-4872-a0ef-b16b93836001"


def judged(determination: Determination, **changes: Any) -> Review:
    return replace(reviews.wrong_contrast(), determination=determination, **changes)


def own(resource: dict[str, Any]) -> dict[str, Any]:
    """The three extensions of the rating, by URL."""
    return {item["url"]: item for item in resource["extension"] if item["url"].startswith(PAMA_RATING)}


@pytest.mark.parametrize(
    ("determination", "code"),
    [
        (Determination.SUPPORTED, "appropriate"),
        (Determination.NOT_SUPPORTED, "not-appropriate"),
        (Determination.GOVERNED_ELSEWHERE, "no-criteria-apply"),
        (Determination.NO_GUIDELINE, "no-criteria-apply"),
        (Determination.NEEDS_INFORMATION, None),
    ],
)
def test_each_determination_has_its_rating_and_an_open_question_has_none(
    determination: Determination, code: str | None
) -> None:
    review = judged(determination)
    assert rating_of(review) == code
    assert len(rate([review], CONSULTATION)) == (code is not None)


@pytest.mark.proves("CH-SYS-04", "CH-JSON-04")
def test_nothing_but_the_extension_changes_and_empties_go() -> None:
    review = judged(Determination.NOT_SUPPORTED)
    before = copy.deepcopy(review.order.resource)
    [action] = rate([review], CONSULTATION)
    assert action["type"] == "update"
    assert action["description"]
    sent = prune(before)
    assert {**action["resource"], "extension": sent["extension"]} == sent
    assert action["resource"]["extension"][: len(sent["extension"])] == sent["extension"]
    ServiceRequest.model_validate(action["resource"])
    assert review.order.resource == before


def test_the_rating_names_this_consultation_and_claims_no_qualified_mechanism() -> None:
    [action] = rate([judged(Determination.SUPPORTED)], CONSULTATION)
    extensions = own(action["resource"])
    assert set(extensions) == {PAMA_RATING, CONSULTED, CONSULT_ID}
    assert extensions[PAMA_RATING]["valueCodeableConcept"] == {
        "coding": [{"system": "http://fhir.org/argonaut/CodeSystem/pama-rating", "code": "appropriate"}]
    }
    assert extensions[CONSULT_ID]["valueUri"] == f"urn:uuid:{CONSULTATION}"
    assert extensions[CONSULTED]["valueString"].startswith("none")
    assert "not a qualified" in extensions[CONSULTED]["valueString"]


def test_an_earlier_rating_is_replaced() -> None:
    [action] = rate([judged(Determination.SUPPORTED)], CONSULTATION)
    again = replace(judged(Determination.NOT_SUPPORTED).order, resource=action["resource"])
    [second] = rate([judged(Determination.NOT_SUPPORTED, order=again)], "1981d7cb-a2cc-4872-a0ef-b16b93836002")
    assert len(second["resource"]["extension"]) == len(action["resource"]["extension"])
    coding = own(second["resource"])[PAMA_RATING]["valueCodeableConcept"]["coding"]
    assert coding[0]["code"] == "not-appropriate"


@pytest.mark.parametrize("name", ["xr_lumbar_2_3", "us_spinal_canal"])
def test_plain_films_and_ultrasound_are_outside_the_programme(name: str) -> None:
    review = judged(Determination.SUPPORTED)
    assert rating_of(replace(review, order=replace(review.order, study=study(name)))) is None


def test_a_chart_that_could_not_be_read_gives_no_rating_unless_the_order_is_supported_anyway() -> None:
    assert rating_of(judged(Determination.NOT_SUPPORTED, not_read=("Condition",))) is None
    assert rating_of(judged(Determination.SUPPORTED, not_read=("Condition",))) == "appropriate"


def test_a_draft_that_is_no_valid_fhir_is_not_sent_back() -> None:
    review = judged(Determination.SUPPORTED)
    broken = {**review.order.resource, "intent": 5}
    assert rate([replace(review, order=replace(review.order, resource=broken))], CONSULTATION) == []


def test_orders_that_were_not_reviewed_have_no_rating() -> None:
    others = [LeftAlone("ServiceRequest/knee", "not spine"), NotRecognised("ServiceRequest/local", "text", {})]
    assert rate(others, CONSULTATION) == []
