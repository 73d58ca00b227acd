"""What every page shares: the base template, one stylesheet, a few script modules, and what a browser may do with them.

A page module calls `use_site(app)` and, for a page that people should find, `add_to_navigation`. Its template begins
with `{% extends "site/base.html" %}` and fills the blocks title, head (scripts), content and foot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from cds_service import __version__
from cds_service.web.errors import http_error

# Nothing from elsewhere, nothing inline: what a chart or a card says can never become a script.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_SITE: Final = "site"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation: its label, and the endpoint it leads to ("blueprint.function")."""

    label: str
    endpoint: str
    order: int


def use_site(app: Flask, *, demo: bool | None = None) -> None:
    """Adds the shared files and template variables, once per application. `demo` marks every page as a demo's."""
    state: dict[str, Any] = app.extensions.setdefault(_SITE, {"places": [], "demo": False})
    if demo is not None:
        state["demo"] = demo
    if _SITE in app.blueprints:
        return
    app.register_blueprint(_shared_files())

    @app.context_processor
    def shared() -> dict[str, Any]:
        places = sorted(state["places"], key=lambda place: place.order)
        return {
            "version": __version__,
            "demo_mode": state["demo"],
            "navigation": [(p.label, url_for(p.endpoint), _here(url_for(p.endpoint))) for p in places],
        }

    app.register_error_handler(NotFound, _nothing_here)


def add_to_navigation(app: Flask, label: str, endpoint: str, order: int) -> None:
    """Shows a page in the header of every page. Lower `order` stands further left, and the site's name leads there."""
    use_site(app)
    app.extensions[_SITE]["places"].append(Place(label, endpoint, order))


def restrict(pages: Blueprint, policy: str = POLICY) -> None:
    """Every answer of `pages` tells the browser what it may load and run."""
    pages.after_request(_restrainer(policy))


def _here(address: str) -> str:
    """How the page shown relates to a place, as `aria-current` has it: the place itself, below it, elsewhere ("")."""
    if request.path == address:
        return "page"
    return "true" if request.path.startswith(f"{address}/") else ""


def _nothing_here(error: NotFound) -> Response:
    """A page for a person's browser, which names HTML before all else; an outcome for every other client."""
    if request.accept_mimetypes.best_match(("application/json", "text/html")) != "text/html":
        return http_error(error)
    return _restrainer(POLICY)(make_response(render_template("site/not_found.html"), 404))


def _shared_files() -> Blueprint:
    site = Blueprint(_SITE, __name__, static_folder="static", static_url_path="/site", template_folder="templates")
    restrict(site)

    @site.get("/favicon.ico")
    def icon() -> Response:
        """For addresses that a browser shows without a page of ours around them."""
        return site.send_static_file("icon.svg")

    return site


def _restrainer(policy: str) -> Callable[[Response], Response]:
    def restrain(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return restrain
