"""Every synthetic patient, sent as the committed request to the running demo: the story's determination and card."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from fhir.resources.R4B.servicerequest import ServiceRequest
from flask import Flask

from cds_service.config import Settings
from cds_service.core.errors import ConfigurationError
from cds_service.hooks.consult import Desk
from cds_service.resources import fixtures_dir
from cds_service.web import demo as demo_parts
from cds_service.web.demo.hook_requests import HOOKS, hook_request, request_path
from cds_service.web.demo.moved import moved
from cds_service.web.demo.stories import Expected, Story, load_stories
from tests.serving import serving

FIXTURES = fixtures_dir()
REVIEWS = "org.spine-imaging-cds.reviews"

STORIES = load_stories(FIXTURES)
each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
each_hook = pytest.mark.parametrize("hook", HOOKS)


def ask(demo: str, story: Story, hook: str, **changed: Any) -> dict[str, Any]:
    """The service's answer to the committed request, with some members changed or (None) left out."""
    body = {**json.loads(request_path(FIXTURES, story.slug, hook).read_text()), **changed}
    body = {name: value for name, value in body.items() if value is not None}
    answer = requests.post(f"{demo}/cds-services/spine-imaging-{hook}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def reviews_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {review["order"]: review for review in answer.get("extension", {}).get(REVIEWS, [])}


def check_review(review: dict[str, Any] | None, expected: Expected) -> None:
    if expected.determination == "none":
        assert review is None
        return
    assert review is not None
    assert review["determination"] == expected.determination
    if expected.sections:
        assert set(expected.sections) & set(review["sections"])
    if expected.asks is not None:
        assert sorted(review.get("asks_for", ())) == sorted(expected.asks)
    offered = [alternative["code"] for alternative in review.get("alternatives", ()) if "code" in alternative]
    if expected.alternatives is not None:
        assert bool(set(expected.alternatives) & set(offered)) is bool(expected.alternatives)
    if expected.until:
        assert expected.until in [alternative.get("until") for alternative in review["alternatives"]]


@each_story
@each_hook
def test_the_story_comes_true(demo: str, story: Story, hook: str) -> None:
    answer = ask(demo, story, hook, fhirServer=f"{demo}/fhir")
    reviews = reviews_of(answer)
    for expected in story.expected:
        check_review(reviews.get(expected.order), expected)
    shown = [(card["indicator"], card["source"]["topic"]["code"]) for card in answer["cards"]]
    wanted = [(expected.card[hook], expected.kind) for expected in story.expected if expected.card[hook] != "none"]
    assert sorted(shown) == sorted(wanted)


@each_story
@each_hook
def test_prefetch_alone_gives_the_same_review(demo: str, story: Story, hook: str) -> None:
    """A request file says everything that decides: it can be posted to any instance, with or without a FHIR server."""
    with_server = ask(demo, story, hook, fhirServer=f"{demo}/fhir")
    alone = ask(demo, story, hook, fhirServer=None)
    for order, review in reviews_of(with_server).items():
        assert reviews_of(alone)[order]["determination"] == review["determination"]
    assert [card["summary"] for card in alone["cards"]] == [card["summary"] for card in with_server["cards"]]


# A story about prefetch that failed says nothing about the server behind it.
@pytest.mark.parametrize("story", [story for story in STORIES if not story.unreadable], ids=lambda story: story.slug)
def test_an_ehr_without_prefetch_gets_the_same_review(demo: str, story: Story) -> None:
    """The embedded FHIR server gives the service the same chart."""
    filled = ask(demo, story, "order-sign", fhirServer=f"{demo}/fhir")
    fetched = ask(demo, story, "order-sign", fhirServer=f"{demo}/fhir", prefetch=None)
    assert reviews_of(fetched) == reviews_of(filled)
    assert [card["summary"] for card in fetched["cards"]] == [card["summary"] for card in filled["cards"]]


@each_story
def test_sources_can_be_read_from_the_record_system(demo: str, story: Story) -> None:
    reviews = reviews_of(ask(demo, story, "order-sign", fhirServer=f"{demo}/fhir")).values()
    sources = {
        source for review in reviews for each in review.get("evidence", ()) for source in each.get("sources", ())
    }
    for source in sources:
        assert requests.get(f"{demo}/fhir/{source}", timeout=10).status_code == 200, source


def carry_out(drafts: list[dict[str, Any]], suggestion: dict[str, Any]) -> list[dict[str, Any]]:
    """The draft orders after an EHR has done what the suggestion says."""
    after = {f"ServiceRequest/{draft['id']}": draft for draft in drafts}
    for action in suggestion["actions"]:
        if action["type"] == "delete":
            del after[action["resourceId"]]
        else:
            resource = {"id": "suggested", **action["resource"]}
            assert (f"ServiceRequest/{resource['id']}" in after) is (action["type"] == "update")
            ServiceRequest.model_validate(resource)
            after[f"ServiceRequest/{resource['id']}"] = resource
    return list(after.values())


@pytest.mark.parametrize("slug", [story.slug for story in STORIES])
def test_taking_our_advice_ends_the_matter(demo: str, slug: str) -> None:
    """After the recommended suggestion no draft is refused any more, and no warning comes back for what it changed."""
    (story,) = (story for story in STORIES if story.slug == slug)
    body = json.loads(request_path(FIXTURES, slug, "order-sign").read_text())
    answer = ask(demo, story, "order-sign", fhirServer=f"{demo}/fhir")
    for card in answer["cards"]:
        for suggestion in card.get("suggestions", ()):
            if not suggestion.get("isRecommended"):
                continue
            drafts = carry_out([entry["resource"] for entry in body["context"]["draftOrders"]["entry"]], suggestion)
            context = {
                **body["context"],
                "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": each} for each in drafts]},
            }
            then = ask(demo, story, "order-sign", fhirServer=f"{demo}/fhir", context=context)
            assert "not_supported" not in [review["determination"] for review in reviews_of(then).values()]
            assert card["source"]["topic"]["code"] not in [each["source"]["topic"]["code"] for each in then["cards"]]


def test_a_browser_on_another_origin_may_write_to_the_record_system(demo: str) -> None:
    """The CRD request generator carries out an update as PUT, from a page of its own."""
    asked = {
        "Origin": "http://127.0.0.1:3000",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,prefer",
    }
    answer = requests.options(f"{demo}/fhir/ServiceRequest/some-order", headers=asked, timeout=10)
    assert answer.status_code == 204
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "prefer" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_demo_parts_refuse_any_other_mode() -> None:
    production = cast(Settings, SimpleNamespace(demo=False))
    with pytest.raises(ConfigurationError, match="demo mode only"):
        demo_parts.register(Flask(__name__), production, cast(Desk, None))


@pytest.mark.parametrize("day", [date(2026, 11, 24), date(2027, 3, 1), date(2029, 12, 31)])
def test_a_story_moved_in_time_ends_as_it_does_on_its_own_day(tmp_path: Path, day: date) -> None:
    """The pages and the sandbox see the charts as of today, whenever that is."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    with serving(tmp_path, now=lambda: noon) as service:
        for story in STORIES:
            there = moved(story, day)
            for hook in HOOKS:
                body = {**hook_request(there, hook), "fhirServer": None}
                answer = service.post(f"/cds-services/spine-imaging-{hook}", without_nothing(body)).json
                reviews = reviews_of(answer)
                for expected in story.expected:
                    check_review(reviews.get(expected.order), replace(expected, until=None))
                wanted = [e.card[hook] for e in story.expected if e.card[hook] != "none"]
                assert sorted(card["indicator"] for card in answer["cards"]) == sorted(wanted), (story.slug, hook)


def without_nothing(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
