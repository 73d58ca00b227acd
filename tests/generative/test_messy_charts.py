"""Charts as real systems mangle them, through the whole consultation: never an error, never an invented fact."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.config import Settings
from cds_service.fhir.record import PatientRecord
from cds_service.fhir.status import in_error
from cds_service.hooks.chart_keys import TABLE
from cds_service.hooks.consult import respond
from cds_service.hooks.discovery import BY_HOOK
from cds_service.hooks.request import HookRequest
from cds_service.hooks.request_schema import ORDER_SIGN
from cds_service.resources import fixtures_dir
from cds_service.web.demo.stories import Story, load_stories
from tests.serving import REVIEWS, a_desk
from tests.stub_fhir import bundle
from tests.unit.facts.test_messy_charts import JUNK, RESOURCE

Resource = dict[str, Any]

# 5,000 charts in the gate, 300 elsewhere; in parts, so that no single test runs for minutes.
PARTS, CHARTS = (20, 250) if os.environ.get("CI") else (1, 300)
STORIES = load_stories(fixtures_dir())
DESK = a_desk(Settings(), now=lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
SLIPS = ("delete", "junk", "list", "unlist", "retype", "copy", "date", "theirs", "error")
DATES = ("2026", "2026-13", "2026-02-30", "0000-00-00", "9999-12-31T25:00", "1880-01-01", "tomorrow", "2026-11-31")


@st.composite
def charts(draw: st.DrawFn) -> tuple[Story, list[Resource]]:
    """A synthetic patient's chart after some slips, with a few resources that never made sense."""
    story = draw(st.sampled_from(STORIES))
    resources = deepcopy([found for found in story.resources if found not in story.drafts])
    slips = st.tuples(
        st.integers(0, 60), st.lists(st.integers(0, 12), min_size=1, max_size=6), st.sampled_from(SLIPS), JUNK
    )
    for which, steps, slip, junk in draw(st.lists(slips, max_size=12)):
        spoil(resources, which % len(resources), steps, slip, junk)
    nonsense = draw(st.lists(RESOURCE, max_size=4))
    me = {"reference": f"Patient/{story.patient['id']}"}
    return story, [*resources, *({"subject": me, **each} for each in nonsense)]


def spoil(resources: list[Resource], which: int, steps: list[int], slip: str, junk: Any) -> None:
    resource = resources[which]
    if slip == "copy":
        resources.append({**deepcopy(resource), "id": f"copy-{len(resources)}"})
    elif slip == "theirs":
        resource["subject"] = {"reference": "Patient/somebody-else"}
    elif slip == "error":
        resource["status"] = "entered-in-error"
    else:
        holder, key = place(resource, steps)
        match slip:
            case "delete":
                del holder[key]
            case "list":
                holder[key] = [holder[key]]
            case "unlist":
                holder[key] = holder[key][0] if isinstance(holder[key], list) and holder[key] else None
            case "retype":
                holder[key] = str(holder[key])
            case "date":
                holder[key] = DATES[sum(steps) % len(DATES)]
            case _:
                holder[key] = junk


def place(resource: Resource, steps: list[int]) -> tuple[Any, Any]:
    """(container, key) somewhere inside; the type and id of the resource stay."""
    holder: Any = resource
    key: Any = None
    for step in steps:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        keys = [name for name in keys if holder is not resource or name not in ("resourceType", "id")]
        if not keys:
            break
        inner, key_inside = holder, keys[step % len(keys)]
        key = (inner, key_inside)
        if not isinstance(holder[key_inside], dict | list) or not holder[key_inside]:
            break
        holder = holder[key_inside]
    return key if key else (resource, "status")


def consult(story: Story, resources: list[Resource], **members: Any) -> dict[str, Any]:
    """The answer to the story's orders with these resources as complete prefetch, and no server to ask."""
    prefetch: dict[str, Any] = {}
    for row in TABLE:
        found = [each for each in resources if each.get("resourceType") == row.resource_type]
        prefetch[row.key] = bundle(*found)
        if row.key == "patient":
            prefetch[row.key] = found[0] if found else None
    asked = HookRequest(
        hook=ORDER_SIGN,
        patient_id=story.patient["id"],
        encounter_id=None,
        drafts=tuple(story.drafts),
        in_scope=tuple(f"ServiceRequest/{draft['id']}" for draft in story.drafts),
        prefetch=prefetch,
        fhir=None,
        **members,
    )
    said: dict[str, Any] = orjson.loads(respond(asked, BY_HOOK[ORDER_SIGN].id, DESK).body)
    return said


def reviews(said: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said.get("extension", {}).get(REVIEWS, [])
    return found


def evidence(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(fact, source) of everything that is said to be known."""
    for review in reviews(said):
        for each in review.get("evidence", ()):
            yield from ((each["fact"], source) for source in each.get("sources", ()))


@pytest.mark.parametrize("part", range(PARTS))
@settings(max_examples=CHARTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(chart=charts())
def test_any_chart_gets_an_answer_that_stands_on_what_was_sent(part: int, chart: tuple[Story, list[Resource]]) -> None:
    story, resources = chart
    said = consult(story, resources)
    me = story.patient["id"]
    mine = PatientRecord.build(me, [*resources, *story.drafts])
    sent = {
        f"{each.get('resourceType')}/{each.get('id')}" if isinstance(each.get("id"), str) else each["resourceType"]
        for each in (*resources, *story.drafts)
        if not in_error(each)
    }
    for fact, source in evidence(said):
        assert source in sent, f"{fact} stands on {source}, which is in no chart"
        assert source not in mine.foreign, f"{fact} stands on {source} of another patient"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_somebody_elses_chart_is_an_empty_one(story: Story) -> None:
    others = [each for each in story.resources if each not in story.drafts and each != story.patient]
    theirs = [{**each, "subject": {"reference": "Patient/somebody-else"}} for each in others if "patient" not in each]
    strangers, empty = consult(story, [story.patient, *theirs]), consult(story, [story.patient])
    for review in (*reviews(strangers), *reviews(empty)):
        review.pop("foreign", None)
        review.pop("foreign_more", None)
    assert reviews(strangers) == reviews(empty)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_a_chart_entered_in_error_is_an_empty_one(story: Story) -> None:
    others = [each for each in story.resources if each not in story.drafts and each != story.patient]
    mistaken = {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}, "status": "entered-in-error"}
    assert reviews(consult(story, [story.patient, *({**each, **mistaken} for each in others)])) == reviews(
        consult(story, [story.patient])
    )


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_what_is_written_down_twice_counts_once(story: Story) -> None:
    """The same event under another id, as merged records have it."""
    once = [each for each in story.resources if each not in story.drafts]
    copies = [{**each, "id": f"{each['id']}-again"} for each in once if each != story.patient]
    single, double = consult(story, once), consult(story, [*once, *copies])
    for review in (*reviews(single), *reviews(double)):
        for each in review.get("evidence", ()):
            each.pop("sources", None)
    assert reviews(double) == reviews(single)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_the_order_in_which_a_chart_comes_decides_nothing(story: Story) -> None:
    resources = [each for each in story.resources if each not in story.drafts]
    forwards, backwards = consult(story, resources), consult(story, resources[::-1])
    for review in (*reviews(forwards), *reviews(backwards)):
        for each in review.get("evidence", ()):
            each["sources"] = sorted(each.get("sources", ()))
    assert reviews(backwards) == reviews(forwards)


def test_a_huge_chart_is_read_like_a_small_one() -> None:
    """Twenty thousand observations that say nothing about the spine, among them the few that do."""
    (story,) = (story for story in STORIES if story.slug == "cauda-equina-mri")
    resources = [each for each in story.resources if each not in story.drafts]
    filler = [
        {
            "resourceType": "Observation", "id": f"o{number}", "status": "final",
            "subject": {"reference": f"Patient/{story.patient['id']}"},
            "effectiveDateTime": f"20{number % 26:02}-01-{number % 28 + 1:02}",
            "code": {"coding": [{"system": "http://loinc.org", "code": f"{number}-{number % 10}"}]},
        }
        for number in range(20_000)
    ]  # fmt: skip
    assert reviews(consult(story, [*filler, *resources])) == reviews(consult(story, resources))
