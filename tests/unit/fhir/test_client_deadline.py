"""The client's deadline, against a server that says what it says as slowly as it likes."""

from __future__ import annotations

import time

import pytest
import requests

from cds_service.fhir.client import FhirClient, Query, new_executor
from tests.unit.fhir.ehr import Ehr, Handle, page


def failure(client: FhirClient, seconds: float) -> str | None:
    (answer,) = client.fetch([Query("Condition")], seconds)
    return answer.failure.reason if answer.failure else None


def slow_headers(request: Ehr.Handler) -> None:
    time.sleep(1.5)
    request.reply(page("c1"))


def dribble(request: Ehr.Handler) -> None:
    """One byte at a time: no single wait is long enough for a socket timeout."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    try:
        for _ in range(100):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.02)
    except OSError:  # the client has hung up, as it should
        request.close_connection = True


def dribbling(begun: bytes) -> Handle:
    """Something begun and never ended, a byte at a time: whoever reads a line waits for the end of it."""

    def answer(request: Ehr.Handler) -> None:
        try:
            request.wfile.write(begun)
            for _ in range(150):
                request.wfile.write(b"0")
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            request.close_connection = True

    return answer


STATUS = b"HTTP/1.1 200 OK\r\n"
DRIBBLED = [
    dribble,
    dribbling(b"HTTP/1."),
    dribbling(STATUS + b"X-A: "),
    dribbling(STATUS + b"Transfer-Encoding: chunked\r\n\r\n"),
]


@pytest.mark.proves("ENG-SSRF-05")
@pytest.mark.parametrize("answer", [slow_headers, *DRIBBLED])
def test_the_deadline_holds(ehr: Ehr, session: requests.Session, answer: Handle) -> None:
    ehr.answer = answer
    began = time.monotonic()

    with new_executor(1) as one:
        assert failure(FhirClient(session, one, ehr.base, "p1"), 0.3) == "timeout"
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("answer", DRIBBLED)
def test_a_dribbling_server_does_not_keep_its_thread(ehr: Ehr, session: requests.Session, answer: Handle) -> None:
    with new_executor(1) as one:
        client = FhirClient(session, one, ehr.base, "p1")
        ehr.answer = answer
        failure(client, 0.2)
        ehr.answer = lambda request: request.reply(page("c1"))

        assert failure(client, 1.0) is None
