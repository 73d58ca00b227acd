"""With a server that fails any one query, the card says what could not be checked, and nothing is called absent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import orjson
import pytest

from cds_service.card_builder.words import load_words
from cds_service.config import Settings
from cds_service.facts.registry import REGISTRY, reads_of
from cds_service.hooks.chart_keys import PATIENT
from cds_service.resources import cards_dir
from cds_service.web.demo.stories import Story
from tests.interop.consultations import STORIES, answer
from tests.serving import REVIEWS, Serving, serving
from tests.stub_fhir import StubFhir, stub_fhir

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WAYS_TO_FAIL = (
    (500, b"oops"),
    (403, b'{"resourceType":"OperationOutcome"}'),
    (401, b"Invalid token: jwt malformed"),
    (429, b""),
    (200, b"<html>maintenance</html>"),
    (200, orjson.dumps(OUTCOME)),
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("unread"), Settings(fhir_deadline=30.0)) as running:
        yield running


@pytest.fixture(scope="module")
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


def reviews(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {review["order"]: review for review in said.get("extension", {}).get(REVIEWS, [])}


def types_asked(service: Serving, fhir: StubFhir, story: Story) -> list[str]:
    fhir.seen.clear()
    answer(service, story, fhir.base_url, keys=())
    return sorted({request.path.split("/")[2] for request in fhir.seen} - {PATIENT})


def answers_to(service: Serving, fhir: StubFhir, story: Story) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(type that could not be read, the answer with it, the answer without it) for every type that is asked for."""
    fhir.resources, fhir.answer = list(story.resources), lambda kind, ident: None
    whole = answer(service, story, fhir.base_url, keys=())
    failures = cycle(WAYS_TO_FAIL)
    for missing in types_asked(service, fhir, story):
        failure = next(failures)
        fhir.answer = lambda kind, ident, missing=missing, failure=failure: failure if kind == missing else None
        yield missing, whole, answer(service, story, fhir.base_url, keys=())


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_one_failed_query(service: Serving, fhir: StubFhir, story: Story) -> None:
    for missing, whole, partial in answers_to(service, fhir, story):
        check(story, missing, whole, partial)


def check(story: Story, missing: str, whole: dict[str, Any], partial: dict[str, Any]) -> None:
    before, after = reviews(whole), reviews(partial)
    assert set(before) == set(after)
    for order, review in after.items():
        where = f"{story.slug}, {order} without {missing}"
        complete = before[order]
        if review["determination"] != complete["determination"]:
            assert review["determination"] == "needs_information", where
        newly_asked = set(review.get("asks_for", ())) - set(complete.get("asks_for", ()))
        if newly_asked or review["determination"] != complete["determination"]:
            assert missing in review["not_read"], where
            assert said_to_be_unread(partial, order, missing), where
        # Another section may have decided, with criteria of its own: those of both are compared.
        results = {each["id"]: each["result"] for each in complete.get("criteria", ())}
        changed = {name for name in refuted(review) if results.get(name, "not_met") != "not_met"}
        assert not changed, f"{where}: {changed}"
        assert denied(review) <= denied(complete), where


def said_to_be_unread(said: dict[str, Any], order: str, missing: str) -> bool:
    """Whether a card of the order says so, in the words of clinicians."""
    unread = f"Could not be read: {load_words(cards_dir()).tables['unread'][missing]}"
    return any(
        unread in card["detail"]
        for card in said["cards"]
        if order in [review["order"] for review in card["extension"][REVIEWS]]
    )


def refuted(review: dict[str, Any]) -> set[str]:
    return {each["id"] for each in review.get("criteria", ()) if each["result"] == "not_met"}


def denied(review: dict[str, Any]) -> set[str]:
    return {each["fact"] for each in review.get("evidence", ()) if each.get("value") is False}


def test_the_stories_ask_for_nearly_every_type_that_facts_read(service: Serving, fhir: StubFhir) -> None:
    """Else the test above would say little."""
    fhir.answer = lambda kind, ident: None
    asked: set[str] = set()
    for story in STORIES:
        fhir.resources = list(story.resources)
        asked.update(types_asked(service, fhir, story))
    read = {kind for ref in REGISTRY for kind in reads_of(ref.partition("(")[0])} - {PATIENT}
    assert read - asked <= {"PractitionerRole"}


@pytest.mark.parametrize("slug", ["infant-dermal-sinus", "infant-tethered-cord", "newborn-sacral-dimple"])
def test_what_was_not_read_is_not_said_to_be_missing(service: Serving, fhir: StubFhir, slug: str) -> None:
    (story,) = (story for story in STORIES if story.slug == slug)
    for _, whole, partial in answers_to(service, fhir, story):
        before = reviews(whole)
        for card in partial["cards"]:
            for review in card["extension"][REVIEWS]:
                if set(review.get("asks_for", ())) - set(before[review["order"]].get("asks_for", ())):
                    assert "Not on record:" not in card["detail"]
