"""Whether the store takes rows: found out by writing one, because a full or read-only disk still answers reads.

Why, and what else happens in an outage: docs/adr/0011.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Engine

from cds_service.store import schema
from cds_service.store.database import up_to_date
from cds_service.store.writer import Writer

# Whoever asks more often is told the same again: the question costs a commit and is open to everybody.
REMEMBERED: Final = 1.0  # seconds
ANSWER_WITHIN: Final = 1.0  # seconds; probes give up soon after


class Health:
    """One for each store; `problem` may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asked_at = -REMEMBERED
        self._answer: str | None = None

    def problem(self) -> str | None:
        """Why the store cannot be relied on, in a few words, or None."""
        if not self._writer.alive:
            return "the writer has stopped"
        with self._lock:
            if self._monotonic() - self._asked_at >= REMEMBERED:
                self._answer = self._find_out()
                self._asked_at = self._monotonic()
            return self._answer

    def _find_out(self) -> str | None:
        before = self._writer.fault
        if not self._writer.write([(schema.heartbeat, {"id": 1, "at": self._now()})], ANSWER_WITHIN):
            fault = self._writer.fault or before
            return fault.value if fault else "commits take longer than a second"
        if not up_to_date(self._engine):
            return "the schema is not the current one"
        return None
