"""The app behind "needs information": a SMART app that asks what the review asks, and records the answers."""

from __future__ import annotations

from functools import partial

from flask import Flask

from cds_service.config import Settings
from cds_service.fhir.connections import new_session
from cds_service.hooks.consult import Desk
from cds_service.store.app_sessions import open_app_sessions
from cds_service.store.questions import asked_by
from cds_service.store.store import Store
from cds_service.web.desk import reach
from cds_service.web.documentation.pages import App, documentation_pages
from cds_service.web.documentation.questionnaire import Asker
from cds_service.web.documentation.sealing import Sealed
from cds_service.web.documentation.smart import SmartClient
from cds_service.web.documentation.visit import Visits
from cds_service.web.pages import use_site

DEMO_CLIENT = "spine-imaging-documentation"


def register(app: Flask, settings: Settings, desk: Desk, store: Store) -> None:
    """Adds /documentation in demo mode, and in production where `app_client_id` says under which name it is known."""
    client_id = settings.app_client_id or (DEMO_CLIENT if settings.demo else None)
    if client_id is None:
        return
    use_site(app)
    guidelines = desk.guidelines
    session = new_session(reach(settings), ca_file=settings.ca_file)
    redirect_uri = f"{settings.base_url}/documentation/callback"
    app.register_blueprint(
        documentation_pages(
            App(
                client=SmartClient(session, client_id, redirect_uri, plain_http=settings.demo),
                servers=settings.fhir_access,
                visits=Visits(Sealed(open_app_sessions(settings.store_url)), secure=not settings.demo),
                asker=Asker(guidelines.vocabulary, desk.templates.words),
                indications=tuple(guidelines.spinal_indications),
                asked_by=partial(asked_by, engine=store.engine),
                now=desk.now,
            )
        )
    )
