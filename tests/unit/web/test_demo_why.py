"""The insides of a review are those of the review: same criteria, same truths, with the chart at every leaf."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import request_path
from cds_service.web.demo.stories import load_stories
from tests.hook_requests import a_request, an_order
from tests.serving import REVIEWS, SIGN, Serving, serving
from tests.tokens import production

STORIES = load_stories(fixtures_dir())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("why")) as running:
        yield running


def request_of(slug: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request_path(fixtures_dir(), slug, "order-sign").read_text())
    del body["fhirServer"]
    return body


def leaves(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if tree["kind"] == "test":
        yield tree
    for part in tree.get("parts", ()):
        yield from leaves(part)


@pytest.mark.parametrize("slug", [story.slug for story in STORIES])
def test_every_criterion_of_the_review_has_its_tree_and_the_same_truth(service: Serving, slug: str) -> None:
    body = request_of(slug)
    reviews = service.post(SIGN, body).json.get("extension", {}).get(REVIEWS, [])
    explained = {each["order"]: each for each in service.post("/demo/why", body).json["orders"]}
    assert {review["order"] for review in reviews} == {o for o, each in explained.items() if "because" not in each}
    for review in reviews:
        inside = explained[review["order"]]["criteria"]
        assert [{"id": each["id"], "result": each["result"]} for each in inside] == review.get("criteria", [])
        assert set(review.get("sections", ())) == {each["section"] for each in inside if each["decided"]}
        assert all(each["says"] for each in inside)
        assert [each["id"] for each in inside if "tree" in each and each["tree"]["result"] != each["result"]] == []


def test_a_leaf_names_what_was_read_and_where_it_stands(service: Serving) -> None:
    explained = service.post("/demo/why", request_of("infant-dermal-sinus")).json
    [order] = explained["orders"]
    [criterion] = [each for each in order["criteria"] if each["id"] == "PEDSP-4.2/us-before-mri"]
    facts = {fact["ref"]: fact for leaf in leaves(criterion["tree"]) for fact in leaf["facts"]}
    sinus = facts["skin_lesion(dermal_sinus)"]
    assert sinus["value"] is True
    assert sinus["sources"] == [{"reference": "Observation/infant-dermal-sinus-observation-1", "date": "2026-11-03"}]
    assert facts["spinal_ultrasound_result"] == {"ref": "spinal_ultrasound_result", "why": "not_documented"}
    assert criterion["tree"]["result"] == criterion["result"] == "met"
    assert set(explained["milliseconds"]) == {"orders", "chart", "review and trees"}


def test_a_failed_search_is_told_at_the_leaf(service: Serving) -> None:
    [order] = service.post("/demo/why", request_of("chart-not-readable")).json["orders"]
    reasons = {
        fact["ref"]: fact.get("why")
        for criterion in order["criteria"]
        for leaf in leaves(criterion["tree"])
        for fact in leaf["facts"]
    }
    assert reasons["plain_xray_available(thoracic)"] == "not_retrieved"


def test_years_are_said_as_years(service: Serving) -> None:
    [order] = service.post("/demo/why", request_of("thoracic-xray-first")).json["orders"]
    tests = [leaf["test"] for c in order["criteria"] for leaf in leaves(c["tree"]) if leaf["fact"] == "age_months"]
    assert tests
    assert set(tests) == {"at least 18 years"}


def test_an_order_that_is_not_reviewed_says_why(service: Serving) -> None:
    answer = service.post("/demo/why", a_request(an_order("knee", "73721"))).json
    [order] = answer["orders"]
    assert order["order"] == "ServiceRequest/knee"
    assert order["because"]


def test_a_body_that_is_no_hook_request_is_refused(service: Serving) -> None:
    assert service.post("/demo/why", b"{}").status_code == 400


def test_production_has_no_such_address(tmp_path: Path) -> None:
    with serving(tmp_path, production()) as running:
        assert running.post("/demo/why", a_request()).status_code == 404
