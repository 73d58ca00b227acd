"""What one hook costs: `make bench`, or `python -m benchmarks --seconds 10 --concurrency 1 8`.

Starts the service with one worker on a loopback port and a store of its own, sends one request over and over for a
fixed time, and prints latency as the client sees it and CPU time as the kernel counts it for the processes of the
server. CPU time for each request is the figure to compare between versions: it survives a busy machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cds_service.resources import fixtures_dir

HEADERS = {"Content-Type": "application/json"}
LONGEST = 60.0  # seconds for one measurement


@dataclass(frozen=True)
class Measurement:
    """`latencies` in seconds, one for each answered request; `cpu` in seconds over all of them."""

    latencies: tuple[float, ...]
    elapsed: float
    cpu: float

    def row(self, name: str) -> str:
        ordered = sorted(self.latencies)
        p50, p99 = statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]
        return (
            f"{name:28} {len(ordered) / self.elapsed:8.0f} req/s   p50 {p50 * 1000:7.2f} ms   "
            f"p99 {p99 * 1000:7.2f} ms   CPU {self.cpu / len(ordered) * 1000:6.2f} ms/request"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5.0, help="for each measurement, at most 60")
    arguments.add_argument("--concurrency", type=int, nargs="+", default=[1, 8])
    arguments.add_argument(
        "--resources", type=int, nargs="+", default=[0, 90, 200], help="extra resources in the chart"
    )
    chosen = arguments.parse_args()
    with serving() as server:
        for extra in chosen.resources:
            service, body = hook_request(extra)
            measure(server, service, body, 1, seconds=1.0)  # warm up
            for clients in chosen.concurrency:
                taken = measure(server, service, body, clients, min(chosen.seconds, LONGEST))
                print(taken.row(f"{len(body) / 1000:.0f} kB, {clients} at a time"))
        print(f"Memory of the server: {server.memory() / 1e6:.0f} MB")


def hook_request(extra: int) -> tuple[str, bytes]:
    """An order-sign request that takes the whole pipeline, with so many unremarkable Observations beside its chart."""
    path = fixtures_dir() / "requests" / "order-sign" / "low-back-pain-six-weeks.json"
    request = json.loads(path.read_text(encoding="utf-8"))
    del request["fhirServer"]  # prefetch alone, so that nobody else's server is measured
    patient = request["context"]["patientId"]
    chart = request["prefetch"]["observations"]
    chart["entry"] = [*chart.get("entry", []), *({"resource": heart_rate(number, patient)} for number in range(extra))]
    chart["total"] = len(chart["entry"])
    return "spine-imaging-order-sign", json.dumps(request, separators=(",", ":")).encode()


def heart_rate(number: int, patient: str) -> dict[str, Any]:
    """One vital sign as record systems write them, about one kilobyte."""
    day = date(2026, 10, 1) - timedelta(days=number)
    return {
        "resourceType": "Observation",
        "id": f"bench-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{day}T08:15:00Z", "profile": ["http://example.org/vital-signs"]},
        "text": {
            "status": "generated",
            "div": f"<div xmlns='http://www.w3.org/1999/xhtml'>{'Heart rate. ' * 25}</div>",
        },
        "status": "final",
        "category": [{"coding": [{"system": "http://example.org/category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{day}T08:15:00Z",
        "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "system": "http://unitsofmeasure.org"},
    }


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int

    def cpu(self) -> float:
        """Seconds of CPU that the server's processes have used."""
        ticks = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes, each shared page counted once (PSS)."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._processes())
        return 1024 * sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line[:4] == "Pss:")

    def _processes(self) -> list[int]:
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]


@contextmanager
def serving() -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3"}
        command = [sys.executable, "-c", "from cds_service.cli import main; main()", "demo", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until_ready(port, process)
            yield Server(process, port)
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            sys.exit("the service did not start; try `cds-service demo` to see why")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("the service did not answer within 20 seconds")


def measure(server: Server, service: str, body: bytes, clients: int, seconds: float) -> Measurement:
    """Each client sends its next request when it has the answer to the last one."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        while time.perf_counter() < until:
            sent = time.perf_counter()
            connection.request("POST", f"/cds-services/{service}", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"HTTP {answer.status}")
            latencies.append(time.perf_counter() - sent)
        connection.close()

    cpu, started = server.cpu(), time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not latencies:
        sys.exit("no request was answered")
    return Measurement(tuple(latencies), time.perf_counter() - started, server.cpu() - cpu)


if __name__ == "__main__":
    main()
