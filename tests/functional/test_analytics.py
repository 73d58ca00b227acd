"""What a clinician does with a card shows on the analytics page; the page looks right on a phone and on a desktop."""

from __future__ import annotations

import json

import pytest
import requests
from playwright.sync_api import Page, expect

from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import request_path
from tests.functional.browsing import axe_findings, is_wider_than_the_window

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(demo: str) -> str:
    override(demo, "thoracic-xray-first")
    return demo


def override(demo: str, slug: str) -> None:
    """Asks about a story and overrides its card with the first reason and a comment."""
    service = f"{demo}/cds-services/spine-imaging-order-sign"
    body = json.loads(request_path(fixtures_dir(), slug, "order-sign").read_text())
    del body["fhirServer"]
    (card,) = requests.post(service, json=body, timeout=30).json()["cards"]
    reason = {name: card["overrideReasons"][0][name] for name in ("code", "system")}
    why = {"reason": reason, "userComment": "seen elsewhere"}
    said = {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": why,
        "outcomeTimestamp": "2026-11-20T12:00:00Z",
    }
    assert requests.post(f"{service}/feedback", json={"feedback": [said]}, timeout=30).status_code == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_override_with_its_reason_is_counted(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/analytics")
    kinds = page.get_by_role("region", name="Kinds of card", exact=True)
    kinds.get_by_text("As a table").click()
    expect(kinds.get_by_role("row", name="X-ray before advanced imaging 1 0 1 0 100")).to_be_visible()
    reasons = page.get_by_role("region", name="Reasons for overriding", exact=True)
    expect(reasons.get_by_role("row", name="with a free text 1")).to_be_visible()
    expect(page.get_by_role("region", name="Missing facts", exact=True)).to_contain_text("x-ray of the thoracic spine")
    assert "seen elsewhere" not in page.content()
    assert not is_wider_than_the_window(page)
    assert axe_findings(page) == []


def test_what_a_criterion_says_is_seen_without_scrolling_sideways(page: Page) -> None:
    page.goto("/analytics")
    criteria = page.get_by_role("region", name="Criteria that decided", exact=True)
    says = criteria.get_by_text("Plain x-rays are required for thoracic pain").bounding_box()
    assert says
    assert says["x"] + says["width"] <= page.evaluate("document.documentElement.clientWidth")


def test_the_days_can_be_chosen_and_a_table_taken_away(page: Page) -> None:
    page.goto("/analytics")
    page.get_by_label("From").fill("2026-01-01")
    page.get_by_label("to", exact=True).fill("2026-01-31")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No spine order was reviewed in these days.")).to_be_visible()
    assert axe_findings(page) == []
    page.get_by_role("link", name="7 days", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of determinations").click()
    assert download.value.suggested_filename == "determinations.csv"
