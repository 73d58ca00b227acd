"""The routes of /documentation: launch, sign-in, the forms, and what was recorded."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as Answer

from cds_service.hooks.fhir_servers import FhirServers
from cds_service.store.app_sessions import SessionsAway
from cds_service.web.documentation import answers
from cds_service.web.documentation.questionnaire import Asker, unit_of
from cds_service.web.documentation.smart import SmartClient, SmartError
from cds_service.web.documentation.topics import TITLES, Topic, groups
from cds_service.web.documentation.visit import Visits
from cds_service.web.pages import restrict

FHIR_JSON: Final = "application/fhir+json"
OVER: Final = "This page is no longer open. Open the app again from the order."


class VisitOver(Exception):
    """The address of a visit that has ended, or that another browser began."""


@dataclass(frozen=True)
class App:
    """What the routes need. `asked_by` gives the facts that a card asked, by the uuid that the launch carried."""

    client: SmartClient
    servers: FhirServers
    visits: Visits
    asker: Asker
    indications: tuple[str, ...]
    asked_by: Callable[[str], tuple[str, ...]]
    now: Callable[[], datetime]


def documentation_pages(app: App) -> Blueprint:
    pages = Blueprint(
        "documentation", __name__, url_prefix="/documentation", template_folder="templates",
        static_folder="static", static_url_path="/static",
    )  # fmt: skip
    restrict(pages)
    pages.register_error_handler(SmartError, lambda fault: _problem(str(fault), 502))
    pages.register_error_handler(SessionsAway, lambda _: _problem("The app cannot keep your visit just now.", 503))
    pages.register_error_handler(VisitOver, lambda _: _problem(OVER, 410))
    pages.after_request(_keep_nowhere)
    _add_sign_in(pages, app)
    _add_forms(pages, app)
    return pages


def _add_sign_in(pages: Blueprint, app: App) -> None:
    whole = orjson.dumps(app.asker.every_question())

    @pages.get("")
    def about() -> str:
        return render_template("documentation/about.html")

    @pages.get("/questionnaire.json")
    def questionnaire() -> Response:
        """Every question that may ever be asked, for record systems with a form filler of their own."""
        return Response(whole, content_type=FHIR_JSON)

    @pages.get("/launch")
    def launch() -> Answer:
        issuer = request.args.get("iss", "").rstrip("/")
        if not app.servers.allows(issuer):
            return _problem("This app is not set up for the record system that opened it.", 403)
        server = app.client.discover(issuer)
        verifier = secrets.token_urlsafe(48)

        def sign_in(name: str) -> Answer:
            given = request.args.get("launch")
            return redirect(app.client.authorization_url(server, state=name, verifier=verifier, launch=given))

        topic = _topic(request.args.get("topic", Topic.QUESTIONS))
        return app.visits.begin(sign_in, issuer=issuer, token_endpoint=server.token, verifier=verifier, topic=topic)

    @pages.get("/callback")
    def callback() -> Answer:
        name = request.args.get("state", "")
        session = app.visits.session(name)
        if session is None or "verifier" not in session:
            return _problem(OVER, 400)
        if "code" not in request.args:
            return app.visits.end(name, _problem("The sign-in was not completed. Nothing was recorded.", 403))
        grant = app.client.redeem(session["token_endpoint"], request.args["code"], session["verifier"])
        held: dict[str, Any] = {
            "token": grant.token,
            "patient": grant.patient,
            "encounter": grant.encounter,
            "author": grant.author,
        }
        held |= {"issuer": session["issuer"], "banner": app.client.patient_name(session["issuer"], held)}
        held["asks"] = [ref for ref in app.asked_by(grant.context or "") if ref == "indication" or app.asker.knows(ref)]
        topic = session["topic"]
        app.visits.change(name, held | {"until": app.visits.clock() + grant.seconds})
        if topic == Topic.QUESTIONS and not held["asks"]:
            return redirect(url_for(".choose", name=name))
        return redirect(url_for(".form", name=name, topic=topic))


def _add_forms(pages: Blueprint, app: App) -> None:
    @pages.get("/visit/<name>")
    def choose(name: str) -> Answer | str:
        session = _signed_in(app, name)
        return render_template("documentation/choose.html", name=name, session=session, titles=_titles(session))

    @pages.get("/visit/<name>/<topic>")
    def form(name: str, topic: str) -> Answer | str:
        return _form(app, name, _signed_in(app, name), _topic(topic))

    @pages.post("/visit/<name>/<topic>")
    def record(name: str, topic: str) -> Answer | str:
        session, about = _signed_in(app, name), _topic(topic)
        shown = app.asker.questionnaire(TITLES[about], _groups(app, session, about))
        filled = answers.read_form(shown, request.form, app.now().date())
        if filled.wrong or not filled.items:
            return _form(app, name, session, about, filled, request.form)
        sent = answers.response(
            filled.items,
            patient=session["patient"],
            authored=app.now(),
            author=session["author"],
            encounter=session["encounter"],
        )
        try:
            app.client.save(session["issuer"], session["token"], sent)
        except SmartError as fault:
            return _form(app, name, session, about, filled, request.form, problem=str(fault))
        app.visits.change(name, session | {"recorded": filled.items})
        return redirect(url_for(".recorded", name=name), 303)

    @pages.get("/visit/<name>/recorded")
    def recorded(name: str) -> Answer | str:
        session = _signed_in(app, name)
        return render_template(
            "documentation/recorded.html", name=name, session=session, titles=_titles(session), shown=_said(session)
        )

    @pages.post("/visit/<name>/end")
    def leave(name: str) -> Answer:
        return app.visits.end(name, redirect(url_for(".about"), 303))


def _form(
    app: App,
    name: str,
    session: dict[str, Any],
    topic: Topic,
    filled: answers.Filled | None = None,
    given: Any = None,
    problem: str | None = None,
) -> str:
    shown = _groups(app, session, topic)
    questionnaire = app.asker.questionnaire(TITLES[topic], shown)
    if filled is not None and problem is None:
        problem = "Some answers cannot be read." if filled.wrong else "Nothing has been answered yet."
    with_questions = [group for group in shown if any(app.asker.knows(ref) for ref in group.refs)]
    return render_template(
        "documentation/form.html",
        name=name,
        session=session,
        topic=topic,
        titles=_titles(session),
        groups=list(zip(with_questions, questionnaire["item"], strict=True)),
        label=app.asker.label,
        unit_of=unit_of,
        wrong=filled.wrong if filled else {},
        given=given or {},
        problem=problem,
        today=app.now().date().isoformat(),
    )


def _groups(app: App, session: dict[str, Any], topic: Topic) -> Any:
    return groups(topic, tuple(session["asks"]), app.indications, app.asker)


def _titles(session: dict[str, Any]) -> dict[Topic, str]:
    """The forms this visit can go to: its questions only when a card asked some."""
    return {topic: title for topic, title in TITLES.items() if session["asks"] or topic is not Topic.QUESTIONS}


def _said(session: dict[str, Any]) -> list[tuple[str, str]]:
    """(question, answer) of what was recorded last."""
    return [(item["text"], _in_words(item["answer"][0])) for item in session.get("recorded", ())]


def _in_words(answer: dict[str, Any]) -> str:
    value = next(iter(answer.values()))
    if isinstance(value, dict):
        return str(value["display"])
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)


def _signed_in(app: App, name: str) -> dict[str, Any]:
    session = app.visits.session(name)
    if session is None or "token" not in session:
        raise VisitOver
    return session


def _topic(name: str) -> Topic:
    try:
        return Topic(name)
    except ValueError:
        raise NotFound from None


def _problem(says: str, status: int) -> Response:
    return Response(render_template("documentation/problem.html", says=says), status)


def _keep_nowhere(response: Response) -> Response:
    """Pages about a patient stay out of every cache."""
    if request.endpoint != "documentation.static":
        response.headers["Cache-Control"] = "no-store"
    return response
