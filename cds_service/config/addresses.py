"""What counts as an address in a setting."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult | None:
    """None for anything but an absolute http(s) URL without user name, query or fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return None if parts.query or parts.fragment or not url.isprintable() or " " in url else parts


def is_https(url: str) -> bool:
    parts = split(url)
    return parts is not None and parts.scheme == "https"


def is_origin(text: str) -> bool:
    """Scheme, host and port in the spelling of browsers, for origins are compared as text."""
    parts = split(text)
    return parts is not None and parts.path == "" and text == text.lower()


def is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
