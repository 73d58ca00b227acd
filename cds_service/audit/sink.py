"""Writing the audit: one file a day, one JSON object a line, readable by its owner and group at most."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from cds_service.core.errors import ConfigurationError

REMOVED: Final = "[removed]"


@dataclass(frozen=True, slots=True)
class AuditSink:
    """Appends to `folder`; workers may share it. Days are those of UTC."""

    folder: Path
    now: Callable[[], datetime]

    def keep(self, about: Mapping[str, Any], sent: bytes, answered: bytes) -> None:
        """One call: who and when in `about`, then request and response. Raises OSError when it cannot be written.

        The access token is taken out: it opens the record system, and settles no dispute.
        """
        at = self.now().astimezone(UTC)
        entry = {"at": at.isoformat(timespec="milliseconds"), **about, **_request(sent), **_response(answered)}
        _append(self.folder / f"audit-{at.date().isoformat()}.jsonl", orjson.dumps(entry) + b"\n")


def open_sink(folder: str, now: Callable[[], datetime]) -> AuditSink:
    """Makes the folder. Raises ConfigurationError when it cannot be written to, or anybody may look into it."""
    path = Path(folder)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
    except OSError as fault:
        raise ConfigurationError(f"audit_folder: {folder} cannot be made: {fault.strerror}") from fault
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigurationError(f"audit_folder: {folder} cannot be written to")
    if mode & stat.S_IRWXO:
        raise ConfigurationError(f"audit_folder: {folder} is open to everybody on this machine; chmod 700 {folder}")
    return AuditSink(path, now)


def _request(sent: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(sent)
    except orjson.JSONDecodeError:
        # Unread, and so with whatever token is in it: enough to prove which bytes they were.
        return {"unreadable_request": {"bytes": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}}
    authorization = body.get("fhirAuthorization") if isinstance(body, dict) else None
    if isinstance(authorization, dict) and "access_token" in authorization:
        authorization["access_token"] = REMOVED
    return {"request": body}


def _response(answered: bytes) -> dict[str, Any]:
    return {"response": orjson.Fragment(answered)} if answered else {}


def _append(file: Path, line: bytes) -> None:
    """The whole line or nothing: half a line would make the next one unreadable too."""
    handle = os.open(file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        before = os.fstat(handle).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(handle, rest) :]
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)  # releases the lock as well
