"""However a chart reaches us, the answer is the same: cards, determination, evidence, everything but the uuids."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.config import Settings
from cds_service.web.demo.stories import Story
from tests.functional.demo_server import running_demo
from tests.interop.consultations import KEYS, STORIES, answer
from tests.serving import Serving, serving

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
SUBSETS = 12 if os.environ.get("CI") else 4
some_keys = st.sets(st.sampled_from(KEYS), max_size=len(KEYS) - 1)
quietly = settings(
    max_examples=SUBSETS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """With time enough for a server that has only just started: this is not about speed."""
    with serving(tmp_path_factory.mktemp("service"), Settings(fhir_deadline=60.0)) as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield f"{address}/fhir"


@each_story
def test_without_prefetch_via_the_demo_server(service: Serving, demo: str, story: Story) -> None:
    assert answer(service, story, demo, keys=()) == answer(service, story, demo)


@each_story
@quietly
@given(keys=some_keys)
def test_any_part_of_the_prefetch_via_the_demo_server(
    service: Serving, demo: str, story: Story, keys: set[str]
) -> None:
    assert answer(service, story, demo, keys) == answer(service, story, demo)


@pytest.mark.fhir_server
@each_story
def test_without_prefetch_via_hapi(service: Serving, hapi: str, demo: str, story: Story) -> None:
    """A server with other habits: three resources a page, versions, references and addresses of its own."""
    without = answer(service, story, hapi, keys=())
    assert without == answer(service, story, hapi)
    assert without == answer(service, story, demo)


@pytest.mark.fhir_server
@each_story
@quietly
@given(keys=some_keys)
def test_any_part_of_the_prefetch_via_hapi(service: Serving, hapi: str, story: Story, keys: set[str]) -> None:
    assert answer(service, story, hapi, keys) == answer(service, story, hapi)
