"""Where the time of one request went."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stopwatch:
    """`seconds` holds the stages that are over, in their order."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._since = clock()

    def lap(self, stage: str) -> None:
        """What happened since the last lap was `stage`."""
        now = self._clock()
        self.seconds[stage] = now - self._since
        self._since = now
