"""What became of orders and cards, for those who tend the criteria: counted from the store, without any patient."""

from __future__ import annotations

from functools import partial

from flask import Flask

from cds_service.config import Settings
from cds_service.hooks.consult import Desk
from cds_service.store.report import report
from cds_service.store.store import Store
from cds_service.web.analytics.access import Access
from cds_service.web.analytics.pages import analytics_pages
from cds_service.web.analytics.tables import Names
from cds_service.web.pages import add_to_navigation, use_site


def register(app: Flask, settings: Settings, desk: Desk, store: Store) -> None:
    """Adds /analytics: open in demo mode, in production for those who know `analytics_token`."""
    access = Access(open=settings.demo, token=settings.analytics_token)
    names = Names(desk.guidelines, desk.templates)
    use_site(app)
    app.register_blueprint(analytics_pages(partial(report, store.engine), names, access, desk.now))
    if settings.demo or settings.analytics_token:
        add_to_navigation(app, "Analytics", "analytics.overview", order=40)
