"""The application: wiring only. Everything that differs between installations and tests comes in as an argument."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask

from cds_service.audit.sink import open_sink
from cds_service.config import Settings
from cds_service.hooks.consult import Desk
from cds_service.store.store import Store
from cds_service.web import (
    analytics,
    audited,
    cors,
    documentation,
    errors,
    guideline_browser,
    headers,
    log,
    paths,
    security,
)
from cds_service.web.feedback_routes import feedback_routes
from cds_service.web.hook_routes import hook_routes
from cds_service.web.metrics import Metrics
from cds_service.web.operation_routes import operation_routes
from cds_service.web.security import Gate


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is asynchronous, so it need not be asked of seven functions for each request."""
        return func


def create_app(settings: Settings, *, desk: Desk, store: Store, gate: Gate | None = None) -> Flask:
    """The WSGI application. `store` must have been migrated (`cds_service.store.database.migrate`).

    `gate` checks callers in production; one is made from the settings when none is given.
    """
    app = _App(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    metrics = Metrics()
    metrics.watch(store)
    # What is registered first sees a request first and its answer last.
    headers.register(app, https_only=not settings.demo)
    metrics.register(app)
    log.register(app, desk.new_uuid)
    cors.register(app, settings.origins, any_origin=settings.demo)
    security.register(app, gate or security.make_gate(settings, desk.now), metrics.registry)
    audited.register(app, open_sink(settings.audit_folder, desk.now) if settings.audit_folder else None)
    errors.register(app)
    app.register_blueprint(hook_routes(desk, store, metrics, at_once=settings.threads))
    app.register_blueprint(feedback_routes(store, metrics, desk.now, settings.feedback_timeout))
    app.register_blueprint(operation_routes(store, metrics))
    guideline_browser.register(app)
    documentation.register(app, settings, desk, store)
    analytics.register(app, settings, desk, store)
    if settings.demo:
        _add_demo(app, settings, desk)
    app.wsgi_app = paths.tolerant(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _add_demo(app: Flask, settings: Settings, desk: Desk) -> None:
    """Pages and the embedded FHIR server. Imported here, so that production never loads them."""
    demo = import_module("cds_service.web.demo")
    if hasattr(demo, "register"):
        demo.register(app, settings, desk)
