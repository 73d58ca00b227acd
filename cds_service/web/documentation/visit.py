"""One visit to the app: from the launch by a record system to the last answer, as a sealed session and its cookie.

The cookie's name carries the visit, and so does every address: two patients open in two tabs cannot be mixed up.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import request
from werkzeug.wrappers import Response

from cds_service.web.documentation.sealing import Sealed, new_secret

SIGN_IN: Final = 10 * 60.0  # seconds until a sign-in must be done
LONGEST: Final = 60 * 60.0  # seconds that a visit lasts at most
PATH: Final = "/documentation"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Visits:
    """`secure` marks cookies for https. `clock` gives seconds since 1970."""

    sealed: Sealed
    secure: bool
    clock: Callable[[], float] = time.time

    def begin(self, response_to: Callable[[str], Response], **session: Any) -> Response:
        """Starts a visit; `response_to` gets its name and makes the answer that carries the cookie."""
        name, secret = secrets.token_urlsafe(16), new_secret()
        self.sealed.keep(secret, session, self.clock() + SIGN_IN)
        response = response_to(name)
        response.set_cookie(
            _cookie(name), secret, max_age=int(LONGEST), path=PATH, secure=self.secure, httponly=True, samesite="Lax"
        )
        return response

    def session(self, name: str) -> dict[str, Any] | None:
        secret = self._secret(name)
        return self.sealed.open(secret) if secret else None

    def change(self, name: str, session: dict[str, Any]) -> None:
        """Replaces what the visit holds, until the time under `until`, when its token ends."""
        if secret := self._secret(name):
            self.sealed.keep(secret, session, min(float(session["until"]), self.clock() + LONGEST))

    def end(self, name: str, response: Response) -> Response:
        if secret := self._secret(name):
            self.sealed.end(secret)
        response.delete_cookie(_cookie(name), path=PATH, secure=self.secure, httponly=True, samesite="Lax")
        return response

    def _secret(self, name: str) -> str | None:
        return request.cookies.get(_cookie(name)) if _NAME.fullmatch(name) else None


def _cookie(name: str) -> str:
    return f"spine-answers-{name}"
