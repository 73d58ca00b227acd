"""Needs information -> app -> answers -> supported, in a real browser, on a phone and on a desktop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import request_path
from tests.functional.browsing import axe_findings, is_wider_than_the_window

REVIEWS = "org.spine-imaging-cds.reviews"
pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Story:
    """One synthetic patient's order, asked about with the chart read from the demo's record system."""

    demo: str
    slug: str

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(request_path(fixtures_dir(), self.slug, "order-sign").read_text())
        del body["prefetch"]
        return body | {"fhirServer": f"{self.demo}/fhir"}

    def ask(self) -> dict[str, Any]:
        answer = requests.post(f"{self.demo}/cds-services/spine-imaging-order-sign", json=self.body, timeout=30)
        assert answer.status_code == 200
        read: dict[str, Any] = answer.json()
        return read

    @property
    def determination(self) -> str:
        return str(self.ask()["extension"][REVIEWS][0]["determination"])

    def launch(self, topic: str | None = None, *, from_card: bool = True) -> str:
        """The address that an EHR opens: the link of the card, with a launch that its record system made."""
        links = [link for card in self.ask()["cards"] for link in card.get("links", ())]
        parameters = {"patient": self.body["context"]["patientId"]}
        if from_card:
            assert links[0]["type"] == "smart"
            parameters["appContext"] = links[0]["appContext"]
        made = requests.post(f"{self.demo}/fhir/_services/smart/Launch", json={"parameters": parameters}, timeout=30)
        address = f"{self.demo}/documentation/launch?iss={self.demo}/fhir&launch={made.json()['launch_id']}"
        return f"{address}&topic={topic}" if topic else address


@pytest.fixture
def demo(demo_with_app: str) -> Iterator[str]:
    """What a test records must not help the next one."""
    before = set(written(demo_with_app))
    yield demo_with_app
    for ident in set(written(demo_with_app)) - before:
        requests.delete(f"{demo_with_app}/fhir/QuestionnaireResponse/{ident}", timeout=30)


def written(demo: str, **of: str) -> list[str]:
    """Ids of the QuestionnaireResponses that the record system holds."""
    found = requests.get(f"{demo}/fhir/QuestionnaireResponse", params={"_count": "1000", **of}, timeout=30).json()
    return [entry["resource"]["id"] for entry in found.get("entry", ())]


def check_looks(page: Page) -> None:
    assert not is_wider_than_the_window(page)
    assert axe_findings(page) == []


def record(page: Page) -> None:
    page.get_by_role("button", name="Record in the chart").click()


def test_the_answers_that_were_asked_for_settle_the_review(page: Page, demo: str) -> None:
    story = Story(demo, "low-back-pain-undocumented")
    assert story.determination == "needs_information"
    page.goto(story.launch())
    expect(page.get_by_text("Nell Blankenfold, born 25 Jan 1969")).to_be_visible()
    assert page.locator(".question").count() == 3
    check_looks(page)
    record(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing has been answered yet")
    page.get_by_label("How many weeks").fill("six")
    record(page)
    expect(page.get_by_text("Please write a number")).to_be_visible()
    check_looks(page)
    page.get_by_label("How many weeks").fill("7")
    for question in page.get_by_role("group").all():
        question.get_by_label("Yes").check()
    record(page)
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    expect(page.locator(".said")).to_contain_text("7")
    check_looks(page)
    assert story.determination == "supported"


COVERED = """() => [...document.querySelectorAll(".choices label, .picks label")].filter((choice) => {
  return ["start", "end"].some((block) => {
    choice.scrollIntoView({ block });
    const { left, top, width, height } = choice.getBoundingClientRect();
    return height && !choice.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  });
}).map((choice) => choice.textContent)"""


@pytest.mark.parametrize("topic", ["questions", "red-flag"])
def test_no_choice_lies_under_another_part_of_the_page(page: Page, demo: str, topic: str) -> None:
    page.goto(Story(demo, "low-back-pain-undocumented").launch(topic))
    for closed in page.locator("details:not([open]) > summary").all()[::-1]:
        closed.click()
    assert page.locator(".choices label, .picks label").count() > 3
    assert page.evaluate(COVERED) == []


def test_a_missing_indication_is_picked_from_a_list(page: Page, demo: str) -> None:
    story = Story(demo, "no-indication")
    page.goto(story.launch())
    check_looks(page)
    page.get_by_text("Other reasons").click()
    page.get_by_label("Low back pain").check()
    record(page)
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    asked = story.ask()["extension"][REVIEWS][0].get("asks_for", [])
    assert "indication" not in asked
    assert asked


def test_a_red_flag_is_recorded_before_anybody_asks(page: Page, demo: str) -> None:
    story = Story(demo, "low-back-pain-undocumented")
    page.goto(story.launch(from_card=False))
    expect(page.get_by_role("heading", name="What do you want to record?")).to_be_visible()
    check_looks(page)
    page.get_by_role("link", name="A red flag is present").first.click()
    page.get_by_text("Possible cauda equina syndrome").click()
    page.get_by_label("Saddle anesthesia").check()
    check_looks(page)
    record(page)
    expect(page.locator(".said")).to_contain_text("Yes")
    assert story.determination == "supported"


def test_an_x_ray_from_elsewhere_is_recorded(page: Page, demo: str) -> None:
    story = Story(demo, "thoracic-xray-first")
    assert story.determination == "needs_information"
    page.goto(story.launch("x-ray"))
    page.get_by_text("Plain x-ray of the thoracic spine", exact=True).click()
    page.locator("details[open]").get_by_label("Yes").check()
    page.locator("details[open] select").select_option("negative")
    check_looks(page)
    record(page)
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    assert story.determination == "supported"


def test_two_patients_in_two_tabs_are_not_mixed_up(page: Page, demo: str) -> None:
    first, second = Story(demo, "thoracic-xray-first"), Story(demo, "low-back-pain-undocumented")
    page.goto(first.launch("x-ray"))
    other = page.context.new_page()
    other.goto(second.launch("x-ray"))
    page.get_by_text("Plain x-ray of the thoracic spine", exact=True).click()
    page.locator("details[open]").get_by_label("Yes").check()
    record(page)
    expect(page.get_by_role("heading", name="Recorded")).to_be_visible()
    assert written(demo, patient=second.body["context"]["patientId"]) == []
    assert first.determination == "supported"


def test_the_token_reaches_neither_page_nor_cookie_and_signing_out_ends_it(
    page: Page, demo: str, problems: list[str]
) -> None:
    page.goto(Story(demo, "thoracic-xray-first").launch())
    here = page.url
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/documentation"
    assert "access_token" not in page.content()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Answer the questions of a review")).to_be_visible()
    page.context.add_cookies([cookie])
    page.goto(here)
    expect(page.get_by_role("alert")).to_contain_text("no longer open")
    check_looks(page)
    assert [problem for problem in problems if "410" not in problem] == []
    problems.clear()
