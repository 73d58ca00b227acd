"""The pages of the demo: what runs here, and one synthetic patient at a time, sent to the service by the browser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import orjson
from flask import Blueprint, Response, abort, render_template, request

from cds_service import __version__
from cds_service.hooks.discovery import BY_HOOK
from cds_service.hooks.request_schema import ORDER_SIGN
from cds_service.web.demo.glossary import Glossary
from cds_service.web.demo.hook_requests import DEMO_FHIR, HOOKS, request_path
from cds_service.web.demo.resource_store import Resource
from cds_service.web.demo.stories import Story
from cds_service.web.pages import restrict

# Ages in months from which a patient is no longer called an infant or a child on this page.
INFANT: Final = 24
ADULT: Final = 18 * 12

ENDPOINTS: Final = (
    ("GET", "/cds-services", "discovery"),
    ("POST", "/cds-services/spine-imaging-order-select", "review while ordering"),
    ("POST", "/cds-services/spine-imaging-order-sign", "review before signing"),
    ("POST", "/cds-services/{id}/feedback", "what became of a card"),
    ("GET", "/fhir/metadata", "FHIR R4 server with the synthetic patients"),
    ("GET", "/openapi.yaml", "description of the interface"),
    ("GET", "/healthz", "alive"),
    ("GET", "/readyz", "ready"),
    ("GET", "/metrics", "numbers for Prometheus"),
)


def page_routes(fixtures: Path, stories: tuple[Story, ...], glossary: Glossary) -> Blueprint:
    """Routes over the stories of `fixtures`; `glossary` puts ids of criteria and facts into words."""
    pages = Blueprint("demo", __name__, static_folder="static", static_url_path="/demo", template_folder="templates")
    by_slug = {story.slug: story for story in stories}
    words = orjson.dumps(glossary.words)

    @pages.get("/")
    def first_page() -> str:
        slug = request.args.get("story")
        hook = request.args.get("hook", ORDER_SIGN)
        if hook not in HOOKS or (slug is not None and slug not in by_slug):
            abort(404)
        return render_template(
            "page.html",
            version=__version__,
            documents=glossary.documents,
            endpoints=ENDPOINTS,
            groups=_grouped(stories),
            story=_shown(fixtures, by_slug[slug], hook) if slug else None,
            hook=hook,
            hooks=HOOKS,
        )

    @pages.get("/demo/glossary.json")
    def words_of_the_review() -> Response:
        return Response(words, content_type="application/json", headers={"Cache-Control": "no-cache"})

    restrict(pages)
    return pages


def _grouped(stories: tuple[Story, ...]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Headings of the list of stories, each with the stories below it."""
    groups: dict[str, list[Mapping[str, Any]]] = {"Infants": [], "Children": [], "Adults": []}
    for story in stories:
        months = age_in_months(story.patient, story.drafts[0])
        groups["Infants" if months < INFANT else "Children" if months < ADULT else "Adults"].append(_listed(story))
    return list(groups.items())


def _listed(story: Story) -> Mapping[str, Any]:
    levels = [expected.card[ORDER_SIGN] for expected in story.expected]
    card = next((level for level in ("critical", "warning", "info") if level in levels), "none")
    return {"slug": story.slug, "title": story.title, "card": card, "patient": describe(story.patient, story.drafts[0])}


def _shown(fixtures: Path, story: Story, hook: str) -> Mapping[str, Any]:
    """What the page shows of one story. The request is the committed file, with our own address as FHIR server."""
    own_fhir = f"{request.host_url.rstrip('/')}/fhir"
    body = request_path(fixtures, story.slug, hook).read_text(encoding="utf-8")
    return {
        **_listed(story),
        "who": story.who,
        "why": story.why,
        "patient_id": story.patient["id"],
        "orders": [order["code"].get("text") for order in story.drafts],
        "service": BY_HOOK[hook].id,
        "request": body.replace(DEMO_FHIR, own_fhir),
        "expected": [(expected.order, expected.determination, expected.card[hook]) for expected in story.expected],
    }


def describe(patient: Resource, order: Resource) -> str:
    """ "Wren Mockridge, 3 months": the age on the day of the order, in months below two years."""
    name = patient["name"][0]
    months = age_in_months(patient, order)
    age = f"{months // 12} years" if months >= INFANT else f"{months} month{'s' if months != 1 else ''}"
    return f"{' '.join(name['given'])} {name['family']}, {age}"


def age_in_months(patient: Resource, order: Resource) -> int:
    born, on = date.fromisoformat(patient["birthDate"]), date.fromisoformat(order["authoredOn"])
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
