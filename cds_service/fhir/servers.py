"""What a process keeps for each FHIR server: whether it answers, and the threads that wait for it.

Threads are not shared, so that a slow server of one client holds up nobody else's charts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cds_service.fhir.breaker import Breaker
from cds_service.fhir.client import new_executor

# Addresses come from requests, and in demo mode any port of this machine is admitted: nothing may grow without end.
MOST_SERVERS: Final = 500
MOST_EXECUTORS: Final = 16


@dataclass(frozen=True, slots=True)
class Server:
    breaker: Breaker
    executor: ThreadPoolExecutor


class Servers:
    """By origin. The servers beyond the first few share their threads."""

    def __init__(
        self,
        new_breaker: Callable[[], Breaker] = Breaker,
        new_threads: Callable[[], ThreadPoolExecutor] = new_executor,
    ) -> None:
        self._new_breaker = new_breaker
        self._new_threads = new_threads
        self._servers: dict[Hashable, Server] = {}
        self._executors: list[ThreadPoolExecutor] = []
        self._lock = threading.Lock()

    def of(self, origin: Hashable) -> Server:
        with self._lock:
            server = self._servers.get(origin)
            if server is None:
                if len(self._servers) >= MOST_SERVERS:
                    self._servers.pop(next(iter(self._servers)))
                server = self._servers[origin] = Server(self._new_breaker(), self._threads())
            return server

    def _threads(self) -> ThreadPoolExecutor:
        if len(self._executors) < MOST_EXECUTORS:
            self._executors.append(self._new_threads())
        return self._executors[-1]
