"""Clients that send feedback until it is acknowledged, as an EHR with a retry queue does, and remember what was."""

from __future__ import annotations

import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.serving import SIGN


@dataclass
class FeedbackClient:
    """One client in a thread of its own. `acknowledged` are the cards of which a 200 came back."""

    base: str
    number: int
    items: int
    acknowledged: set[str] = field(default_factory=set)
    statuses: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.number)  # noqa: S311
        self._connection: http.client.HTTPConnection | None = None
        self._enough = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def enough(self) -> None:
        """Nothing new from here on. What has been sent is still sent again until it is acknowledged."""
        self._enough.set()

    def finish(self, within: float) -> bool:
        """Whether all was acknowledged in time."""
        self._thread.join(within)
        self._stop.set()
        return not self._thread.is_alive()

    def _run(self) -> None:
        sent = 0
        while sent < self.items and not self._enough.is_set() and not self._stop.is_set():
            size = min(self._random.randint(1, 8), self.items - sent)
            cards = [f"{sent + place:08x}-0000-4000-8000-{self.number:012x}" for place in range(size)]
            self._send_until_acknowledged(cards)
            if self._random.random() < 0.05:  # the answer got lost on its way, so it is sent again
                self._send_until_acknowledged(cards)
            sent += size
        self._hang_up()

    def _send_until_acknowledged(self, cards: list[str]) -> None:
        body = orjson.dumps({"feedback": [item(card) for card in cards]})
        while not self._stop.is_set():
            status = self._send(body)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.acknowledged.update(cards)
                return
            time.sleep(0.05)

    def _send(self, body: bytes) -> int:
        """The status; 0 when the connection broke."""
        address = urlsplit(self.base)
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
            self._connection.request("POST", f"{SIGN}/feedback", body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return 0
        return response.status

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def item(card: str) -> dict[str, Any]:
    return {
        "card": card,
        "outcome": "overridden",
        "overrideReason": {"userComment": "seen already"},
        "outcomeTimestamp": "2026-11-20T17:40:19Z",
    }
