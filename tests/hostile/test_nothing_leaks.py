"""What a clinician or a record system tells us about a patient appears in no log, no metric and no error.

A word that stands nowhere else is put into every string of requests, prefetch, feedback, headers, addresses and of what
FHIR servers reply, at the most talkative log level, in the real server. Then everything it emitted is searched.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from cds_service.resources import fixtures_dir
from tests.hook_requests import BACK_PAIN, PATIENT, a_request, an_order, bundle
from tests.hostile.raw_server import answering, raw_server, replying, silent
from tests.server_process import ServerProcess, server_process
from tests.serving import SELECT, SIGN

pytestmark = pytest.mark.slow

WORD = "Zwetschgenkern"
SURNAME = "O'Zwetschgenkern <b>&amp;</b>"

FEEDBACK = {
    "feedback": [
        {
            "card": "1981d7cb-a2cc-4872-a0ef-b16b93836623",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T17:40:19Z",
            "acceptedSuggestions": [{"id": "s1"}],
            "overrideReason": {"reason": {"code": "c", "system": "urn:s", "display": "d"}, "userComment": "comment"},
        }
    ]
}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x", "diagnostics": WORD}]}


def a_full_request(hook: str) -> dict[str, Any]:
    """A request with a member of nearly every kind, and free text wherever people write it."""
    order = an_order(
        note=[{"text": "note"}],
        reasonCode=[{"text": "reason", "coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]}],
        requester={"reference": "PractitionerRole/r1", "display": "Dr"},
        identifier=[{"system": "urn:s", "value": "v"}],
    )
    request = a_request(
        order,
        hook=hook,
        fhirServer="http://127.0.0.1:9/fhir",
        fhirAuthorization={"access_token": "t", "token_type": "Bearer", "scope": "s", "subject": "s", "expires_in": 60},
        extension={"org.example": {"text": "t"}},
    )
    request["context"]["encounterId"] = "e1"
    request["prefetch"]["patient"] = PATIENT | {"name": [{"family": "f", "given": ["g"]}], "address": [{"city": "c"}]}
    request["prefetch"]["conditions"] = bundle(BACK_PAIN | {"note": [{"text": "n"}], "code": {"text": "back pain"}})
    request["prefetch"]["extra"] = {"text": "t"}
    return request


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every string."""
    if isinstance(value, str):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from strings(member, (*path, name))


def planted(value: Any, path: tuple[Any, ...], word: str) -> Any:
    copy = deepcopy(value)
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = word
    return copy


def renamed(value: Any, path: tuple[Any, ...], word: str) -> Any:
    """The member at the path under another name: names of members can be anything too."""
    copy = deepcopy(value)
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if isinstance(inner, dict):
        inner[word] = inner.pop(path[-1])
    return copy


def variants(body: Any) -> Iterator[bytes]:
    for path in strings(body):
        yield orjson.dumps(planted(body, path, WORD))
        yield orjson.dumps(planted(body, path, f"urn:{WORD}/{SURNAME}"))
        yield orjson.dumps(renamed(body, path, WORD))
    whole = orjson.dumps(body)
    yield whole[: len(whole) // 2] + WORD.encode()
    yield WORD.encode()
    yield orjson.dumps(WORD)
    yield orjson.dumps([WORD])
    yield whole.replace(b"{", b'{"%s":"%s","%s":1,' % ((WORD.encode(),) * 3))


class Emitted:
    """Sends calls and keeps every error body. `to_us` counts the calls without those to the demo's record system."""

    def __init__(self, server: ServerProcess) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=20)
        self.errors: list[str] = []
        self.calls = self.to_us = 0
        self.statuses: dict[int, int] = {}

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        self.connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = self.connection.getresponse()
        answer = response.read().decode()
        self.connection.close()  # a refusal may leave the rest of a body unread
        self.calls += 1
        self.to_us += not path.startswith("/fhir/")
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        if response.status >= 400:
            self.errors.append(answer + str(response.headers))
        return response.status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("sentinels")
    with server_process(
        folder, "demo", environ={"SPINE_CDS_LOG_LEVEL": "debug", "SPINE_CDS_FHIR_DEADLINE": "0.5"}
    ) as up:
        yield up


def logged(server: ServerProcess) -> int:
    """How many requests the log tells of. The demo's record system writes no lines."""
    return server.log.read_text(errors="replace").count('"event":"request"')


@pytest.fixture
def emitted(server: ServerProcess) -> Iterator[Emitted]:
    sending = Emitted(server)
    logged_before = logged(server)
    with closing(sending.connection):
        yield sending
    print(f"calls: {sending.calls}, by status: {dict(sorted(sending.statuses.items()))}")  # noqa: T201
    metrics = server.get("/metrics").decode() + server.get("/readyz").decode()
    log = server.log.read_text(errors="replace")
    assert logged(server) - logged_before >= sending.to_us > 0
    for place, text in {"log": log, "metrics": metrics, "errors": "\n".join(sending.errors)}.items():
        found = [line for line in text.splitlines() if WORD.lower() in line.lower()]
        assert not found, f"in {place}: {found[:3]}"
    assert "Traceback" not in log


@pytest.mark.proves("CH-LOG-01", "CH-ERR-06")
@pytest.mark.parametrize(("path", "hook"), [(SIGN, "order-sign"), (SELECT, "order-select")])
def test_words_of_a_request(emitted: Emitted, path: str, hook: str) -> None:
    for body in variants(a_full_request(hook)):
        emitted.send("POST", path, body)

    assert emitted.statuses[200] > 30
    assert emitted.statuses[400] > 10


def test_words_of_a_whole_story(emitted: Emitted) -> None:
    """Real-looking charts, with every string but codes, dates and references replaced at once."""
    for file in sorted((fixtures_dir() / "requests" / "order-sign").glob("*.json")):
        body = orjson.loads(file.read_bytes())
        for path in [*strings(body)]:
            if path[-1] in ("display", "text", "family", "title", "value", "diagnostics", "valueString", "div"):
                body = planted(body, path, SURNAME)
        emitted.send("POST", SIGN, orjson.dumps(body))

    assert set(emitted.statuses) == {200}


@pytest.mark.proves("CH-FB-06", "CH-LOG-01")
def test_words_of_feedback(emitted: Emitted) -> None:
    for body in variants(FEEDBACK):
        emitted.send("POST", f"{SIGN}/feedback", body)

    assert emitted.statuses[200] > 5
    assert emitted.statuses[400] > 5


@pytest.mark.proves("CH-LOG-01", "CH-JWT-07")
def test_words_of_addresses_and_headers(emitted: Emitted) -> None:
    request = orjson.dumps(a_request())
    below = ("", "cds-services/", "cds-services//", "fhir/Patient/", "fhir/Condition?patient=", "?story=")
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        for start in below:
            emitted.send(method, f"/{start}{WORD}", request)
        emitted.send(method, f"/cds-services/{WORD}/feedback", request)
        emitted.send(method, f"{SIGN}?patient={WORD}", request)
    for name in ("Authorization", "Origin", "Referer", "User-Agent", "Cookie", "Content-Type", "Accept",
                 "X-Forwarded-For", "Content-Encoding"):  # fmt: skip
        emitted.send("POST", SIGN, request, **{name: f"Bearer {WORD}"})

    assert emitted.calls == 41
    assert set(emitted.statuses) <= {200, 204, 400, 404, 405, 415}
    assert emitted.statuses[404] >= 10


REPLIES = {
    "a chart": answering(orjson.dumps(bundle(BACK_PAIN | {"note": [{"text": WORD}], "id": WORD}))),
    "another patient": answering(orjson.dumps(bundle(BACK_PAIN | {"subject": {"reference": f"Patient/{WORD}"}}))),
    "an outcome": answering(orjson.dumps(OUTCOME)),
    "a refusal": answering(orjson.dumps(OUTCOME), status=f"403 {WORD}"),
    "a failure": answering(f"<html>{WORD}</html>".encode(), status="500 Oops"),
    "half of it": answering(orjson.dumps(OUTCOME), length=100_000),
    "not json": answering(WORD.encode() * 50),
    "a redirect": answering(b"", f"Location: http://127.0.0.1:9/{WORD}", status="302 Found"),
    "bad headers": answering(b"{}", f"{WORD} no colon here", f" continued {WORD}", f"X-{WORD}: \x01"),
    "a bad length": replying(f"HTTP/1.1 200 OK\r\nContent-Length: {WORD}\r\n\r\n{{}}".encode()),
    "bad chunks": replying(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{WORD}\r\n{{}}".encode()),
    "a bad encoding": answering(WORD.encode(), "Content-Encoding: gzip"),
    "not http": replying(f"{WORD} 220 ready\r\n".encode()),
    "a next page": answering(orjson.dumps(bundle(BACK_PAIN, total=5, next_link=f"http://{WORD}.example/{WORD}"))),
    "a bad next page": answering(orjson.dumps(bundle(BACK_PAIN, total=5, next_link=f"http://[{WORD}"))),
    "nothing": silent(2.0),
}


@pytest.mark.proves("CH-LOG-01", "CH-FHIR-03")
@pytest.mark.parametrize("reply", REPLIES)
def test_words_of_a_fhir_server(emitted: Emitted, reply: str) -> None:
    with raw_server(REPLIES[reply]) as fhir:
        body = a_request(
            prefetch={"patient": PATIENT},
            fhirServer=f"{fhir.base_url}/{WORD}",
            fhirAuthorization={"access_token": WORD, "token_type": "Bearer"},
        )
        status = emitted.send("POST", SIGN, orjson.dumps(body))

    assert status == 200
    assert fhir.asked


@pytest.mark.proves("CH-STATE-02")
def test_nothing_of_a_request_is_on_disk(server: ServerProcess) -> None:
    """After all of the above. Feedback is kept as clinicians wrote it, and nothing else."""
    body = orjson.loads(orjson.dumps(a_full_request("order-sign")).replace(b"back pain", b"Mirabellenkern"))
    assert server.post(SIGN, body)[0] == 200
    folder: Path = server.log.parent
    assert not [path.name for path in folder.iterdir() if b"Mirabellenkern" in path.read_bytes()]
