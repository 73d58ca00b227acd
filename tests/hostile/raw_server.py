"""A server on loopback that answers with exactly the bytes it is told to, HTTP or not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Talk = Callable[[socket.socket, str], None]


@dataclass
class RawServer:
    """`talk` gets the connection and the path asked for, and may do anything. `asked` are the paths."""

    base_url: str
    talk: Talk
    asked: list[str] = field(default_factory=list)


@contextmanager
def raw_server(talk: Talk) -> Iterator[RawServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"http://127.0.0.1:{listening.getsockname()[1]}/fhir", talk)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                asked = connection.recv(65536).split(b"\r\n")[0].split(b" ")
                path = asked[1].decode("latin-1") if len(asked) > 1 else ""
                server.asked.append(path)
                server.talk(connection, path)
            except OSError:  # the client has hung up, as it may
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listening.close()


def replying(raw: bytes) -> Talk:
    """Sends these bytes and closes."""
    return lambda connection, path: connection.sendall(raw)


def answering(body: bytes, *lines: str, status: str = "200 OK", length: int | None = None) -> Talk:
    """An HTTP response; `length` may lie about the body."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", "Content-Type: application/fhir+json", f"Content-Length: {size}", "Connection: close"]
    return replying("\r\n".join([*head, *lines, "", ""]).encode() + body)


def silent(seconds: float) -> Talk:
    """Says nothing at all, until the client hangs up or `seconds` have passed."""

    def talk(connection: socket.socket, path: str) -> None:
        connection.settimeout(seconds)
        try:
            while connection.recv(1024):
                pass
        except TimeoutError:
            pass

    return talk


def dribbling(raw: bytes, pause: float) -> Talk:
    """One byte at a time."""

    def talk(connection: socket.socket, path: str) -> None:
        for byte in raw:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return talk
