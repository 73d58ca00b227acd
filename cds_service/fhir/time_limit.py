"""A limit on what one exchange with a server may take, however slowly the other side dribbles.

A socket's own timeout begins anew with every byte, and whoever reads a line waits for its end. So when the time is up
a watchdog shuts the socket down, and its reader sees the end of it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_LONGEST_SLEEP: Final = 60.0


class _Limit:
    """The end of one exchange, and the sockets that it has used so far."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, used: socket.socket) -> None:
        with self._lock:
            if self.passed:
                raise TimeoutError
            self._sockets.append(used)

    def cut(self) -> None:
        with self._lock:
            self.passed = True
            for used in self._sockets:
                with suppress(OSError):
                    # That of the plain socket: an SSLSocket's own would take the TLS state from under its reader.
                    socket.socket.shutdown(used, socket.SHUT_RDWR)

    def end(self) -> bool:
        """True when it was kept. From here on nothing is shut down: the connection may be somebody else's next."""
        with self._lock:
            self._sockets.clear()
            return not self.passed


class _Watchdog:
    """One thread for all limits, started with the first of them, and again in a process forked since."""

    def __init__(self) -> None:
        self._limits: set[_Limit] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    def add(self, limit: _Limit) -> None:
        with self._changed:
            self._limits.add(limit)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="time-limits", daemon=True)
                self._thread.start()
            elif limit.ends_at < self._wakes_at:
                self._changed.notify()

    def remove(self, limit: _Limit) -> None:
        with self._changed:
            self._limits.discard(limit)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for limit in [limit for limit in self._limits if limit.ends_at <= now]:
                    limit.cut()
                    self._limits.discard(limit)
                self._wakes_at = min([limit.ends_at for limit in self._limits], default=now + _LONGEST_SLEEP)
                self._changed.wait(min(self._wakes_at - now, _LONGEST_SLEEP))


_watchdog: Final = _Watchdog()
_here: Final = threading.local()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what this thread does on connections of ours (`connections.py`) after `seconds`. Raises TimeoutError then.

    Not to be nested. Looking up a name is not ended: the system's resolver has its own limits.
    """
    limit = _here.limit = _Limit(seconds)
    _watchdog.add(limit)
    try:
        yield
    finally:
        _here.limit = None
        _watchdog.remove(limit)
        if not limit.end():
            # Also when nothing else went wrong: a head that is cut off looks like one that has ended.
            raise TimeoutError


def seconds_left() -> float | None:
    """What is left to this thread, above zero as a socket's timeout must be; None without a limit."""
    limit: _Limit | None = getattr(_here, "limit", None)
    return None if limit is None else max(limit.ends_at - time.monotonic(), 0.001)


def watch(used: socket.socket | None) -> None:
    """Has this socket shut down when the limit of this thread is up, if there is one. Raises TimeoutError."""
    limit: _Limit | None = getattr(_here, "limit", None)
    if limit is not None and used is not None:
        limit.watch(used)
