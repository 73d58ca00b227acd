"""The fetch path: nothing comes as prefetch, all searches go to a record system that takes its time."""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.corpus import Request
from benchmarks.processes import CLIENT_CORE
from cds_service.fhir.client import MOST_AT_ONCE, FhirClient, Query, new_executor
from cds_service.fhir.connections import Reach, new_session

# One read, as many as go at once, and those of a whole chart, which take two turns.
READS: Final = (1, MOST_AT_ONCE, 15)


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


def reads_at_once(request: Request, delay: float, repetitions: int) -> Iterator[tuple[int, float]]:
    """(reads of one fetch, median milliseconds of wall time) of the client alone."""
    with (
        record_system(request, delay) as base_url,
        new_session(Reach(loopback=True)) as session,
        new_executor() as executor,
    ):
        client = FhirClient(session, executor, base_url, "p")
        for reads in READS:
            queries = [Query("Condition")] * reads
            _milliseconds(client, queries)  # opens the connections
            yield reads, statistics.median(_milliseconds(client, queries) for _ in range(repetitions))


def _milliseconds(client: FhirClient, queries: list[Query]) -> float:
    started = time.perf_counter()
    answers = client.fetch(queries, 10.0)
    taken = time.perf_counter() - started
    if not all(answer.resources and answer.failure is None for answer in answers):
        raise RuntimeError("the record system did not answer every read")
    return taken * 1000


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
