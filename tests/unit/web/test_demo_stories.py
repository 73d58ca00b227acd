"""The synthetic patients: valid FHIR, nobody real, a request file for each hook that equals what the chart gives."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.card_builder import Kind
from cds_service.core.errors import ConfigurationError
from cds_service.hooks.chart_keys import TABLE
from cds_service.hooks.request import read_request
from cds_service.resources import fixtures_dir
from cds_service.web.demo import hook_requests
from cds_service.web.demo.hook_requests import HOOKS
from cds_service.web.demo.resource_store import FHIR_ID, owner_of
from cds_service.web.demo.stories import Story, load_stories

FIXTURES = fixtures_dir()
STORIES = load_stories(FIXTURES)
each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)

KNOWN_SYSTEMS = re.compile(
    r"http://snomed\.info/sct|http://loinc\.org|http://hl7\.org/fhir/sid/icd-10-cm|http://www\.ama-assn\.org/go/cpt"
    r"|http://www\.nlm\.nih\.gov/research/umls/rxnorm|http://unitsofmeasure\.org|http://terminology\.hl7\.org/CodeSystem/.+"
    r"|urn:oid:2\.16\.840\.1\.113883\.3\.26\.1\.1|urn:spine-imaging-review:(fact|fixture)|https://ehr\.example/.+"
)  # fmt: skip


def members(value: Any, name: str) -> list[Any]:
    """Every value of a member of this name, at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in members(item, name)]
    if not isinstance(value, dict):
        return []
    own = [value[name]] if name in value else []
    return own + [found for item in value.values() for found in members(item, name)]


def test_there_are_enough_patients_for_every_kind_of_card() -> None:
    assert len(STORIES) >= 20
    said = Counter((expected.determination, expected.card["order-sign"]) for s in STORIES for expected in s.expected)
    assert {determination for determination, _ in said} == {
        "supported", "not_supported", "needs_information", "governed_elsewhere", "no_guideline", "none",
    }  # fmt: skip
    assert {card for _, card in said} == {"none", "info", "warning", "critical"}
    shown = {expected.kind for story in STORIES for expected in story.expected if expected.kind}
    assert shown == {kind.value for kind in Kind} - {Kind.ANSWER_QUESTIONS}  # that one needs an app to link to


@each_story
def test_the_chart_is_valid_fhir(story: Story) -> None:
    Bundle.model_validate_json((FIXTURES / "patients" / story.slug / "bundle.json").read_text())


@each_story
def test_the_chart_belongs_to_one_invented_patient(story: Story) -> None:
    patient = story.patient
    assert patient["id"] == f"pat-{story.slug}"
    assert patient["meta"]["tag"][0]["code"] == "HTEST"
    assert [name for name in patient["name"] if name["family"] and name["given"]]
    assert [each["system"] for each in patient["identifier"]] == ["urn:spine-imaging-review:fixture"]
    assert not {"telecom", "address", "photo", "contact"} & patient.keys()
    owners = {owner_of(each) for each in story.resources if each["resourceType"] != "Practitioner"}
    assert owners == {patient["id"]}


@each_story
def test_every_reference_and_code_can_be_followed(story: Story) -> None:
    there = {f"{resource['resourceType']}/{resource['id']}" for resource in story.resources}
    assert len(there) == len(story.resources)
    assert set(members(story.resources, "reference")) <= there
    assert all(FHIR_ID.fullmatch(resource["id"]) for resource in story.resources)
    assert [system for system in members(story.resources, "system") if not KNOWN_SYSTEMS.fullmatch(system)] == []


@each_story
def test_the_story_stays_in_its_time(story: Story) -> None:
    """Orders carry their date, so that ages and weeks come out the same in any year."""
    assert story.drafts
    for draft in story.drafts:
        ServiceRequest.model_validate(draft)
        assert draft["authoredOn"] == "2026-11-10"
    dates = re.findall(r"\d{4}-\d{2}-\d{2}", json.dumps(story.resources))
    assert max(dates) == "2026-11-10"


@each_story
def test_the_story_says_what_is_expected_of_each_draft(story: Story) -> None:
    assert [expected.order for expected in story.expected] == [
        f"ServiceRequest/{draft['id']}" for draft in story.drafts
    ]
    assert all(set(expected.card) == set(HOOKS) for expected in story.expected)
    assert story.who.endswith(".")
    assert story.why.endswith(".")


def test_patients_differ_and_shared_resources_agree() -> None:
    names = [(s.patient["name"][0]["family"], s.patient["name"][0]["given"][0]) for s in STORIES]
    assert len(set(names)) == len(STORIES)
    seen: dict[tuple[str, str], Any] = {}
    for resource in (resource for story in STORIES for resource in story.resources):
        assert seen.setdefault((resource["resourceType"], resource["id"]), resource) == resource


@each_story
@pytest.mark.parametrize("hook", HOOKS)
def test_the_request_file_is_what_the_chart_gives(story: Story, hook: str) -> None:
    """When this fails: make golden"""
    written = json.loads(hook_requests.request_path(FIXTURES, story.slug, hook).read_text())
    assert written == hook_requests.hook_request(story, hook)


def test_no_request_file_is_left_over() -> None:
    written = {path.relative_to(FIXTURES / "requests").as_posix() for path in (FIXTURES / "requests").rglob("*.json")}
    assert written == {f"{hook}/{story.slug}.json" for story in STORIES for hook in HOOKS}


@each_story
@pytest.mark.parametrize("hook", HOOKS)
def test_the_request_is_one_the_service_accepts(story: Story, hook: str) -> None:
    request = hook_requests.hook_request(story, hook)
    read = read_request(json.dumps(request).encode(), hook)
    assert list(read.in_scope) == [expected.order for expected in story.expected]
    assert list(read.prefetch) == [row.key for row in TABLE]
    for row in TABLE[1:]:
        value = read.prefetch[row.key]
        if row.key in story.unreadable:
            assert value["resourceType"] == "OperationOutcome"
            continue
        Bundle.model_validate(value)
        of_type = [each for each in story.resources if each["resourceType"] == row.resource_type]
        assert value["total"] == len(of_type) == len(value.get("entry", []))


def test_writing_again_changes_nothing_and_removes_what_is_gone(tmp_path: Path) -> None:
    slug = STORIES[0].slug
    for name in ("bundle.json", "story.md"):
        copy = tmp_path / "patients" / slug / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((FIXTURES / "patients" / slug / name).read_bytes())
    stale = tmp_path / "requests" / "order-sign" / "gone.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    assert hook_requests.write_requests(tmp_path) == len(HOOKS)
    assert not stale.exists()
    for hook in HOOKS:
        written = hook_requests.request_path(tmp_path, slug, hook).read_bytes()
        assert written == hook_requests.request_path(FIXTURES, slug, hook).read_bytes()


@pytest.mark.parametrize(
    ("bundle", "story"),
    [
        ("not json", "---\ntitle: x\nexpect: []\n---\nWho.\nWhy.\n"),
        ('{"entry": []}', "no front matter"),
        ('{"entry": []}', "---\ntitle: x\nexpect: []\n---\nOne line only.\n"),
        ('{"entry": []}', "---\ntitle: x\n---\nWho.\nWhy.\n"),
        ("{}", "---\ntitle: x\nexpect: []\n---\nWho.\nWhy.\n"),
    ],
)
def test_a_story_that_is_not_complete_stops_the_start(tmp_path: Path, bundle: str, story: str) -> None:
    folder = tmp_path / "patients" / "half-done"
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text(bundle)
    (folder / "story.md").write_text(story)
    with pytest.raises(ConfigurationError, match="half-done"):
        load_stories(tmp_path)


def test_an_empty_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no patient"):
        load_stories(tmp_path)
