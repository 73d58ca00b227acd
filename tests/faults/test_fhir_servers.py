"""FHIR servers that are slow, dead, cut off or lying: the answer comes in time, and says what could not be read."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from cds_service.config import Settings
from tests.hook_requests import BACK_PAIN, PATIENT, a_request, bundle
from tests.hostile.raw_server import RawServer, Talk, answering, dribbling, raw_server, replying, silent
from tests.serving import REVIEWS, SIGN, Serving, serving

pytestmark = pytest.mark.slow

DEADLINE = 0.4
# What may come on top on a busy machine: the review itself, and the wait for a processor.
MARGIN = 3.0

GOOD = orjson.dumps(bundle())
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'
MUCH = b'{"resourceType":"Bundle","entry":[' + b" " * 17_000_000 + b"]}"
DEEP = b'{"resourceType":"Bundle","entry":' + b"[" * 5000 + b"]" * 5000 + b"}"

FAULTS: dict[str, Talk] = {
    "silent": silent(5.0),
    "hangs up": replying(b""),
    "slow head": dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0.1),
    "slow body": dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b" " * 2000, 0.02),
    "a header without end": dribbling(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 400, 0.02),
    "a chunk size without end": dribbling(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 400, 0.02),
    "half a body": answering(GOOD[:20], length=len(GOOD)),
    "half a body of honest length": answering(GOOD[:20]),
    "no body": answering(b""),
    "html": answering(b"<!doctype html><title>Log in</title>"),
    "not http": replying(b"220 mail.example ESMTP\r\n"),
    "endless head": replying(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000),
    "endless line": replying(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 200_000),
    "bad length": replying(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "bad chunks": replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n"),
    "chunks cut off": replying(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"res'),
    "bad gzip": answering(b"\x1f\x8bnonsense", "Content-Encoding: gzip"),
    "gzip bomb": answering(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip"),
    "too much": answering(MUCH),
    "too deep": answering(DEEP),
    "bad utf-8": answering(b'{"resourceType":"Bundle","id":"\xff\xfe"}'),
    "outcome": answering(OUTCOME),
    "outcome in a bundle": answering(orjson.dumps(bundle(orjson.loads(OUTCOME)))),
    "something else": answering(b'{"resourceType":"CapabilityStatement"}'),
    "a list": answering(b"[]"),
    "null": answering(b"null"),
    "more than it sends": answering(orjson.dumps(bundle(total=7))),
    "a page that leads nowhere": answering(orjson.dumps(bundle(total=7, next_link="?page=2"))),
    "a page elsewhere": answering(orjson.dumps(bundle(total=7, next_link="http://127.0.0.1:9/fhir?page=2"))),
    "401": answering(b"Invalid token: jwt malformed", status="401 Unauthorized"),
    "403": answering(OUTCOME, status="403 Forbidden"),
    "429": answering(b"", status="429 Too Many Requests"),
    "500": answering(OUTCOME, status="500 Oops"),
    "503": answering(b"", "Retry-After: 3600", status="503 Away"),
    "a redirect": answering(b"", "Location: http://127.0.0.1:9/fhir", status="302 Found"),
    "a lasting redirect": answering(b"", "Location: /fhir2", status="308 Moved"),
    "early hints": replying(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
}

injected: Counter[str] = Counter()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("faults"), Settings(fhir_deadline=DEADLINE)) as running:
        yield running
    print(f"faults injected: {sum(injected.values())} requests to {len(injected)} kinds of FHIR server")  # noqa: T201


def ask(service: Serving, server: str, **members: Any) -> Any:
    request = a_request(
        fhirServer=server, fhirAuthorization={"access_token": "t0ken", "token_type": "Bearer"}, **members
    )
    began = time.monotonic()
    response = service.post(SIGN, request)
    assert time.monotonic() - began < DEADLINE + MARGIN
    assert "Traceback" not in response.text
    return response


@pytest.mark.proves("CH-PERF-03", "ENG-SSRF-05")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_chart_that_cannot_be_read_is_never_all_clear(service: Serving, fault: str) -> None:
    with raw_server(FAULTS[fault]) as server:
        response = ask(service, server.base_url, prefetch={"patient": PATIENT})
        injected[fault] += len(server.asked)

    assert server.asked
    assert response.status_code == 200
    assert response.json["cards"]
    (review,) = response.json["extension"][REVIEWS]
    assert review["determination"] != "supported"
    assert "Condition" in str(review["not_read"])


@pytest.mark.proves("CH-ERR-02")
@pytest.mark.parametrize("fault", FAULTS)
def test_without_even_the_patient_it_is_412(service: Serving, fault: str) -> None:
    with raw_server(FAULTS[fault]) as server:
        response = ask(service, server.base_url, prefetch=None)
        injected[fault] += len(server.asked)

    assert response.status_code == 412
    assert response.json["resourceType"] == "OperationOutcome"
    assert "cards" not in response.json


def test_nobody_listens(service: Serving) -> None:
    with raw_server(silent(1.0)) as server:
        pass

    assert ask(service, server.base_url, prefetch=None).status_code == 412
    assert ask(service, server.base_url, prefetch={"patient": PATIENT}).json["cards"]


def served(connection: Any, path: str, *resources: dict[str, Any]) -> None:
    """A good server with these resources."""
    kind = path.removeprefix("/fhir/").split("?")[0]
    found = [resource for resource in resources if resource["resourceType"] == kind]
    body = PATIENT if kind.startswith("Patient/") else bundle(*found)
    answering(orjson.dumps(body))(connection, path)


def good(connection: Any, path: str) -> None:
    served(connection, path, BACK_PAIN)


def test_a_slow_server_within_the_deadline_is_waited_for(service: Serving) -> None:
    def slow(connection: Any, path: str) -> None:
        time.sleep(0.15)
        good(connection, path)

    with raw_server(slow) as server:
        response = ask(service, server.base_url, prefetch=None)

    assert response.status_code == 200
    assert "not_read" not in response.json["extension"][REVIEWS][0]


def test_one_query_that_hangs_costs_only_itself(service: Serving) -> None:
    def one_hangs(connection: Any, path: str) -> None:
        silent(5.0)(connection, path) if "Observation" in path else good(connection, path)

    with raw_server(one_hangs) as server:
        response = ask(service, server.base_url, prefetch=None)

    (review,) = response.json["extension"][REVIEWS]
    assert "Observation" in str(review["not_read"])
    assert "Condition" not in str(review["not_read"])
    assert any("spine_pain" in evidence["fact"] for evidence in review["evidence"])


@pytest.mark.proves("CH-PF-15", "CH-FHIR-06")
def test_a_server_that_lies_about_whose_chart_it_is_is_not_believed(service: Serving) -> None:
    strange = BACK_PAIN | {"id": "theirs", "subject": {"reference": "Patient/p2"}}

    def lying(connection: Any, path: str) -> None:
        served(connection, path, strange)

    with raw_server(lying) as server:
        response = ask(service, server.base_url, prefetch=None)

    assert response.status_code == 200
    (review,) = response.json["extension"][REVIEWS]
    assert "theirs" not in str(review.get("evidence"))
    assert "Condition/theirs" in review["foreign"]


def test_a_patient_who_is_somebody_else_is_no_patient(service: Serving) -> None:
    def other(connection: Any, path: str) -> None:
        answering(orjson.dumps(PATIENT | {"id": "p2"}))(connection, path)

    with raw_server(other) as server:
        response = ask(service, server.base_url, prefetch=None)

    assert response.status_code == 412 or response.json["extension"][REVIEWS][0]["determination"] != "supported"


@pytest.mark.proves("ENG-SSRF-03", "CH-FHIR-03")
def test_the_token_goes_nowhere_else(service: Serving) -> None:
    with raw_server(good) as elsewhere:
        for lead in (
            answering(b"", f"Location: {elsewhere.base_url}/Condition", status="302 Found"),
            answering(orjson.dumps(bundle(BACK_PAIN, total=9, next_link=f"{elsewhere.base_url}/Condition?page=2"))),
            answering(orjson.dumps(bundle(BACK_PAIN | {"encounter": {"reference": f"{elsewhere.base_url}/E/1"}}))),
        ):
            with raw_server(lead) as server:
                ask(service, server.base_url, prefetch={"patient": PATIENT})
                assert server.asked

    assert elsewhere.asked == []


def test_a_server_that_never_answers_is_left_alone_until_it_is_back(service: Serving) -> None:
    """Three clinicians wait for the deadline. The fourth does not."""
    with raw_server(silent(5.0)) as server:
        waits = [seconds(service, server) for _ in range(4)]
        assert min(waits[:3]) >= DEADLINE * 0.9
        asked = len(server.asked)
        assert seconds(service, server) < min(waits[:3])
        assert len(server.asked) == asked
        response = ask(service, server.base_url, prefetch={"patient": PATIENT})

    assert response.json["cards"]


def seconds(service: Serving, server: RawServer) -> float:
    began = time.monotonic()
    ask(service, server.base_url, prefetch={"patient": PATIENT})
    return time.monotonic() - began


def test_a_slow_server_of_one_client_holds_up_nobody_else(service: Serving) -> None:
    with raw_server(silent(5.0)) as slow, raw_server(good) as fine, ThreadPoolExecutor(4) as clinicians:
        waiting = [clinicians.submit(ask, service, slow.base_url, prefetch=None) for _ in range(3)]
        time.sleep(0.1)
        response = ask(service, fine.base_url, prefetch=None)
        assert [one.result().status_code for one in waiting] == [412] * 3

    assert response.status_code == 200
    assert "not_read" not in response.json["extension"][REVIEWS][0]
