"""SMART App Launch for the demo's record system: the whole exchange with PKCE, and nobody to sign in.

Everything is open here already, so the token opens nothing more; what it brings is the patient who is open, and what a
card handed to the app. A person sees no login: the authorization endpoint sends the browser straight back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson
from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as Answer

from cds_service.web.demo.outcome import FhirError
from cds_service.web.demo.resource_store import FHIR_ID, ResourceStore

MOST_REMEMBERED: Final = 200  # launches, and codes on their way
TOKEN_SECONDS: Final = 3600
_ENDINGS: Final = {"authorization_endpoint": "/auth/authorize", "token_endpoint": "/auth/token"}


class _Memory:
    """The newest entries under random names; each is taken once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def keep(self, entry: dict[str, Any]) -> str:
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._held[name] = entry
            while len(self._held) > MOST_REMEMBERED:
                self._held.popitem(last=False)
        return name

    def take(self, name: str) -> dict[str, Any] | None:
        with self._lock:
            return self._held.pop(name, None)


def add_smart(app: Flask, store: ResourceStore, base: Callable[[], str]) -> None:
    """Adds the endpoints to the record system. `base` gives its address as the client wrote it."""
    launches, codes = _Memory(), _Memory()
    _add_launching(app, store, base, launches)
    _add_signing_in(app, base, launches, codes)


def _add_launching(app: Flask, store: ResourceStore, base: Callable[[], str], launches: _Memory) -> None:
    @app.get("/.well-known/smart-configuration")
    def configuration() -> Response:
        capabilities = ["launch-ehr", "client-public", "context-ehr-patient", "context-ehr-encounter", "permission-v2"]
        return _json(
            {name: base() + ending for name, ending in _ENDINGS.items()}
            | {
                "grant_types_supported": ["authorization_code"],
                "response_types_supported": ["code"],
                "scopes_supported": ["launch", "openid", "fhirUser", "patient/*.rs", "patient/*.c"],
                "code_challenge_methods_supported": ["S256"],
                "capabilities": capabilities,
            }
        )

    @app.post("/_services/smart/Launch")
    def smart_launch() -> Response:
        """What EHR simulators ask before they open an app from a card: a name for the patient who is open."""
        asked = request.get_json(force=True, silent=True)
        given = asked.get("parameters") if isinstance(asked, dict) else None
        return _json({"launch_id": launches.keep(_context(given, store))})


def _add_signing_in(app: Flask, base: Callable[[], str], launches: _Memory, codes: _Memory) -> None:
    @app.get("/auth/authorize")
    def authorize() -> Answer:
        asked = request.args
        _check(_is_ours(asked.get("redirect_uri", "")), "redirect_uri must be an address on this machine")
        _check(asked.get("response_type") == "code", "response_type must be code")
        _check(asked.get("code_challenge_method") == "S256", "code_challenge_method must be S256")
        _check(asked.get("aud", "").rstrip("/") == base(), "aud must be the address of this server")
        context = launches.take(asked.get("launch", ""))
        _check(context is not None and "patient" in context, "launch names no patient; open the app from a card")
        held = {"context": context} | {
            name: asked.get(name, "") for name in ("client_id", "redirect_uri", "code_challenge", "scope")
        }
        back = {"code": codes.keep(held), "state": asked.get("state", "")}
        return redirect(f"{asked['redirect_uri']}?{urlencode(back)}")

    @app.post("/auth/token")
    def token() -> Response:
        sent = request.form
        held = codes.take(sent.get("code", ""))
        if held is None or not _proves(sent.get("code_verifier", ""), held["code_challenge"]):
            return _json({"error": "invalid_grant"}, 400)
        if any(sent.get(name) != held[name] for name in ("client_id", "redirect_uri")):
            return _json({"error": "invalid_grant"}, 400)
        granted = {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": held["scope"],
            "need_patient_banner": True,
        }
        return _json(granted | held["context"])


def _context(given: object, store: ResourceStore) -> dict[str, Any]:
    """What the token will bring: the patient when there is one of this id, and texts as they were given."""
    parameters = given if isinstance(given, dict) else {}
    texts = {name: value for name in ("patient", "encounter", "appContext")
             if isinstance(value := parameters.get(name), str) and value}  # fmt: skip
    patient = texts.get("patient", "").removeprefix("Patient/")
    known = bool(FHIR_ID.fullmatch(patient)) and store.read("Patient", patient) is not None
    return {name: value for name, value in texts.items() if name != "patient"} | ({"patient": patient} if known else {})


def _proves(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def _is_ours(address: str) -> bool:
    """The demo sends nobody away from this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        return parts.scheme == "http" and not parts.query and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _check(holds: bool, problem: str) -> None:
    if not holds:
        raise FhirError(400, "invalid", problem)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, content_type="application/json")
