"""Which FHIR servers we may read from. The address comes with each request, so it is never trusted by itself."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, slots=True)
class FhirServers:
    """An allow-list of base URLs. `loopback` also admits any server on this machine (demo mode).

    A base URL admits itself and what lies below it. Names are compared, never looked up: who controls the allow-list
    controls the names on it.
    """

    base_urls: tuple[str, ...] = ()
    loopback: bool = False
    plain_http: bool = False

    def allows(self, url: str) -> bool:
        asked = _split(url)
        if asked is None or (asked.scheme == "http" and not self.plain_http):
            return False
        if self.loopback and _is_loopback(asked.hostname or ""):
            return True
        return any(_covers(_split(base), asked) for base in self.base_urls)


def _split(url: str) -> SplitResult | None:
    """None for anything but a plain absolute http(s) URL: no user name, query, fragment trick or stray character."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _covers(base: SplitResult | None, asked: SplitResult) -> bool:
    if base is None or _origin(base) != _origin(asked) or ".." in asked.path or "%" in asked.path:
        return False
    return f"{asked.path.rstrip('/')}/".startswith(f"{base.path.rstrip('/')}/") and not asked.query


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
