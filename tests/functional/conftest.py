"""The whole service: in this process with a FHIR server to read from, or as a demo with a browser before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.functional.browsing import WIDTHS, a_browser, a_page
from tests.functional.demo_server import running_demo
from tests.serving import Serving, serving
from tests.stub_fhir import StubFhir, stub_fhir


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo. A module that needs it in another state has a `demo` of its own."""
    with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


@pytest.fixture(scope="module")
def demo_with_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo whose cards link to the documentation app."""
    with running_demo(tmp_path_factory.mktemp("demo"), app=True) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A test that asks for it, or for a page, is marked `browser`."""
    with a_browser(chromium) as started:
        yield started


@pytest.fixture
def problems() -> list[str]:
    """What the pages of a test did that they should not have done. A test that provokes an error takes it out."""
    return []


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, demo: str, problems: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty page of the demo, at each width."""
    with a_page(browser, demo, problems, request.param) as opened:
        yield opened


@pytest.fixture
def wide(browser: Browser, demo: str, problems: list[str]) -> Iterator[Page]:
    """The same, on a desktop only."""
    with a_page(browser, demo, problems) as opened:
        yield opened
