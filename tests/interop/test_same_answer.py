"""However a chart reaches us, the answer is the same: cards, determination, evidence, everything but the uuids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.config import Settings
from cds_service.web.demo.stories import Story
from tests.functional.demo_server import running_demo
from tests.interop.consultations import KEYS, STORIES, answer
from tests.serving import REVIEWS, Serving, serving
from tests.stub_fhir import stub_fhir

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
SUBSETS = 12 if os.environ.get("CI") else 4
some_keys = st.sets(st.sampled_from(KEYS), max_size=len(KEYS) - 1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """With time enough for a server that has only just started: this is not about speed."""
    with serving(tmp_path_factory.mktemp("service"), Settings(fhir_deadline=60.0)) as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield f"{address}/fhir"


def assert_any_part_will_do(service: Serving, story: Story, fhir: str) -> None:
    whole = answer(service, story, fhir)

    @settings(max_examples=SUBSETS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(keys=some_keys)
    def any_part(keys: set[str]) -> None:
        assert answer(service, story, fhir, keys) == whole

    any_part()


def reviews(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Those beside the cards, and those on them."""
    cards = [card.get("extension", {}).get(REVIEWS, []) for card in said["cards"]]
    return [review for found in (said.get("extension", {}).get(REVIEWS, []), *cards) for review in found]


@each_story
def test_without_prefetch_via_the_demo_server(service: Serving, demo: str, story: Story) -> None:
    assert answer(service, story, demo, keys=()) == answer(service, story, demo)


@each_story
def test_any_part_of_the_prefetch_via_the_demo_server(service: Serving, demo: str, story: Story) -> None:
    assert_any_part_will_do(service, story, demo)


@each_story
def test_a_server_that_ignores_parameters(service: Serving, story: Story) -> None:
    """It gives every resource of a type, whoever's it is, in whatever order: what is not this patient's is dropped."""
    with stub_fhir() as careless:
        careless.resources = [resource for other in STORIES for resource in other.resources]
        filled, fetched = answer(service, story, careless.base_url), answer(service, story, careless.base_url, keys=())
    if reviews(fetched):
        assert all(review["foreign"] for review in reviews(fetched))
    for review in (*reviews(fetched), *reviews(filled)):  # the rarer types are fetched here, too
        review.pop("foreign", None)
        review.pop("foreign_more", None)
    assert [card["summary"] for card in fetched["cards"]] == [card["summary"] for card in filled["cards"]]
    assert reviews(fetched) == reviews(filled)


@pytest.mark.fhir_server
@each_story
def test_without_prefetch_via_hapi(service: Serving, hapi: str, demo: str, story: Story) -> None:
    """A server with other habits: three resources a page, versions, references and addresses of its own."""
    without = answer(service, story, hapi, keys=())
    assert without == answer(service, story, hapi)
    assert without == answer(service, story, demo)


@pytest.mark.fhir_server
@each_story
def test_any_part_of_the_prefetch_via_hapi(service: Serving, hapi: str, story: Story) -> None:
    assert_any_part_will_do(service, story, hapi)
