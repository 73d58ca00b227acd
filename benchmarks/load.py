"""A load generator in one thread: so many connections, each sending its next request when it has its answer.

It costs about 60 microseconds a request on a core of its own, and unlike most others it looks at every answer.
"""

from __future__ import annotations

import re
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.processes import Server

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """`latencies` in milliseconds, one for each answer; `cpu` milliseconds of the server for each."""

    latencies: tuple[float, ...]
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[int(0.99 * (len(self.latencies) - 1))]


class _Connection:
    def __init__(self, port: int, message: bytes, is_right: Callable[[bytes], bool]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._message = message
        self._is_right = is_right
        self._sent_at = 0.0
        self._received = b""

    def send(self) -> None:
        self._received = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(self._message)

    def receive(self) -> float | None:
        """The milliseconds that the answer took once it is complete. Raises RuntimeError for a wrong one."""
        self._received += self.socket.recv(1 << 20)
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            if not self._received:
                raise RuntimeError("the server closed the connection")
            return None
        taken = (time.perf_counter() - self._sent_at) * 1000
        if head.split(b" ", 2)[1] != b"200" or not self._is_right(body):
            raise RuntimeError(f"a wrong answer: {head[:80]!r} {body[:200]!r}")
        return taken


def message(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def run(
    server: Server,
    sent: bytes,
    is_right: Callable[[bytes], bool],
    connections: int,
    *,
    seconds: float = 0.0,
    requests: int = 0,
) -> Load:
    """Until the time is over or so many requests are answered, whichever is given."""
    selector = selectors.DefaultSelector()
    clients = [_Connection(server.port, sent, is_right) for _ in range(connections)]
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    latencies: list[float] = []
    cpu, started = server.cpu(), time.perf_counter()
    for client in clients:
        client.send()
    waiting = connections
    while waiting:
        for key, _ in selector.select(30):
            taken = key.data.receive()
            if taken is None:
                continue
            latencies.append(taken)
            over = len(latencies) >= requests if requests else time.perf_counter() - started >= seconds
            if over:
                waiting -= 1
                selector.unregister(key.fileobj)
            else:
                key.data.send()
    taken_in_all = time.perf_counter() - started
    used = server.cpu() - cpu
    for client in clients:
        client.socket.close()
    return Load(tuple(latencies), taken_in_all, used * 1000 / len(latencies))
