"""The pages as the server renders them: what they promise about scripts, and which stories they know."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service import __version__
from cds_service.resources import fixtures_dir
from cds_service.web.demo.glossary import Glossary
from cds_service.web.demo.hook_requests import HOOKS
from cds_service.web.demo.pages import describe, page_routes
from cds_service.web.demo.stories import load_stories
from cds_service.web.pages import use_site

FIXTURES = fixtures_dir()
STORIES = load_stories(FIXTURES)
GLOSSARY = Glossary({"criteria": {"SP-4.1/mri": "<b>says</b>"}}, (("Adult spine imaging", "v2.0.2026"),))


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    use_site(app, demo=True)
    app.register_blueprint(page_routes(FIXTURES, STORIES, GLOSSARY))
    return app.test_client()


def test_the_first_page_lists_every_story_and_edition(client: FlaskClient) -> None:
    page = unescape(client.get("/").text)
    assert all(f"?story={story.slug}&hook=order-sign" in page and story.title in page for story in STORIES)
    assert "Adult spine imaging" in page
    assert "v2.0.2026" in page
    assert f"version {__version__}" in page
    assert "not been clinically approved" in page


def test_stories_stand_under_the_age_of_their_patients(client: FlaskClient) -> None:
    groups = re.split(r"<h3>(\w+)</h3>", client.get("/").text)[1:]
    assert groups[::2] == ["Infants", "Children", "Adults"]
    infants, children, adults = groups[1::2]
    assert "story=infant-hemangioma&" in infants
    assert "story=teen-back-pain&" in children
    assert "story=foot-drop&" in adults


@pytest.mark.parametrize("hook", HOOKS)
def test_a_story_shows_the_request_that_is_sent_with_our_own_server_in_it(client: FlaskClient, hook: str) -> None:
    page = client.get(f"/?story=foot-drop&hook={hook}", headers={"Host": "127.0.0.1:9123"}).text
    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown
    request = json.loads(unescape(shown[1]))
    assert request["hook"] == hook
    assert request["fhirServer"] == "http://127.0.0.1:9123/fhir"
    assert "127.0.0.1:8080" not in shown[1]
    assert f'data-service="/cds-services/spine-imaging-{hook}"' in page


@pytest.mark.parametrize("query", ["story=nobody", "story=../../etc", "story=foot-drop&hook=patient-view", "hook=x"])
def test_what_there_is_no_story_for_is_not_found(client: FlaskClient, query: str) -> None:
    assert client.get(f"/?{query}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/?story=foot-drop", "/demo/page.js", "/demo/glossary.json"])
def test_nothing_inline_and_nothing_from_elsewhere_may_run(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    response.close()


def test_pages_hold_no_inline_script_or_style(client: FlaskClient) -> None:
    for path in ("/", "/?story=foot-drop"):
        markup = client.get(path).text.split("<textarea")[0]
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", markup) == []


def test_a_browser_finds_an_icon_everywhere(client: FlaskClient) -> None:
    with client.get("/favicon.ico") as icon:
        assert icon.content_type.startswith("image/svg+xml")


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("2026-10-10", "1 month"),
        ("2026-10-11", "0 months"),
        ("2024-11-11", "23 months"),
        ("2024-11-10", "2 years"),
        ("1966-11-11", "59 years"),
    ],
)
def test_age_is_that_on_the_day_of_the_order(born: str, age: str) -> None:
    patient = {"name": [{"family": "Mockridge", "given": ["Wren", "Ivy"]}], "birthDate": born}
    assert describe(patient, {"authoredOn": "2026-11-10"}) == f"Wren Ivy Mockridge, {age}"
