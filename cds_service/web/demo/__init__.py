"""The demo: pages, synthetic patients, and a FHIR server that plays the EHR. Never part of production mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from cds_service import resources
from cds_service.card_builder.words import load_words
from cds_service.config import Settings
from cds_service.core.errors import ConfigurationError
from cds_service.hooks.consult import Desk
from cds_service.hooks.request_schema import ORDER_SIGN
from cds_service.web.demo.catalogue import orderable
from cds_service.web.demo.glossary import glossary
from cds_service.web.demo.hook_requests import hook_request
from cds_service.web.demo.moved import moved
from cds_service.web.demo.pages import CHARTS, Shelf, page_routes
from cds_service.web.demo.record_system import record_system
from cds_service.web.demo.resource_store import ResourceStore
from cds_service.web.demo.stories import Story, load_stories
from cds_service.web.demo.why_routes import why_routes
from cds_service.web.desk import chart_reader
from cds_service.web.doctor_page import doctor_page
from cds_service.web.pages import add_to_navigation, use_site

# Stories whose requests give the doctor something to say.
FOR_THE_DOCTOR: Final = ("chart-not-readable", "local-code", "low-back-pain-undocumented")


def register(app: Flask, settings: Settings, desk: Desk) -> None:
    """Adds the pages to `app` and mounts the record systems beside it: the charts as committed at /fhir, and moved to
    today for the pages and for clients whose orders have no date. Raises ConfigurationError outside demo mode.
    """
    if not settings.demo:
        raise ConfigurationError("the demo pages and the embedded FHIR server belong to demo mode only")
    committed = load_stories(resources.fixtures_dir())
    today = desk.now().date()
    stories = tuple(moved(story, today) for story in committed)
    words = glossary(desk.guidelines, load_words(resources.cards_dir()))
    use_site(app, demo=True)
    app.register_blueprint(page_routes(Shelf(stories, words, orjson.dumps(orderable(desk.guidelines)))))
    app.register_blueprint(why_routes(desk))
    app.register_blueprint(doctor_page(chart_reader(settings), desk, _captured(committed)))
    add_to_navigation(app, "Order entry", "demo.first_page", order=0)
    add_to_navigation(app, "Prefetch doctor", "doctor.form", order=40)
    mounts: dict[str, Any] = {
        "/fhir": record_system(_charts(committed)),
        CHARTS: record_system(_charts(stories)),
    }
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]


def _captured(stories: tuple[Story, ...]) -> dict[str, Callable[[str], str]]:
    """Requests for the doctor to look at, made for the record system at an address."""

    def capture(story: Story, fhir_server: str) -> str:
        return json.dumps(hook_request(story, ORDER_SIGN, fhir_server), indent=2, ensure_ascii=False)

    return {story.slug: partial(capture, story) for story in stories if story.slug in FOR_THE_DOCTOR}


def _charts(stories: tuple[Story, ...]) -> ResourceStore:
    return ResourceStore(resource for story in stories for resource in story.resources)
