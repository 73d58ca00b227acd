"""The application: wiring only. Everything that differs between installations and tests comes in as an argument."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

from cds_service.config import Settings
from cds_service.hooks.consult import Desk
from cds_service.store.store import Store
from cds_service.web import cors, errors, log, paths
from cds_service.web.feedback_routes import feedback_routes
from cds_service.web.hook_routes import hook_routes
from cds_service.web.metrics import Metrics
from cds_service.web.operation_routes import operation_routes


def create_app(settings: Settings, *, desk: Desk, store: Store) -> Flask:
    """The WSGI application. `store` must have been migrated (`cds_service.store.database.migrate`)."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    metrics = Metrics()
    metrics.watch(store)
    metrics.register(app)
    log.register(app, desk.new_uuid)
    cors.register(app, settings.allowed_origins, any_origin=settings.demo)
    errors.register(app)
    app.register_blueprint(hook_routes(desk, store, metrics))
    app.register_blueprint(feedback_routes(store, metrics, desk.now, settings.feedback_timeout))
    app.register_blueprint(operation_routes(store, metrics))
    if settings.demo:
        _add_demo(app, settings)
    app.wsgi_app = paths.tolerant(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _add_demo(app: Flask, settings: Settings) -> None:
    """Pages and the embedded FHIR server. Imported here, so that production never loads them."""
    demo = import_module("cds_service.web.demo")
    if hasattr(demo, "register"):
        demo.register(app, settings)
