"""Cross-origin calls: browser-based clients need them on discovery, services and feedback, on errors too."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

from cds_service.web.security import caller

# "*" does not cover Authorization, so both are named.
ALLOWED_HEADERS: Final = "Authorization, Content-Type"
ALLOWED_METHODS: Final = "GET, POST, OPTIONS"
HOOKS: Final = "/cds-services"


def register(app: Flask, allowed_origins: tuple[str, ...], *, any_origin: bool) -> None:
    """`any_origin` (demo) answers "*"; else only listed origins are echoed. Credentials are never allowed.

    `allowed_origins` are those of all clients. A caller who has proved to be one of them may use its own only.
    """

    @app.before_request
    def preflight() -> Response | None:
        """Answered before anything asks for a token: a preflight carries none."""
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return Response(status=204) if asks and request.path.startswith(HOOKS) else None

    @app.after_request
    def allow(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if not any_origin:
            response.vary.add("Origin")
            who = caller()
            if origin not in (who.client.allowed_origins if who else allowed_origins):
                return response
        response.headers["Access-Control-Allow-Origin"] = "*" if any_origin else str(origin)
        if not request.path.startswith(HOOKS):
            return response
        response.headers["Access-Control-Expose-Headers"] = "X-Request-Id"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = "600"
        return response
