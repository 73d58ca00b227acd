"""A FHIR server on loopback for tests: serves given resources, misbehaves on demand, and remembers every request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import orjson


class Server(ThreadingHTTPServer):
    request_queue_size = 64  # of eight readers at once, all but the usual five would be made to wait a second


@dataclass
class Seen:
    path: str
    query: str
    authorization: str | None


@dataclass
class StubFhir:
    """`resources` are served by type and id. `answer` may take over: (type, id or None) -> (status, body) or None."""

    base_url: str
    resources: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[str, str | None], tuple[int, bytes] | None] = lambda kind, ident: None
    seen: list[Seen] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The paths asked for, sorted, because they are asked in parallel."""
        return sorted(request.path for request in self.seen)


@contextmanager
def stub_fhir() -> Iterator[StubFhir]:
    stub = StubFhir("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            stub.seen.append(Seen(parts.path, parts.query, self.headers.get("Authorization")))
            kind, _, ident = parts.path.removeprefix("/fhir/").partition("/")
            status, body = stub.answer(kind, ident or None) or _served(stub, kind, ident)
            self.send_response(status)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.base_url = f"http://127.0.0.1:{server.server_port}/fhir"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def _served(stub: StubFhir, kind: str, ident: str) -> tuple[int, bytes]:
    found = [resource for resource in stub.resources if resource["resourceType"] == kind]
    if not ident:
        return 200, orjson.dumps(bundle(*found))
    one = [resource for resource in found if resource["id"] == ident]
    return (200, orjson.dumps(one[0])) if one else (404, b'{"resourceType":"OperationOutcome","issue":[]}')


def bundle(*resources: dict[str, Any], total: int | None = None, next_link: str | None = None) -> dict[str, Any]:
    links = [{"relation": "next", "url": next_link}] if next_link else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources) if total is None else total,
        "link": links,
        "entry": [{"resource": resource, "search": {"mode": "match"}} for resource in resources],
    }
