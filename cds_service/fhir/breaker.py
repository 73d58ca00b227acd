"""A server that does not answer is left alone for a while, so that not every clinician waits for it in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
REST: Final = 10.0  # seconds


class Breaker:
    """For one server. After `failures` fetches in a row without any answer it opens: nothing is asked for `rest`
    seconds. Then one fetch is let through to see; its outcome closes it, or opens it for another `rest`.
    """

    def __init__(
        self, *, failures: int = FAILURES, rest: float = REST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._until = 0.0

    def admits(self) -> bool:
        """Whether to ask the server now. Whoever is told yes reports what came of it."""
        with self._lock:
            if self._failed < self._most:
                return True
            now = self._clock()
            if now < self._until:
                return False
            self._until = now + self._rest  # one looks, the others wait for what it finds
            return True

    def report(self, answered: bool) -> None:
        with self._lock:
            self._failed = 0 if answered else self._failed + 1
            if self._failed >= self._most:
                self._until = self._clock() + self._rest
