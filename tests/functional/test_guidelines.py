"""The guideline pages in a real browser: found, read, followed and printed, on a phone and on a desktop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.functional.browsing import axe_findings, is_wider_than_the_window

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "address",
    [
        "/guidelines",
        "/guidelines/documents/adult-spine-2026/SP-4.1",
        "/guidelines/facts",
        "/guidelines/facts/red_flag_any",
        "/guidelines/value-sets/low-back-pain",
        "/guidelines/studies",
        "/guidelines/resolutions",
        "/guidelines/compare",
        "/guidelines/search?q=dimple",
    ],
)
def test_every_kind_of_page_can_be_read_by_everybody(page: Page, address: str) -> None:
    page.goto(address)
    assert not is_wider_than_the_window(page)
    assert axe_findings(page) == []


def test_a_word_leads_to_a_criterion_and_on_to_its_facts_and_resolutions(page: Page) -> None:
    page.goto("/guidelines")
    page.get_by_label("Search the guidelines").fill("equivocal 72195")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="SP-10.1/failed-treatment").click()
    criterion = page.get_by_role("article", name="SP-10.1/failed-treatment")
    expect(criterion).to_be_in_viewport()
    expect(criterion.locator(".tree")).to_contain_text("Treatment in this episode at least 6 weeks")
    criterion.get_by_role("link", name="C-12").click()
    expect(page.locator("#C-12")).to_be_in_viewport()
    page.go_back()
    criterion.get_by_role("link", name="conservative_treatment_failed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("conservative_treatment_failed")


def test_in_the_dark_everything_keeps_its_contrast(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/guidelines/documents/adult-spine-2026/SP-1.2")
    assert axe_findings(page) == []


def test_a_document_prints_without_what_only_a_screen_needs(page: Page) -> None:
    page.emulate_media(media="print")
    page.goto("/guidelines/documents/spinal-ultrasound-2024")
    expect(page.get_by_role("search")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Guideline pages")).to_be_hidden()
    expect(page.locator("article.criterion").first).to_be_visible()
