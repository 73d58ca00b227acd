"""Whether a client's token proves who is calling. Pure: keys and the time come in as arguments. Read this file twice.

CDS Hooks, "Trusting CDS Clients": the client signs a JWT for each call, `aud` is the address it calls. Which algorithms
and keys count is decided by our own list of clients; a token's header only says which of them it used.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import orjson

from cds_service.config import Client

LONGEST_TOKEN: Final = 16_384  # characters
LONGEST_LIFE: Final = 1800.0  # seconds from iat to exp; known clients use 300 to 1200
_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_TOKEN_ID: Final = re.compile(r"[\x20-\x7e]{1,256}")

KeyFor = Callable[[Client, str, str], jwt.PyJWK | None]


class Refused(Exception):
    """No entry. `reason` is one of few words for operators; callers are never told."""

    def __init__(self, reason: str, client: Client | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.client = client


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that has proved itself. `token_id` may be used once until `expires_at` (seconds since 1970)."""

    client: Client
    token_id: str = field(repr=False)
    expires_at: float


def bearer_token(authorization: str | None) -> str:
    """The token of an Authorization header. Raises Refused, also for the "null" that some browser clients send."""
    found = _BEARER.fullmatch(authorization or "")
    if found is None or len(found[1]) > LONGEST_TOKEN:
        raise Refused("no token")
    return found[1]


def verify(token: str, clients: Sequence[Client], key_for: KeyFor, endpoint: str, now: float) -> Caller:
    """Who calls `endpoint` (our public address of it) at `now` (seconds since 1970). Raises Refused.

    `key_for(client, kid, algorithm)` gives the client's key, or None. It is asked for listed issuers only.
    """
    header, claims = _unverified(token)
    client = _client_of(claims, clients)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in client.algorithms:
        raise Refused("algorithm", client)
    if not isinstance(kid, str) or str(header.get("typ")).upper() != "JWT":
        raise Refused("header", client)
    # Where keys are pinned nothing is fetched, and clients name the address of their keys all the same.
    if client.jwks_url and header.get("jku", client.jwks_url) != client.jwks_url:
        raise Refused("jku", client)
    key = key_for(client, kid, algorithm)
    if key is None:
        raise Refused("key", client)
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Refused("signature", client) from None
    if _client_of(claims, clients) is not client:  # two readers of one token, two opinions
        raise Refused("issuer", client)
    if not _meant_for(claims.get("aud"), client.audience or endpoint):
        raise Refused("audience", client)
    expires_at = _check_times(claims, now, client)
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not _TOKEN_ID.fullmatch(token_id):
        raise Refused("jti", client)
    return Caller(client, token_id, expires_at)


# The library reads its own clock and takes an audience as it is spelt; claims are checked here instead.
_SIGNATURE_ONLY: Final[Any] = {
    "verify_signature": True,
    **{f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}


def _unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they stand there, to find out whose key to check them with. Nothing else is made of them."""
    header, claims, _ = token.split(".")
    return _unverified_part(header), _unverified_part(claims)


def _unverified_part(encoded: str) -> Mapping[str, Any]:
    try:
        part = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise Refused("malformed") from None
    if not isinstance(part, dict):
        raise Refused("malformed")
    return part


def _client_of(claims: Mapping[str, Any], clients: Sequence[Client]) -> Client:
    issuer, tenant = claims.get("iss"), claims.get("tenant")
    of_issuer = [client for client in clients if client.issuer == issuer]
    if not of_issuer:
        raise Refused("issuer")
    for client in of_issuer:
        if not client.tenants or tenant in client.tenants:
            return client
    raise Refused("tenant", of_issuer[0])


def _meant_for(audience: object, expected: str) -> bool:
    """Doubled and trailing slashes mean nothing in our addresses, so they mean nothing here (`web/paths.py`)."""
    named = audience if isinstance(audience, list) else [audience]
    return any(isinstance(name, str) and _plain(name) == _plain(expected) for name in named)


def _plain(address: str) -> str:
    return re.sub(r"(?<!:)/{2,}", "/", address).rstrip("/")


def _check_times(claims: Mapping[str, Any], now: float, client: Client) -> float:
    """The moment from which the token is worthless everywhere. Raises Refused."""
    skew = client.clock_skew
    expires, issued, begins = (_seconds(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None or (begins is None and "nbf" in claims):
        raise Refused("times", client)
    if expires + skew <= now:
        raise Refused("expired", client)
    if issued - skew > now or (begins is not None and begins - skew > now):
        raise Refused("not yet", client)
    if expires - issued > LONGEST_LIFE:
        raise Refused("lives too long", client)
    return expires + skew


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e11 and math.isfinite(value) else None
