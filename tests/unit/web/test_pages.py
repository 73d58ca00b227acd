"""The frame of every page: one navigation for all, and a notice that says what the pages are."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask, render_template_string

from cds_service.web.pages import POLICY, add_to_navigation, restrict, use_site

PAGE = '{% extends "site/base.html" %}{% block title %}T{% endblock %}{% block content %}<h1>T</h1>{% endblock %}'

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


def an_app(*, demo: bool | None = None) -> Flask:
    app = Flask(__name__, static_folder=None)
    use_site(app, demo=demo)
    pages = Blueprint("two", __name__)
    pages.add_url_rule("/one", "one", lambda: render_template_string(PAGE))
    pages.add_url_rule("/other", "other", lambda: render_template_string(PAGE))
    restrict(pages)
    app.register_blueprint(pages)
    return app


def brand(page: str) -> str | None:
    """Where the name of the site leads."""
    found = re.search(r'<a href="([^"]+)">Spine imaging review</a>', page)
    return found and found[1]


def test_places_stand_in_their_order_and_the_present_one_is_marked() -> None:
    app = an_app()
    add_to_navigation(app, "Other", "two.other", order=20)
    add_to_navigation(app, "One", "two.one", order=10)
    page = app.test_client().get("/other").text
    found = re.findall(r'<li><a href="(/\w+)"( aria-current="page")?>(\w+)</a>', page)
    assert found == [("/one", "", "One"), ("/other", ' aria-current="page"', "Other")]


def test_a_page_below_a_place_belongs_to_it() -> None:
    app = an_app()
    for path in ("/one/part", "/oneness"):
        app.add_url_rule(path, path, lambda: render_template_string(PAGE))
    add_to_navigation(app, "One", "two.one", order=10)
    assert '<a href="/one" aria-current="true">One</a>' in app.test_client().get("/one/part").text
    assert "aria-current" not in app.test_client().get("/oneness").text


def test_a_person_at_an_unknown_address_gets_a_page_with_a_way_back() -> None:
    app = an_app()
    add_to_navigation(app, "One", "two.one", order=10)
    add_to_navigation(app, "Other", "two.other", order=20)
    for address, back in (("/none", "/one"), ("/other/none", "/other")):
        answer = app.test_client().get(address, headers={"Accept": BROWSER})
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert f'<a class="button" href="{back}">' in answer.text


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/plain, */*", "text/css,*/*"]
)
def test_a_program_at_an_unknown_address_gets_an_outcome(accept: str | None) -> None:
    answer = an_app().test_client().get("/none", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 404
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_a_page_without_places_has_no_navigation() -> None:
    page = an_app().test_client().get("/one").text
    assert "<nav" not in page
    assert brand(page) is None


def test_the_name_of_the_site_leads_to_the_first_place() -> None:
    app = an_app()
    add_to_navigation(app, "Other", "two.other", order=20)
    add_to_navigation(app, "One", "two.one", order=10)
    assert brand(app.test_client().get("/other").text) == "/one"


def test_the_notice_says_demo_only_in_a_demo() -> None:
    assert "Synthetic patients" in an_app(demo=True).test_client().get("/one").text
    page = an_app().test_client().get("/one").text
    assert "Synthetic patients" not in page
    assert "not been clinically approved" in page


def test_a_later_use_does_not_take_the_demo_away() -> None:
    app = an_app(demo=True)
    use_site(app)
    assert "Synthetic patients" in app.test_client().get("/one").text


def test_pages_may_load_from_here_only() -> None:
    policy = an_app().test_client().get("/one").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
