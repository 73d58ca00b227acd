"""What every answer tells a browser: this is data, not a page, and nothing here may be framed, guessed at or kept."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Our address is https in production, so no browser ever needs to try without.
STRICT: Final = {"Strict-Transport-Security": "max-age=31536000"}


def register(app: Flask, *, https_only: bool) -> None:
    """Registered before everything else, so that it runs last; what a page set for itself stays."""
    headers = HEADERS | STRICT if https_only else HEADERS

    @app.after_request
    def restrain(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        for name, value in headers.items():
            if name.lower() not in present:
                response.headers.add(name, value)
        if response.status_code >= 400:
            response.headers.setdefault("Cache-Control", "no-store")
        return response
