"""A chart in one line for each entry, and the lists that the order-entry screen searches."""

from __future__ import annotations

from cds_service.guidelines.load import load
from cds_service.resources import fixtures_dir
from cds_service.web.demo.catalogue import orderable
from cds_service.web.demo.chart_view import Entry, chart_at_a_glance
from cds_service.web.demo.stories import load_stories

STORIES = {story.slug: story for story in load_stories(fixtures_dir())}


def glance(slug: str) -> dict[str, list[Entry]]:
    return dict(chart_at_a_glance(STORIES[slug].resources))


def test_entries_stand_under_their_kind_newest_first() -> None:
    chart = glance("thoracic-xray-first")
    assert next(iter(chart)) == "Problems"
    days = [entry.day for entry in chart["Therapy and procedures"]]
    assert days == sorted(days, reverse=True)
    assert len(days) > 1


def test_an_answer_shows_question_and_answer() -> None:
    [entry] = glance("chart-not-readable")["Answers"]
    assert entry.label == "Did treatment fail to bring lasting improvement? yes"
    assert entry.reference == "QuestionnaireResponse/chart-not-readable-answers-1"


def test_a_finding_that_is_present_needs_no_yes_and_a_measurement_has_its_unit() -> None:
    [sinus] = glance("infant-dermal-sinus")["Findings"]
    assert sinus == Entry("Dermal sinus over the lumbar midline", "2026-11-03", sinus.reference)
    measured = [
        entry.label
        for slug in STORIES
        for entry in glance(slug).get("Findings", [])
        if any(character.isdigit() for character in entry.label)
    ]
    assert measured
    assert all(": " in label for label in measured)


def test_an_implant_says_how_safe_it_is_and_a_report_what_it_found() -> None:
    [device] = glance("pacemaker-mri")["Implants"]
    assert device.label.endswith("(MR unsafe)")
    [report] = glance("teen-back-pain")["Imaging"]
    assert report.label == "X-ray lumbar spine, 2 or 3 views: Alignment normal. No fracture seen."


def test_drafts_are_no_part_of_the_chart() -> None:
    for slug, story in STORIES.items():
        drafted = {f"ServiceRequest/{draft['id']}" for draft in story.drafts}
        assert not drafted & {entry.reference for entries in glance(slug).values() for entry in entries}


def test_what_can_be_ordered_has_codes_and_is_listed_once() -> None:
    found = orderable(load())
    for name, system in (
        ("studies", "http://www.ama-assn.org/go/cpt"),
        ("reasons", "http://hl7.org/fhir/sid/icd-10-cm"),
    ):
        shorts = [each["short"] for each in found[name]]
        assert len(shorts) == len(set(shorts)) > 50
        for each in found[name]:
            assert each["label"]
            assert each["code"]["coding"][0]["system"] == system
            assert each["code"]["coding"][0]["code"] == each["short"]
    assert {"72148", "76800", "72070"} <= {study["short"] for study in found["studies"]}
