"""A FHIR server on loopback whose answer is a function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.stub_fhir import Server

Handle = Callable[["Ehr.Handler"], None]


class Ehr:
    """A FHIR server whose answer is a function. Remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ehr: Ehr = self.server.ehr  # type: ignore[attr-defined]
            ehr.asked.append((self.path, dict(self.headers)))
            ehr.answer(self)

        def log_message(self, *_arguments: object) -> None:
            pass

        def reply(self, body: object, status: int = 200, **headers: str) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(raw)

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Handle = lambda request: request.reply(page())
        self._server = Server(("127.0.0.1", 0), Ehr.Handler)
        self._server.daemon_threads = True
        self._server.ehr = self  # type: ignore[attr-defined]
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}/fhir"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def page(*ids: str, **elements: Any) -> dict[str, Any]:
    entries = [{"resource": {"resourceType": "Condition", "id": own_id}} for own_id in ids]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(ids), "entry": entries, **elements}
