"""Sealed sessions: the browser holds the key, the server the box. Neither opens anything without the other."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

from cds_service.store.app_sessions import AppSessions

SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """256 random bits as text, for a cookie."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Sealed:
    """Sessions as JSON objects, each under the secret of its cookie. Raises SessionsAway where the store fails."""

    store: AppSessions

    def keep(self, secret: str, session: dict[str, Any], expires_at: float) -> None:
        box = _lock(secret).encrypt(json.dumps(session).encode()).decode()
        self.store.put(_ident(secret), box, expires_at)

    def open(self, secret: str) -> dict[str, Any] | None:
        """None for a secret of the wrong shape, and for a session that is over."""
        if not SECRET.fullmatch(secret):
            return None
        box = self.store.get(_ident(secret))
        if box is None:
            return None
        try:
            session: dict[str, Any] = json.loads(_lock(secret).decrypt(box))
        except (InvalidToken, ValueError):
            return None
        return session

    def end(self, secret: str) -> None:
        self.store.drop(_ident(secret))


def _ident(secret: str) -> str:
    """Where the box stands. Says nothing about the key."""
    return hashlib.sha256(f"id:{secret}".encode()).hexdigest()


def _lock(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"key:{secret}".encode()).digest()))
