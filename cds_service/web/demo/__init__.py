"""The demo: pages, synthetic patients, and a FHIR server that plays the EHR. Never part of production mode."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from cds_service import resources
from cds_service.card_builder.words import load_words
from cds_service.config import Settings
from cds_service.core.errors import ConfigurationError
from cds_service.guidelines.load import load
from cds_service.web.demo.glossary import glossary
from cds_service.web.demo.pages import page_routes
from cds_service.web.demo.record_system import record_system
from cds_service.web.demo.resource_store import ResourceStore
from cds_service.web.demo.stories import load_stories
from cds_service.web.pages import add_to_navigation, use_site


def register(app: Flask, settings: Settings) -> None:
    """Adds the pages to `app` and mounts the record system at /fhir. Raises ConfigurationError outside demo mode."""
    if not settings.demo:
        raise ConfigurationError("the demo pages and the embedded FHIR server belong to demo mode only")
    fixtures = resources.fixtures_dir()
    stories = load_stories(fixtures)
    use_site(app, demo=True)
    app.register_blueprint(page_routes(fixtures, stories, glossary(load(), load_words(resources.cards_dir()))))
    add_to_navigation(app, "Order entry", "demo.first_page", order=0)
    charts = ResourceStore(resource for story in stories for resource in story.resources)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/fhir": record_system(charts)})  # type: ignore[method-assign]
