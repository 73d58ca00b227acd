"""The pages of the demo: the patients, and for each of them an order-entry screen that calls us as an EHR would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson
from flask import Blueprint, Response, abort, render_template, request

from cds_service.hooks.chart_keys import TABLE
from cds_service.hooks.discovery import BY_HOOK
from cds_service.hooks.request_schema import ORDER_SELECT, ORDER_SIGN
from cds_service.web.demo.chart_view import chart_at_a_glance
from cds_service.web.demo.glossary import Glossary
from cds_service.web.demo.hook_requests import HOOKS
from cds_service.web.demo.moved import months_between
from cds_service.web.demo.resource_store import Resource
from cds_service.web.demo.stories import Story
from cds_service.web.pages import restrict

# Ages in months from which a patient is no longer called an infant or a child on this page.
INFANT: Final = 24
ADULT: Final = 18 * 12

# Where these charts are served; /fhir holds them as they are committed, for a fixed day.
CHARTS: Final = "/today/fhir"

ENDPOINTS: Final = (
    ("GET", "/cds-services", "discovery"),
    ("POST", "/cds-services/spine-imaging-order-select", "review while ordering"),
    ("POST", "/cds-services/spine-imaging-order-sign", "review before signing"),
    ("POST", "/cds-services/{id}/feedback", "what became of a card"),
    ("GET", f"{CHARTS}/metadata", "FHIR R4 server: the patients, with orders written today"),
    ("GET", "/fhir/metadata", "the same patients on the day of their committed requests"),
    ("GET", "/openapi.yaml", "description of the interface"),
    ("GET", "/healthz", "alive"),
    ("GET", "/readyz", "ready"),
    ("GET", "/metrics", "numbers for Prometheus"),
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the pages show: the stories as of today, ids in words, and what can be ordered (JSON)."""

    stories: tuple[Story, ...]
    glossary: Glossary
    orderable: bytes


def page_routes(shelf: Shelf) -> Blueprint:
    pages = Blueprint("demo", __name__, static_folder="static", static_url_path="/demo", template_folder="templates")
    by_slug = {story.slug: story for story in shelf.stories}
    words = orjson.dumps(shelf.glossary.words)

    @pages.get("/")
    def first_page() -> str:
        slug = request.args.get("story")
        if slug is None:
            return _patients(shelf)
        hook = request.args.get("hook", ORDER_SELECT)
        if hook not in HOOKS or slug not in by_slug:
            abort(404)
        return _order_entry(by_slug[slug], hook, shelf.stories)

    @pages.get("/demo/stories/<slug>.json")
    def start_of_a_story(slug: str) -> Response:
        if slug not in by_slug:
            abort(404)
        return _json(orjson.dumps(start_of(by_slug[slug])))

    @pages.get("/demo/glossary.json")
    def words_of_the_review() -> Response:
        return _json(words)

    @pages.get("/demo/orderable.json")
    def orderable() -> Response:
        return _json(shelf.orderable)

    restrict(pages)
    return pages


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-cache"})


def _patients(shelf: Shelf) -> str:
    return render_template(
        "patients.html", documents=shelf.glossary.documents, endpoints=ENDPOINTS, groups=_grouped(shelf.stories)
    )


def _order_entry(story: Story, hook: str, stories: tuple[Story, ...]) -> str:
    at = stories.index(story)
    return render_template(
        "order_entry.html",
        story=_listed(story),
        who=story.who,
        why=story.why,
        patient=story.patient,
        chart=chart_at_a_glance(story.resources),
        charts=CHARTS,
        hook=hook,
        services={name: f"/cds-services/{BY_HOOK[name].id}" for name in HOOKS},
        keys=[row.key for row in TABLE],
        before=_listed(stories[at - 1]) if at else None,
        after=_listed(stories[at + 1]) if at + 1 < len(stories) else None,
    )


def start_of(story: Story) -> Mapping[str, Any]:
    """What the screen starts from: who orders for whom, the drafts, and which searches the record system fails."""
    drafts = story.drafts
    return {
        "patient": story.patient["id"],
        "user": drafts[0]["requester"]["reference"],
        "encounter": drafts[0].get("encounter", {}).get("reference", "").rpartition("/")[2] or None,
        "written": drafts[0]["authoredOn"],
        "drafts": drafts,
        "unreadable": story.unreadable,
    }


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
    return {
        "slug": story.slug,
        "title": story.title,
        "card": card,
        "patient": describe(story.patient, story.drafts[0]),
        "orders": [order["code"].get("text") for order in story.drafts],
    }


def describe(patient: Resource, order: Resource) -> str:
    """ "Wren Mockridge, 3 months": the age on the day of the order, in months below two years."""
    name = patient["name"][0]
    months = age_in_months(patient, order)
    age = f"{months // 12} years" if months >= INFANT else f"{months} month{'s' if months != 1 else ''}"
    return f"{' '.join(name['given'])} {name['family']}, {age}"


def age_in_months(patient: Resource, order: Resource) -> int:
    return months_between(date.fromisoformat(patient["birthDate"]), date.fromisoformat(order["authoredOn"]))
