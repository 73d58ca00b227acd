"""The fetch path: nothing comes as prefetch, eight searches go to a record system that takes its time."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from benchmarks.corpus import Request
from benchmarks.processes import CLIENT_CORE


def without_prefetch(request: Request, base_url: str) -> bytes:
    hook = json.loads(request.body)
    hook |= {"prefetch": {}, "fhirServer": base_url}
    return json.dumps(hook, separators=(",", ":")).encode()


@contextmanager
def record_system(request: Request, delay: float) -> Iterator[str]:
    """A FHIR server on loopback that answers each read and search of this chart after `delay` seconds."""
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, _answers(request), delay), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/fhir"
    finally:
        process.terminate()
        process.join()


def _answers(request: Request) -> dict[str, bytes]:
    """What is sent for each resource type; an empty Bundle for any other."""
    found: dict[str, Any] = {}
    for value in json.loads(request.body)["prefetch"].values():
        if value and value["resourceType"] == "Bundle":
            value["link"] = []
            for entry in value.get("entry", []):
                found[entry["resource"]["resourceType"]] = value
        elif value:
            found[value["resourceType"]] = value
    return {kind: json.dumps(value, separators=(",", ":")).encode() for kind, value in found.items()}


def _serve(told: Connection, answers: dict[str, bytes], delay: float) -> None:
    os.sched_setaffinity(0, {CLIENT_CORE})
    empty = b'{"resourceType":"Bundle","type":"searchset","total":0}'

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(delay)
            body = answers.get(urlsplit(self.path).path.split("/")[2], empty)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    threading.Thread(target=server.serve_forever).start()
