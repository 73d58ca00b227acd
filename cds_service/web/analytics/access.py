"""Who may see the analytics page: anybody in demo mode, otherwise who knows the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import Response, request
from werkzeug.exceptions import NotFound


@dataclass(frozen=True)
class Access:
    """`token` None with `open` false: the page is not there at all."""

    open: bool
    token: str | None

    def refuse(self) -> Response | None:
        """None for those who may see the page. Takes the token as a password of any user, or as a bearer token."""
        if self.open:
            return None
        if self.token is None:
            raise NotFound
        given = request.authorization
        sent = (given.password or given.token or "") if given else ""
        if hmac.compare_digest(sent.encode(), self.token.encode()):
            return None
        return Response(
            "A token is needed.\n",
            401,
            {"WWW-Authenticate": 'Basic realm="analytics", charset="UTF-8"', "Cache-Control": "no-store"},
            content_type="text/plain; charset=utf-8",
        )
