"""The frame of every page: one navigation for all, and a notice that says what the pages are."""

from __future__ import annotations

import re

from flask import Blueprint, Flask, render_template_string

from cds_service.web.pages import add_to_navigation, restrict, use_site

PAGE = '{% extends "site/base.html" %}{% block title %}T{% endblock %}{% block content %}<h1>T</h1>{% endblock %}'


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
