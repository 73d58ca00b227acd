"""Takes the pictures of docs/images from a demo of its own: `make screenshots`. Needs Chromium."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from cds_service.resources import fixtures_dir
from cds_service.web.demo.hook_requests import HOOKS, request_path
from cds_service.web.demo.stories import load_stories
from tests.functional.browsing import a_browser, a_page
from tests.functional.demo_server import running_demo

FOLDER = Path(__file__).parent / "images"
DESKTOP, TALL, PHONE = (1280, 860), (1280, 1180), (360, 760)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Screenshots need Chromium. On Debian and Ubuntu: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder), app=True) as demo,
        a_browser(chromium) as b,
    ):
        fill_the_store(demo)
        for name, (width, height), scheme, show in PICTURES:
            with picture(b, demo, name, width, height, scheme) as page:
                show(page)


@contextmanager
def picture(browser: Browser, demo: str, name: str, width: int, height: int, scheme: str) -> Iterator[Page]:
    """Saves what the page shows at the end. A page that complains in its console is no picture to show."""
    with a_page(browser, demo, [], width, color_scheme=scheme) as page:
        page.set_viewport_size({"width": width, "height": height})
        yield page
        page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def fill_the_store(demo: str) -> None:
    """Every story ordered once, its cards taken or overridden in turn, so that the analytics have something to show."""
    turn = 0
    for story in load_stories(fixtures_dir()):
        for hook in HOOKS:
            service = f"{demo}/cds-services/spine-imaging-{hook}"
            body = json.loads(request_path(fixtures_dir(), story.slug, hook).read_text(encoding="utf-8"))
            del body["fhirServer"]
            for card in requests.post(service, json=body, timeout=30).json()["cards"]:
                turn += 1
                said = {"card": card["uuid"], "outcomeTimestamp": "2026-11-10T12:00:00Z"}
                if card.get("suggestions") and turn % 3:
                    said |= {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
                elif turn % 2 and card.get("overrideReasons"):
                    reason = card["overrideReasons"][turn % len(card["overrideReasons"])]
                    why = {"reason": {name: reason[name] for name in ("code", "system")}}
                    said |= {"outcome": "overridden", "overrideReason": why}
                else:
                    continue
                requests.post(f"{service}/feedback", json={"feedback": [said]}, timeout=30).raise_for_status()


def patients(page: Page) -> None:
    page.goto("/")


def ordering(slug: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        page.goto(f"/?story={slug}&hook=order-sign")
        expect(page.locator("#review")).to_contain_text("Inside the service")
        if page.viewport_size and page.viewport_size["width"] < 600:
            page.locator("#cards-title").scroll_into_view_if_needed()
            page.evaluate("document.getElementById('cards-title').scrollIntoView()")

    return show


def documentation(page: Page) -> None:
    page.goto("/?story=low-back-pain-undocumented&hook=order-sign")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Answer the questions").click()
    address = opened.value.wait_for_url("**/questions") or opened.value.url
    opened.value.close()
    page.goto(address)


def guidelines(page: Page) -> None:
    page.goto("/guidelines/criteria/SP-5.1/mri")


def analytics(page: Page) -> None:
    page.goto("/analytics")


PICTURES = (
    ("patients", DESKTOP, "light", patients),
    ("order-entry", TALL, "light", ordering("infant-dermal-sinus")),
    ("order-entry-dark", TALL, "dark", ordering("foot-drop-neck-mri")),
    ("order-entry-phone", PHONE, "light", ordering("infant-dermal-sinus")),
    ("documentation", DESKTOP, "light", documentation),
    ("guidelines", DESKTOP, "light", guidelines),
    ("analytics", DESKTOP, "light", analytics),
)

if __name__ == "__main__":
    main()
