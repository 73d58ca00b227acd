"""The gate: who calls /cds-services, and what is answered to those who do not say. One answer for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import orjson
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter

from cds_service.audit.sink import open_sink
from cds_service.config import Client, Settings
from cds_service.fhir.connections import new_session
from cds_service.store.seen_tokens import SeenTokens, open_seen_tokens
from cds_service.web.desk import reach
from cds_service.web.security_keys import KeyRing, pinned_or_fetched
from cds_service.web.security_token import Caller, KeyFor, Refused, bearer_token, verify

# By address, so that nothing below it can be probed, and by route, so that no spelling of an address gets around it.
GUARDED: Final = "/cds-services"
GUARDED_ROUTES: Final = ("hooks", "feedback")

# The same bytes whatever was wrong: a caller who guesses learns nothing from being refused.
REFUSAL: Final = orjson.dumps(
    {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "login", "diagnostics": "a valid client token is needed"}],
    }
)


class Gate:
    """Admits callers by their tokens, each token once. `base_url` is our public address without trailing slash."""

    def __init__(
        self, clients: Sequence[Client], base_url: str, key_for: KeyFor, seen: SeenTokens, now: Callable[[], datetime]
    ) -> None:
        self.seen = seen
        self._clients = tuple(clients)
        self._base_url = base_url
        self._key_for = key_for
        self._now = now

    def admit(self, authorization: str | None, path: str) -> Caller:
        """Raises Refused. `path` is the path of the request, from which the address called is made."""
        now = self._now().timestamp()
        token = bearer_token(authorization)
        caller = verify(token, self._clients, self._key_for, self._base_url + path, now)
        self.seen.forget(now)
        if not self.seen.first_use(caller.client.issuer, caller.token_id, caller.expires_at):
            raise Refused("replay", caller.client)
        return caller


def make_gate(settings: Settings, now: Callable[[], datetime]) -> Gate | None:
    """None in demo mode, where anybody may call. Raises ConfigurationError for pinned keys that cannot be used."""
    if settings.demo:
        return None
    ring = pinned_or_fetched(settings.clients, new_session(reach(settings), ca_file=settings.ca_file))
    return Gate(settings.clients, settings.base_url, ring.key, open_seen_tokens(settings.store_url), now)


def check_settings(settings: Settings) -> None:
    """What a worker would stumble over, for whoever starts one. Raises ConfigurationError."""
    KeyRing(_unasked).pin(settings.clients)
    if settings.audit_folder:
        open_sink(settings.audit_folder, datetime.now)


def _unasked(url: str) -> bytes:
    raise ValueError(url)


def register(app: Flask, gate: Gate | None, registry: CollectorRegistry) -> None:
    """Guards every address under /cds-services. To be registered after the answer to preflights, which carry no token.

    Refusals are counted by reason in `registry`: operators see why, callers do not. So are the calls that were answered
    while the shared memory of used tokens could not be reached.
    """
    if gate is None:
        return
    refusals = Counter("cds_refused_callers_total", "Callers without a valid token", ["reason"], registry=registry)
    alone = Counter(
        "cds_tokens_checked_alone_total", "Tokens that only one worker could check for reuse", registry=registry
    )

    @app.before_request
    def guard() -> Response | None:
        below = request.path == GUARDED or request.path.startswith(f"{GUARDED}/")
        if not below and request.blueprint not in GUARDED_ROUTES:
            return None
        try:
            g.caller = gate.admit(request.headers.get("Authorization"), request.path)
        except Refused as refused:
            refusals.labels(refused.reason).inc()
            g.consultation = {"refused": refused.reason, "client": refused.client.label if refused.client else "-"}
            return Response(REFUSAL, 401, {"WWW-Authenticate": "Bearer"}, content_type="application/json")
        if gate.seen.failing:
            alone.inc()
        g.consultation = {"client": g.caller.client.label}
        return None


def caller() -> Caller | None:
    """Who calls; None in demo mode."""
    found: Caller | None = g.get("caller")
    return found
