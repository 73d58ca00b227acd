"""The pages as the server renders them: what they promise about scripts, and which patients they know."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from cds_service import __version__
from cds_service.resources import fixtures_dir
from cds_service.web.demo.glossary import Glossary
from cds_service.web.demo.moved import moved
from cds_service.web.demo.pages import CHARTS, Shelf, describe, page_routes
from cds_service.web.demo.stories import load_stories
from cds_service.web.pages import add_to_navigation, use_site

TODAY = date(2027, 2, 3)
STORIES = tuple(moved(story, TODAY) for story in load_stories(fixtures_dir()))
GLOSSARY = Glossary({"criteria": {"SP-4.1/mri": "<b>says</b>"}}, (("Adult spine imaging", "v2.0.2026"),))


@pytest.fixture
def client() -> FlaskClient:
    app = Flask(__name__, static_folder=None)
    use_site(app, demo=True)
    app.register_blueprint(page_routes(Shelf(STORIES, GLOSSARY, b'{"studies":[]}')))
    why = Blueprint("why", __name__)
    why.add_url_rule("/demo/why", "explain", lambda: "")
    app.register_blueprint(why)
    add_to_navigation(app, "Order entry", "demo.first_page", order=0)
    return app.test_client()


def test_the_first_page_lists_every_patient_and_edition(client: FlaskClient) -> None:
    page = unescape(client.get("/").text)
    assert all(f"?story={story.slug}" in page and story.title in page for story in STORIES)
    assert "Adult spine imaging" in page
    assert "v2.0.2026" in page
    assert f"Spine imaging review {__version__}" in page
    assert "not been clinically approved" in page


def test_patients_stand_under_their_age(client: FlaskClient) -> None:
    groups = re.split(r"<h2>(Infants|Children|Adults)</h2>", client.get("/").text)[1:]
    assert groups[::2] == ["Infants", "Children", "Adults"]
    infants, children, adults = groups[1::2]
    assert 'story=infant-hemangioma"' in infants
    assert 'story=teen-back-pain"' in children
    assert 'story=foot-drop"' in adults


def test_the_order_entry_screen_shows_the_chart_with_links_into_it(client: FlaskClient) -> None:
    page = client.get("/?story=infant-dermal-sinus&hook=order-sign").text
    assert "Wren Mockridge, 3 months" in page
    assert f'href="{CHARTS}/Observation/infant-dermal-sinus-observation-1"' in page
    assert "Dermal sinus over the lumbar midline" in page
    assert 'data-hook="order-sign"' in page
    assert 'data-order-sign="/cds-services/spine-imaging-order-sign"' in page


def test_an_order_is_written_today(client: FlaskClient) -> None:
    start = client.get("/demo/stories/chart-not-readable.json").json
    assert start["patient"] == "pat-chart-not-readable"
    assert {draft["authoredOn"] for draft in start["drafts"]} == {TODAY.isoformat()} == {start["written"]}
    assert start["unreadable"] == ["diagnosticReports", "imagingStudies"]
    assert start["user"].startswith("Practitioner/")


@pytest.mark.parametrize(
    "address",
    [
        "/?story=nobody",
        "/?story=../../etc",
        "/?story=foot-drop&hook=patient-view",
        "/demo/stories/nobody.json",
        "/demo/nothing.js",
    ],
)
def test_what_there_is_no_patient_for_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/?story=foot-drop", "/demo/order_entry.js", "/demo/glossary.json", "/demo/orderable.json", "/site/site.css"],
)
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
        markup = client.get(path).text
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", markup) == []


def test_the_navigation_says_where_one_is(client: FlaskClient) -> None:
    here = '<a href="/" aria-current="page">Order entry</a>'
    assert here in client.get("/").text


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
