"""The public keys of clients: pinned ones, and those fetched from a client's own key host and kept for a while.

A key host that is down must not stop the hooks of its client, and a token with an invented key id must not make us ask
the host again and again. So known keys are used while newer ones are fetched beside the request, and an unknown key id
causes one fetch at most within `COOLDOWN`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import requests
import urllib3

from cds_service.config import ALGORITHMS, Client
from cds_service.core.errors import ConfigurationError
from cds_service.fhir.time_limit import time_limit

FRESH: Final = 300.0  # seconds after which keys are fetched again, beside the request
COOLDOWN: Final = 30.0  # between two fetches from one host
RETRY: Final = 5.0  # the same while we have no key of the host at all
LAST: Final = 86_400.0  # how long keys are good while their host is down
TIMEOUT: Final = 2.5
LARGEST: Final = 256 * 1024
_CHUNK: Final = 16 * 1024
_RSA_BITS: Final = range(2048, 8193)

Keys = Mapping[str, Mapping[str, jwt.PyJWK]]  # by kid, then by algorithm

_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "n", "e")
_ALGORITHMS: Final[Mapping[tuple[object, object], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("RSA", None): tuple(name for name in ALGORITHMS if name.startswith(("RS", "PS"))),
}


def read_keys(text: str | bytes) -> Keys:
    """The usable keys of a JWK Set. Raises ValueError for what is none.

    Passed over: keys for encryption, symmetric and short ones, and those whose kid is missing or not unique.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("not a JWK Set") from None
    match found:
        case {"keys": list() as listed}:
            pass
        case _:
            raise ValueError("not a JWK Set")
    named = [jwk for jwk in listed if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str)]
    kids = [jwk["kid"] for jwk in named]
    usable = ((jwk["kid"], dict(_by_algorithm(jwk))) for jwk in named if kids.count(jwk["kid"]) == 1)
    return {kid: made for kid, made in usable if made}


def _by_algorithm(jwk: Mapping[str, Any]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """The key once for each algorithm it fits: which one a token may use is the client's setting."""
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return
    kind = jwk.get("kty")
    curve = None if kind == "RSA" else jwk.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return
    for algorithm in _ALGORITHMS.get((kind, curve), ()):
        if jwk.get("alg", algorithm) == algorithm:
            try:
                key = jwt.PyJWK({name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            if kind != "RSA" or key.key.key_size in _RSA_BITS:
                yield algorithm, key


def fetcher(session: requests.Session, seconds: float = TIMEOUT) -> Callable[[str], bytes]:
    """Fetches a JWK Set: no redirect, not past `seconds` in all, not past `LARGEST` bytes. Raises ValueError."""

    def fetch(url: str) -> bytes:
        asking: Any = {"stream": True, "timeout": (seconds, seconds), "allow_redirects": False}
        try:
            with time_limit(seconds), session.get(url, headers={"Accept": "application/json"}, **asking) as response:
                if response.status_code != 200:
                    raise ValueError("the key host refused")
                body = b""
                while chunk := response.raw.read1(_CHUNK, decode_content=True):
                    body += chunk
                    if len(body) > LARGEST:
                        raise ValueError("the key host sent too much")
                return body
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise ValueError("the key host did not answer") from fault

    return fetch


@dataclass(slots=True)
class _Host:
    """What is known of one key host. Times are those of the ring's clock."""

    keys: Keys = field(default_factory=dict)
    good_at: float = -LAST
    tried_at: float = -LAST
    fetching: threading.Lock = field(default_factory=threading.Lock)


def _beside(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="client-keys", daemon=True).start()


class KeyRing:
    """Gives a client's key by its id. `fetch` raises ValueError when it fails; `beside` runs work off the request."""

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        *,
        clock: Callable[[], float] = time.monotonic,
        beside: Callable[[Callable[[], None]], None] = _beside,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._beside = beside
        self._pinned: dict[str, Keys] = {}
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def pin(self, clients: Iterable[Client]) -> None:
        """Reads pinned keys at start. Raises ConfigurationError for a client that is left without any."""
        for client in clients:
            if client.keys:
                self._pinned[client.keys] = keys = read_keys(client.keys)
                if not any(set(made) & set(client.algorithms) for made in keys.values()):
                    raise ConfigurationError(
                        f"client {client.label}: none of its keys can be used with {', '.join(client.algorithms)}"
                    )

    def key(self, client: Client, kid: str, algorithm: str) -> jwt.PyJWK | None:
        if not client.jwks_url:
            return self._pinned.get(client.keys, {}).get(kid, {}).get(algorithm)
        with self._lock:
            host = self._hosts.setdefault(client.jwks_url, _Host())
        if kid not in self._current(host):
            self._refresh(client.jwks_url, host)
        elif self._clock() - host.good_at > FRESH and self._may_try(host) and not host.fetching.locked():
            url = client.jwks_url
            self._beside(lambda: self._refresh(url, host))
        return self._current(host).get(kid, {}).get(algorithm)

    def _current(self, host: _Host) -> Keys:
        return host.keys if self._clock() - host.good_at < LAST else {}

    def _may_try(self, host: _Host) -> bool:
        return self._clock() - host.tried_at >= (COOLDOWN if self._current(host) else RETRY)

    def _refresh(self, url: str, host: _Host) -> None:
        """Fetches once however many ask: the others wait for it, and no longer than it may take."""
        if not host.fetching.acquire(timeout=TIMEOUT + 0.5):
            return
        try:
            if self._may_try(host):
                host.tried_at = self._clock()
                host.keys = read_keys(self._fetch(url))
                host.good_at = self._clock()
        except ValueError:
            pass  # the last good keys stay
        finally:
            host.fetching.release()


def pinned_or_fetched(clients: Sequence[Client], session: requests.Session) -> KeyRing:
    ring = KeyRing(fetcher(session))
    ring.pin(clients)
    return ring
