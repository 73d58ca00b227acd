"""A HAPI FHIR R4 server in its own process, made of pinned libraries. Needs a JDK (17 or newer) and Maven."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

FOLDER = Path(__file__).parent / "hapi"
PROGRAMS = ("java", "javac", "mvn")
# The libraries are fetched once per machine, about 280 MB. A start takes twenty seconds, on a busy machine minutes.
FETCH_SECONDS = 600
START_SECONDS = 300


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class CannotStart(Exception):
    """With the last words of whatever failed."""


@contextmanager
def running_hapi(folder: Path) -> Iterator[str]:
    """The base address of an empty server; `folder` takes what is compiled. Raises CannotStart."""
    libraries = _libraries(folder)
    _run(["javac", "-nowarn", "-cp", libraries, "-d", str(folder), str(FOLDER / "FhirServer.java")], 120)
    log = folder / "server.log"
    command = ["java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [*command, "-cp", f"{folder}:{libraries}", "FhirServer"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield f"http://127.0.0.1:{_port(server, log)}/fhir"
    finally:
        server.kill()
        server.communicate()


def _libraries(folder: Path) -> str:
    """The class path. Without network first: what is in Maven's own store need not be asked for again."""
    listing = folder / "classpath"
    command = ["mvn", "-B", "-q", "-f", str(FOLDER / "pom.xml"), "dependency:build-classpath"]
    output = f"-Dmdep.outputFile={listing}"
    try:
        _run([*command, "-o", output], 60)
    except CannotStart:
        _run([*command, output], FETCH_SECONDS)
    return listing.read_text(encoding="utf-8").strip()


def _run(command: list[str], seconds: float) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as fault:
        raise CannotStart(f"{command[0]} took longer than {seconds:g} s") from fault
    if done.returncode:
        raise CannotStart(f"{command[0]}: {(done.stdout + done.stderr)[-2000:]}")


def _port(server: subprocess.Popen[str], log: Path) -> int:
    """Waits for the line "ready PORT"."""
    said: Queue[str] = Queue()
    assert server.stdout is not None
    reader = threading.Thread(target=lambda out=server.stdout: said.put(out.readline()), daemon=True)
    reader.start()
    try:
        word, _, port = said.get(timeout=START_SECONDS).partition(" ")
    except Empty:
        raise CannotStart(f"the server was not ready after {START_SECONDS} s") from None
    if word != "ready":
        raise CannotStart(log.read_text(encoding="utf-8", errors="replace")[-2000:])
    return int(port)
