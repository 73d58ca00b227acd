"""The prefetch doctor as a page of the demo: paste a captured hook request, read what it gave and what it kept back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flask import Blueprint, abort, render_template, request

from cds_service.card_builder.words import FactPhrase
from cds_service.core.errors import RequestError
from cds_service.doctor import examine
from cds_service.doctor.words import ROLES, STATES, WHYS, open_facts
from cds_service.hooks.consult import Desk
from cds_service.hooks.prefetch import ChartReader
from cds_service.hooks.request import read_request
from cds_service.terminology import short_name
from cds_service.web.pages import restrict

# A captured request of a long chart is larger than what forms usually hold.
LARGEST_REQUEST: Final = 20_000_000


def doctor_page(reader: ChartReader, desk: Desk, examples: Mapping[str, Callable[[str], str]]) -> Blueprint:
    """Route /doctor. `examples` make requests to begin with, by name, each from the address of the record system.

    Nothing that is pasted is kept.
    """
    pages = Blueprint("doctor", __name__, template_folder="templates")
    restrict(pages)

    @pages.get("/doctor")
    def form() -> str:
        name = request.args.get("example")
        if name is None:
            return _page("", None)
        if name not in examples:
            abort(404)
        return _page(examples[name](f"{request.host_url.rstrip('/')}/fhir"), None)

    @pages.post("/doctor")
    def findings() -> tuple[str, int]:
        request.max_form_memory_size = LARGEST_REQUEST
        pasted = request.form.get("request", "")
        try:
            asked = read_request(pasted.encode("utf-8", "surrogatepass"))
        except RequestError as fault:
            return _page(pasted, fault.problem), 400
        found = examine(asked, reader, desk.guidelines, desk.now().date(), desk.fact_settings)
        return _page(pasted, None, found=found), 200

    def _page(pasted: str, problem: str | None, **found: object) -> str:
        return render_template(
            "doctor/page.html",
            pasted=pasted,
            problem=problem,
            examples=sorted(examples),
            states=STATES,
            roles=ROLES,
            whys=WHYS,
            open_facts=open_facts,
            pieces=lambda line: _pieces(line, desk.templates.words.phrases),
            studies=desk.guidelines.studies.studies,
            short_name=short_name,
            **found,
        )

    return pages


def _pieces(line: str, phrases: Mapping[str, FactPhrase]) -> Iterator[tuple[str, bool, str]]:
    """A line of the findings cut into (text, whether it is code, its meaning): commands, and facts with their words."""
    for piece in re.split(r"(`[^`]*`|: |, | and \d+ more$)", line):
        known = phrases.get(piece) or phrases.get(f"{piece}(requested_region)")
        if known:
            yield piece, True, known.statement
        elif piece:
            yield piece.strip("`"), piece.startswith("`"), ""
