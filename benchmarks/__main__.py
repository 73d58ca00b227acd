"""`make bench`: what one hook costs, beside its floor and its peers. Prints tables and writes JSON.

CPU is user and system time of all server processes for each request: it survives a busy machine, latency does not.
Every answer is checked; a wrong one ends the run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import fetching, growth, over_http, processes
from benchmarks.corpus import MAIN, SIZES, request, requests
from benchmarks.load import Load
from benchmarks.stages import STAGES, check, quiet_desk, stages
from cds_service.hooks.consult import Desk

GROUPS = ("stages", "http", "fetch", "parallel", "growth", "soak")


@dataclass
class Report:
    """Tables as they are made: printed at once, and kept for the JSON."""

    groups: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def table(self, title: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
        print(f"\n{title}")
        print("| " + " | ".join(columns) + " |")
        print("| " + " | ".join("---" if place == 0 else "---:" for place in range(len(columns))) + " |")
        kept = self.groups.setdefault(title, [])
        for row in rows:
            shown = (f"{value:.2f}" if isinstance(value, float) else str(value) for value in row)
            print("| " + " | ".join(shown) + " |", flush=True)
            kept.append(dict(zip(columns, row, strict=True)))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("groups", nargs="*", default=list(GROUPS), help=f"any of {', '.join(GROUPS)}")
    arguments.add_argument("--seconds", type=float, default=3.0, help="for each measurement over HTTP")
    arguments.add_argument("--repetitions", type=int, default=60, help="for each measurement in process")
    arguments.add_argument("--soak", type=int, default=20_000, help="requests of the soak (200000 for a real one)")
    arguments.add_argument("--no-peers", action="store_true", help="leave out HealthChain and plain Flask")
    arguments.add_argument("--out", type=Path, default=Path("build/benchmarks.json"))
    chosen = arguments.parse_args()
    if unknown := set(chosen.groups) - set(GROUPS):
        arguments.error(f"no group {', '.join(sorted(unknown))} (there are {', '.join(GROUPS)})")
    desk, report = quiet_desk(), Report()
    if len(processes.CORES) > 1:
        os.sched_setaffinity(0, {processes.CLIENT_CORE})
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}")
    for name in GROUPS:
        if name in chosen.groups:
            _MEASURE[name](chosen, desk, report)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps({"machine": machine(), "tables": report.groups}, indent=1) + "\n")
    print(f"\nWritten to {chosen.out}", file=sys.stderr)


def machine() -> str:
    model = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    day = datetime.now(UTC).date()
    return f"{day}, {len(processes.CORES)} cores of {model}, Python {platform.python_version()}"


def measure_stages(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for asked in requests():
            check(asked, desk)  # all sizes and draft counts are checked, the table shows 90 and the main story
            if asked.drafts == 1 and (asked.resources == 90 or MAIN in asked.body.decode()):
                taken = stages(asked, desk, chosen.repetitions)
                yield asked.name, len(asked.body) // 1000, *(taken[stage] for stage in STAGES)

    report.table("In process, CPU ms of each stage", ("request", "kB", *STAGES), rows())


def measure_http(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    columns = ("what", "kB", "connections", "CPU ms", "req/s", "p50 ms", "p99 ms")

    def row(what: str, size: int, connections: int, taken: Load) -> tuple[Any, ...]:
        return what, size // 1000, connections, taken.cpu, round(taken.rate), taken.p50, taken.p99

    def rows() -> Iterator[tuple[Any, ...]]:
        with processes.our_service() as server:
            for resources in SIZES[1:3]:
                asked = request(MAIN, resources)
                for connections, taken in over_http.ours(asked, desk, server, chosen.seconds):
                    yield row("this service", len(asked.body), connections, taken)
            started.append((server.ready_after, server.memory()))
        asked = request(MAIN, 90)
        peers = [("its floor: constant answer", over_http.floor)]
        if not chosen.no_peers:
            peers.append(("Flask, stdlib JSON, one if", over_http.flask_json))
        for name, peer in peers:
            with peer(asked, desk) as server:
                for connections, taken in over_http.measured(server, asked, chosen.seconds):
                    yield row(name, len(asked.body), connections, taken)
        python = None if chosen.no_peers else over_http.healthchain_python()
        if python is None:
            print("| HealthChain: not measured, it is not installed here |")
            return
        with over_http.healthchain(python) as server:
            for connections, taken in over_http.measured(server, asked, chosen.seconds, "/cds/cds-services/order-sign"):
                yield row("HealthChain, three fixed cards", len(asked.body), connections, taken)

    started: list[tuple[float, float]] = []
    report.table("Over HTTP, one worker on one core", columns, rows())
    report.table("Start and memory", ("start to ready, s", "worker memory, MB"), iter(started))


def measure_fetch(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    asked = request(MAIN, 90)

    def rows() -> Iterator[tuple[Any, ...]]:
        with processes.our_service() as server:
            for delay, taken in over_http.fetched(asked, desk, server, 100):
                yield delay, taken.p50, taken.p99, taken.p50 - delay, taken.cpu

    columns = ("delay of the record system, ms", "p50 ms", "p99 ms", "p50 above the delay", "CPU ms")
    report.table("Fetching the chart, no prefetch, one connection", columns, rows())


def measure_parallel(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        os.sched_setaffinity(0, {processes.SERVER_CORE})  # the client is the service's own, and gets its core
        one = 0.0
        for reads, taken in fetching.reads_at_once(request(MAIN, 90), 0.020, chosen.repetitions):
            one = one or taken
            yield reads, taken, taken / one
        os.sched_setaffinity(0, {processes.CLIENT_CORE})

    columns = ("reads", "p50 ms", "x one read")
    report.table("Reads at once of one chart, each answered after 20 ms", columns, rows())


def measure_growth(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    many = chosen.repetitions
    report.table("Growth with the chart", ("resources", "CPU ms"), growth.by_chart(desk, many))
    report.table("Growth with draft orders", ("drafts", "CPU ms"), growth.by_drafts(desk, many))
    report.table("Growth with sections", ("copies of each section", "CPU ms"), growth.by_sections(desk, many))


def measure_soak(chosen: argparse.Namespace, desk: Desk, report: Report) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        with processes.our_service() as server:
            taken, before, after = over_http.soak(server, desk, chosen.soak)
            yield chosen.soak, round(taken.rate), taken.p99, before, after

    columns = ("requests", "req/s", "p99 ms", "MB after a twentieth", "MB at the end")
    report.table("Soak, 8 connections", columns, rows())


_MEASURE = {
    "stages": measure_stages,
    "http": measure_http,
    "fetch": measure_fetch,
    "parallel": measure_parallel,
    "growth": measure_growth,
    "soak": measure_soak,
}

if __name__ == "__main__":
    main()
