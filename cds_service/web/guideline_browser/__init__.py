"""The guidelines as pages: what judges here, readable, searchable and printable by anybody, in every mode."""

from __future__ import annotations

from flask import Flask

from cds_service import resources
from cds_service.card_builder.words import load_words
from cds_service.guidelines import resolutions
from cds_service.guidelines.load import DATA, load
from cds_service.web.guideline_browser.catalogue import Catalogue
from cds_service.web.guideline_browser.pages import guideline_pages
from cds_service.web.pages import add_to_navigation


def register(app: Flask) -> None:
    """Adds /guidelines. Raises GuidelineError when the resolutions are not what they should be."""
    guidelines = load()
    readings = resolutions.load_resolutions(DATA / resolutions.FILE, guidelines.documents)
    app.register_blueprint(guideline_pages(Catalogue(guidelines, readings, load_words(resources.cards_dir()))))
    add_to_navigation(app, "Guidelines", "guidelines.contents", order=30)
