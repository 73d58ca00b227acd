"""A browser for tests of pages: one Chromium for a module, a page that talks to the demo only, and axe's judgement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# The two widths at which every page has to work, in CSS pixels.
WIDTHS = (360, 1280)


@contextmanager
def a_browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@contextmanager
def a_page(browser: Browser, address: str, problems: list[str], width: int = 1280, **context: Any) -> Iterator[Page]:
    """A page whose console stays clean and which asks nobody else; what it did otherwise is in `problems`.

    A test that provokes an error takes it out of the list.
    """
    with browser.new_context(base_url=address, viewport={"width": width, "height": 900}, **context) as fresh:
        opened = fresh.new_page()
        opened.set_default_timeout(15_000)

        def listen(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                problems.append(message.text)

        opened.on("console", listen)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("request", lambda asked: problems.append(asked.url) if not asked.url.startswith(address) else None)
        yield opened
    assert problems == []


def axe_findings(page: Page) -> list[str]:
    """What axe-core finds wrong: "rule: the elements"."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']][:3]}" for each in found]


def is_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
