"""The routes of /guidelines. Everything shown is fixed at start-up; a page is a look-up and a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cds_service.guidelines import editions
from cds_service.guidelines.explain import CONSEQUENCES
from cds_service.guidelines.outline import ages, marks, outline
from cds_service.guidelines.resolutions import MENTION
from cds_service.web.guideline_browser.catalogue import Catalogue, in_force, system_name
from cds_service.web.guideline_browser.search import MOST_HITS, Index
from cds_service.web.pages import restrict

T = TypeVar("T")


def guideline_pages(catalogue: Catalogue) -> Blueprint:
    pages = Blueprint(
        "guidelines", __name__, url_prefix="/guidelines", template_folder="templates",
        static_folder="static", static_url_path="/static",
    )  # fmt: skip
    restrict(pages)
    _add_words(pages, catalogue)
    _add_documents(pages, catalogue)
    _add_lists(pages, catalogue)
    _add_comparison(pages, catalogue)
    return pages


def _add_words(pages: Blueprint, catalogue: Catalogue) -> None:
    """What every template of these pages may call."""
    words: dict[str, Any] = {
        "catalogue": catalogue,
        "ages": ages,
        "marks": marks,
        "in_force": in_force,
        "system_name": system_name,
        "consequence": CONSEQUENCES.get,
        "tree": lambda node: outline(node, catalogue.facts),
        "pieces": lambda text: _pieces(text, catalogue.readings),
    }
    pages.context_processor(lambda: words)


def _add_documents(pages: Blueprint, catalogue: Catalogue) -> None:
    index = Index(catalogue)

    @pages.get("")
    def contents() -> str:
        return render_template("guidelines/contents.html", families=editions.families(catalogue.guidelines))

    @pages.get("/search")
    def search() -> str:
        query = request.args.get("q", "").strip()
        hits, count = index.search(query)
        return render_template("guidelines/search.html", query=query, hits=hits, count=count, most=MOST_HITS)

    @pages.get("/documents/<document>")
    def whole(document: str) -> str:
        """A document on one page, for printing."""
        found = _one(catalogue.documents, document)
        return render_template("guidelines/document.html", document=found, sections=catalogue.sections_of(document))

    @pages.get("/documents/<document>/<section>")
    def section(document: str, section: str) -> str:
        found = catalogue.section(document, section)
        if found is None:
            abort(404)
        order = catalogue.sections_of(document)
        at = order.index(found)
        return render_template(
            "guidelines/section.html",
            document=catalogue.documents[document],
            section=found,
            before=order[at - 1] if at else None,
            after=order[at + 1] if at + 1 < len(order) else None,
        )

    @pages.get("/criteria/<path:criterion>")
    def criterion(criterion: str) -> Response:
        """Where a criterion stands, for those who know only its id."""
        place = catalogue.place_of(criterion)
        if place is None:
            abort(404)
        return redirect(url_for(".section", document=place.document, section=place.id, _anchor=criterion))


def _add_lists(pages: Blueprint, catalogue: Catalogue) -> None:
    @pages.get("/facts")
    def facts() -> str:
        return render_template("guidelines/facts.html")

    @pages.get("/facts/<fact>")
    def fact(fact: str) -> str:
        found = _one(catalogue.facts, fact.partition("(")[0])
        return render_template("guidelines/fact.html", fact=found, phrase=catalogue.phrase(found.id))

    @pages.get("/value-sets")
    def value_sets() -> str:
        return render_template("guidelines/value_sets.html")

    @pages.get("/value-sets/<value_set>")
    def value_set(value_set: str) -> str:
        return render_template("guidelines/value_set.html", value_set=_one(catalogue.value_sets, value_set))

    @pages.get("/studies")
    def studies() -> str:
        return render_template("guidelines/studies.html", studies=catalogue.guidelines.studies.studies.values())

    @pages.get("/resolutions")
    def resolutions() -> str:
        return render_template("guidelines/resolutions.html")


def _add_comparison(pages: Blueprint, catalogue: Catalogue) -> None:
    several = {
        document.guideline.id: listed
        for listed in editions.families(catalogue.guidelines).values()
        if len(listed) > 1
        for document in listed
    }

    @pages.get("/compare")
    def compare() -> str:
        """Two editions of one document; without parameters the newest two of each that has two."""
        old, new = request.args.get("old"), request.args.get("new")
        if old is None or new is None:
            return render_template("guidelines/editions.html", families=editions.families(catalogue.guidelines))
        if old not in several or several[old] is not several.get(new) or old == new:
            abort(404)
        return render_template(
            "guidelines/compare.html",
            old=catalogue.documents[old],
            new=catalogue.documents[new],
            changes=editions.compare(old, new, catalogue.guidelines),
        )


def _one(found: Mapping[str, T], name: str) -> T:
    if name not in found:
        abort(404)
    return found[name]


def _pieces(text: str, readings: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """A note cut at the ids of resolutions, which become links: (text, whether it is one)."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for match in MENTION.finditer(text):
        if match[0] in readings:
            pieces += [(text[at : match.start()], False), (match[0], True)]
            at = match.end()
    return [*pieces, (text[at:], False)]
