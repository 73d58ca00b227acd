"""The service over HTTP, beside its floor and its peers, on the same core, with the same request."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson

from benchmarks import load, processes
from benchmarks.corpus import MAIN, SERVICE, Request, request
from benchmarks.fetching import record_system, without_prefetch
from benchmarks.processes import Server
from benchmarks.stages import answer
from cds_service.hooks.consult import Desk, respond
from cds_service.hooks.request import read_request
from cds_service.hooks.response import REVIEWS

PATH: Final = f"/cds-services/{SERVICE}"
CONNECTIONS: Final = (1, 8, 32)
DELAYS: Final = (0, 20, 100)  # milliseconds
PEERS: Final = Path(__file__).parent / "peers"
ENVIRONMENTS: Final = Path("build/benchmarks")
HEALTHCHAIN: Final = "healthchain==0.16.1"


def right_answer(asked: Request, desk: Desk) -> Callable[[bytes], bool]:
    """Whether a body holds the right reviews. They end it, and nothing in them changes from one answer to the next."""
    wanted = orjson.dumps({"extension": {REVIEWS: answer(asked.bare, desk)}})[1:]
    return lambda body: body.endswith(wanted)


def ours(asked: Request, desk: Desk, server: Server, seconds: float) -> Iterator[tuple[int, load.Load]]:
    sent = load.message(PATH, asked.body)
    is_right = right_answer(asked, desk)
    load.run(server, sent, is_right, 1, requests=50)  # warm up
    for connections in CONNECTIONS:
        yield connections, load.run(server, sent, is_right, connections, seconds=seconds)


@contextmanager
def floor(asked: Request, desk: Desk) -> Iterator[Server]:
    """The same server, decoding and answer, with nothing in between."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(respond(read_request(asked.body), SERVICE, desk).body)
        file.flush()
        with processes.wsgi("benchmarks.peers.floor:app", {"BENCHMARK_ANSWER": file.name}) as server:
            yield server


@contextmanager
def flask_json(_asked: Request, _desk: Desk) -> Iterator[Server]:
    with processes.wsgi("benchmarks.peers.flask_json:app", {}) as server:
        yield server


@contextmanager
def healthchain(python: Path) -> Iterator[Server]:
    with processes.script(python, PEERS / "healthchain_service.py", "/cds/cds-discovery") as server:
        yield server


def measured(server: Server, asked: Request, seconds: float, path: str = PATH) -> Iterator[tuple[int, load.Load]]:
    """Any server whose answers are cards: they are looked at only as far as that."""
    sent = load.message(path, asked.body)
    load.run(server, sent, _has_cards, 1, requests=50)
    for connections in CONNECTIONS:
        yield connections, load.run(server, sent, _has_cards, connections, seconds=seconds)


def _has_cards(body: bytes) -> bool:
    return b'"cards"' in body


def fetched(asked: Request, desk: Desk, server: Server, requests: int) -> Iterator[tuple[int, load.Load]]:
    """(delay of the record system in milliseconds, load), one connection."""
    for delay in DELAYS:
        with record_system(asked, delay / 1000) as base_url:
            sent = load.message(PATH, without_prefetch(asked, base_url))
            is_right = right_answer(asked, desk)
            load.run(server, sent, is_right, 1, requests=10)
            yield delay, load.run(server, sent, is_right, 1, requests=requests)


def soak(server: Server, desk: Desk, requests: int) -> tuple[load.Load, float, float]:
    """(load, megabytes after the first twentieth, megabytes at the end)"""
    asked = request(MAIN, 90)
    sent = load.message(PATH, asked.body)
    is_right = right_answer(asked, desk)
    load.run(server, sent, is_right, 8, requests=max(requests // 20, 200))
    before = server.memory()
    taken = load.run(server, sent, is_right, 8, requests=requests)
    return taken, before, server.memory()


def healthchain_python() -> Path | None:
    """An environment with HealthChain, made once; None where it cannot be installed."""
    python = ENVIRONMENTS / "healthchain" / "bin" / "python"
    if not python.exists():
        print(f"Installing {HEALTHCHAIN} in an environment of its own (a minute, once)", file=sys.stderr)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True, timeout=120)
            subprocess.run([*pip, HEALTHCHAIN, "uvloop", "httptools"], check=True, timeout=600)
        except (subprocess.SubprocessError, OSError):
            return None
    try:
        subprocess.run([str(python), "-c", "import healthchain"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    except (subprocess.SubprocessError, OSError):
        return None
    return python.absolute()
