"""The client against a server on loopback that can misbehave in every way we know of."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cds_service.fhir.bundle import Failure
from cds_service.fhir.client import MOST_AT_ONCE, FhirClient, Limits, Query, new_executor
from tests.unit.fhir.ehr import Ehr, page


@pytest.fixture
def other_ehr() -> Iterator[Ehr]:
    server = Ehr()
    yield server
    server.close()


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with new_executor(8) as shared:
        yield shared


@pytest.fixture
def client(ehr: Ehr, session: requests.Session, executor: ThreadPoolExecutor) -> FhirClient:
    return FhirClient(session, executor, ehr.base, "p1", "t0ken")


def next_page(url: str) -> list[dict[str, str]]:
    return [{"relation": "next", "url": url}]


CONDITIONS = Query("Condition", params=(("_count", "200"),))


def conditions(client: FhirClient, seconds: float = 5.0) -> tuple[list[str], str | None]:
    (answer,) = client.fetch([CONDITIONS], seconds)
    return [resource["id"] for resource in answer.resources], answer.failure.reason if answer.failure else None


@pytest.mark.proves("CH-FHIR-01")
def test_a_search_names_the_patient_with_type_and_carries_the_token(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1"))

    assert conditions(client) == (["c1"], None)
    path, headers = ehr.asked[0]
    assert path == "/fhir/Condition?patient=Patient/p1&_count=200"
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Accept"] == "application/fhir+json"
    assert len(ehr.asked) == 1


def test_an_empty_token_is_no_token(ehr: Ehr, session: requests.Session, executor: ThreadPoolExecutor) -> None:
    client = FhirClient(session, executor, ehr.base + "/", "p1", "")

    assert conditions(client) == ([], None)
    assert "Authorization" not in ehr.asked[0][1]
    assert ehr.asked[0][0].startswith("/fhir/Condition?")


def test_the_token_is_not_shown(client: FhirClient) -> None:
    assert "t0ken" not in repr(client)


def test_a_token_that_would_break_the_header_is_never_sent(ehr: Ehr, client: FhirClient) -> None:
    broken = FhirClient(client.session, client.executor, ehr.base, "p1", "a\r\nX-Injected: b")

    assert conditions(broken) == ([], "unreachable")
    assert ehr.asked == []


def test_a_read(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply({"resourceType": "Patient", "id": "p1"})

    (answer,) = client.fetch([Query("Patient", id="p1")], 5.0)

    assert answer.resources == ({"resourceType": "Patient", "id": "p1"},)
    assert ehr.asked[0][0] == "/fhir/Patient/p1"


@pytest.mark.proves("ENG-SSRF-04")
@pytest.mark.parametrize(
    ("own_id", "read_path", "searched"),
    [
        ("1&_count=9999", "/fhir/Patient/1%26_count%3D9999", "Patient/1&_count=9999"),
        ("ä;b", "/fhir/Patient/%C3%A4%3Bb", "Patient/ä;b"),
        ("p1,p2", "/fhir/Patient/p1%2Cp2", r"Patient/p1\,p2"),  # a bare comma would mean "or"
    ],
)
def test_ids_are_encoded(ehr: Ehr, client: FhirClient, own_id: str, read_path: str, searched: str) -> None:
    theirs = FhirClient(client.session, client.executor, ehr.base, own_id)

    theirs.fetch([Query("Patient", id=own_id)], 5.0)
    theirs.fetch([Query("Condition")], 5.0)

    assert ehr.asked[0][0] == read_path
    assert parse_qs(urlsplit(ehr.asked[1][0]).query) == {"patient": [searched]}


@pytest.mark.proves("ENG-SSRF-04")
@pytest.mark.parametrize("own_id", ["..", ".", "../admin", "a/b", "a b", "p1?x=1", "p1#x", "", "x" * 513])
def test_an_id_that_is_none_is_not_asked_for(ehr: Ehr, client: FhirClient, own_id: str) -> None:
    theirs = FhirClient(client.session, client.executor, ehr.base, own_id)

    answers = theirs.fetch([Query("Patient", id=own_id), Query("Condition"), Query("../Condition")], 5.0)

    assert [answer.failure.reason for answer in answers if answer.failure] == ["bad id"] * 3
    assert ehr.asked == []


@pytest.mark.parametrize(
    "base", ["ftp://127.0.0.1/fhir", "http://user@127.0.0.1/fhir", "fhir", "http://[", "http://a/?q="]
)
def test_a_base_that_is_no_fhir_base_is_not_called(client: FhirClient, base: str) -> None:
    assert conditions(FhirClient(client.session, client.executor, base, "p1")) == ([], "unreachable")


def test_all_pages_are_read(ehr: Ehr, client: FhirClient) -> None:
    def answer(request: Ehr.Handler) -> None:
        if "page=2" in request.path:
            request.reply(page("c3", total=3))
        else:
            request.reply(page("c1", "c2", total=3, link=next_page("?page=2")))  # relative, as some servers send it

    ehr.answer = answer

    assert conditions(client) == (["c1", "c2", "c3"], None)
    assert ehr.asked[1][1]["Authorization"] == "Bearer t0ken"


def test_a_total_beyond_the_entries_means_more_was_there(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1", "c2", total=5))

    assert conditions(client) == (["c1", "c2"], "truncated")


@pytest.mark.proves("ENG-SSRF-03", "CH-PF-13")
def test_no_page_is_followed_to_another_origin(ehr: Ehr, other_ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1", link=next_page(f"{other_ehr.base}/Condition?page=2")))

    assert conditions(client) == (["c1"], "truncated")
    assert other_ehr.asked == []


@pytest.mark.proves("ENG-SSRF-03")
def test_a_redirect_is_not_followed(ehr: Ehr, other_ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(b"", 302, Location=f"{other_ehr.base}/Condition")

    assert conditions(client) == ([], "redirect")
    assert other_ehr.asked == []


@pytest.mark.proves("ENG-SSRF-05")
def test_pages_are_capped(ehr: Ehr, client: FhirClient) -> None:
    def answer(request: Ehr.Handler) -> None:
        number = len(ehr.asked)
        request.reply(page(f"c{number}", link=next_page(f"{ehr.base}/Condition?page={number}")))

    ehr.answer = answer
    capped = FhirClient(client.session, client.executor, ehr.base, "p1", limits=Limits(pages=3))

    assert conditions(capped) == (["c1", "c2", "c3"], "truncated")
    assert len(ehr.asked) == 3


def test_a_page_that_names_itself_as_next_ends_the_search(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1", link=next_page(f"{ehr.base}/Condition?page=1")))

    assert conditions(client) == (["c1", "c1"], "truncated")
    assert len(ehr.asked) == 2


@pytest.mark.proves("ENG-SSRF-05")
def test_a_body_past_the_cap_is_not_read(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(b" " * 5000)
    capped = FhirClient(client.session, client.executor, ehr.base, "p1", limits=Limits(page_bytes=4096))

    assert conditions(capped) == ([], "too large")


def test_the_cap_counts_the_unpacked_body(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(gzip.compress(b" " * 5_000_000), Content_Encoding="gzip")
    capped = FhirClient(client.session, client.executor, ehr.base, "p1", limits=Limits(page_bytes=1_000_000))

    assert conditions(capped) == ([], "too large")


def test_a_packed_body_is_read(ehr: Ehr, client: FhirClient) -> None:
    body = gzip.compress(json.dumps(page(*(f"c{n}" for n in range(3000)))).encode())
    ehr.answer = lambda request: request.reply(body, Content_Encoding="gzip")

    found, reason = conditions(client)

    assert (len(found), reason) == (3000, None)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422, 429, 500, 503])
def test_an_error_status_is_a_failure(ehr: Ehr, client: FhirClient, status: int) -> None:
    ehr.answer = lambda request: request.reply(b"Invalid token: jwt malformed", status, Content_Type="text/plain")

    assert conditions(client) == ([], f"http {status}")
    assert len(ehr.asked) == (2 if status >= 500 else 1)  # a broken server is tried once more, a refusal is not


def test_a_server_that_recovers_is_read(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1"), 500 if len(ehr.asked) == 1 else 200)

    assert conditions(client) == (["c1"], None)


def test_a_connection_that_breaks_is_tried_once_more(ehr: Ehr, client: FhirClient) -> None:
    def answer(request: Ehr.Handler) -> None:
        if len(ehr.asked) == 1:
            request.close_connection = True  # and say nothing
        else:
            request.reply(page("c1"))

    ehr.answer = answer

    assert conditions(client) == (["c1"], None)


def test_the_bare_id_is_tried_when_the_reference_is_refused(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page("c1"), 400 if "Patient/p1" in request.path else 200)

    assert conditions(client) == (["c1"], None)
    assert ehr.asked[1][0] == "/fhir/Condition?patient=p1&_count=200"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Service is up", "not json"),
        (b"", "not json"),
        (b'{"resourceType":"Bundle","entry":[', "not json"),
        ({"resourceType": "OperationOutcome"}, "operation outcome"),
        ({"resourceType": "CapabilityStatement"}, "not fhir"),
        ([1, 2], "not fhir"),
    ],
)
def test_a_body_that_is_no_answer_is_a_failure(ehr: Ehr, client: FhirClient, body: object, reason: str) -> None:
    ehr.answer = lambda request: request.reply(body)

    assert conditions(client) == ([], reason)


def test_a_failure_on_a_later_page_keeps_what_came_before(ehr: Ehr, client: FhirClient) -> None:
    def answer(request: Ehr.Handler) -> None:
        if "page=2" in request.path:
            request.reply(b"", 403)
        else:
            request.reply(page("c1", total=2, link=next_page("?page=2")))

    ehr.answer = answer

    assert conditions(client) == (["c1"], "http 403")


def test_nobody_listens(client: FhirClient) -> None:
    closed = Ehr()
    closed.close()

    assert conditions(FhirClient(client.session, client.executor, closed.base, "p1")) == ([], "unreachable")


def test_queries_run_side_by_side_and_answers_keep_their_order(ehr: Ehr, client: FhirClient) -> None:
    def answer(request: Ehr.Handler) -> None:
        time.sleep(0.2)
        kind = urlsplit(request.path).path.rpartition("/")[2]
        request.reply(b"", 403) if kind == "Procedure" else request.reply({"resourceType": "Bundle"})

    ehr.answer = answer
    queries = [Query(kind) for kind in ("Condition", "Procedure", "Observation", "Encounter", "Device")]
    began = time.monotonic()

    answers = client.fetch(queries, 5.0)

    assert time.monotonic() - began < 0.8
    assert [answer.resource_type for answer in answers] == [query.resource_type for query in queries]
    assert [answer.failure for answer in answers] == [None, Failure("Procedure", "http 403"), None, None, None]


def test_a_server_is_never_asked_more_than_a_few_things_at_once(ehr: Ehr, session: requests.Session) -> None:
    """However many threads there are: servers lose requests of a client that asks for a whole chart at once."""
    under_way: set[str] = set()
    most = 0

    def answer(request: Ehr.Handler) -> None:
        nonlocal most
        under_way.add(request.path)
        most = max(most, len(under_way))
        time.sleep(0.1)
        under_way.remove(request.path)
        request.reply({"resourceType": "Bundle"})

    ehr.answer = answer
    kinds = [f"Type{letter}" for letter in "ABCDEFGHIJKLMNOP"]
    with new_executor() as plenty:
        answers = FhirClient(session, plenty, ehr.base, "p1").fetch([Query(kind) for kind in kinds], 5.0)

    assert [(answer.resource_type, answer.failure) for answer in answers] == [(kind, None) for kind in kinds]
    assert most == MOST_AT_ONCE == 8


def test_what_the_time_did_not_suffice_for_is_named(ehr: Ehr, session: requests.Session) -> None:
    """Those that were waiting for their turn as well as those under way."""
    ehr.answer = lambda request: time.sleep(1.0)
    kinds = [f"Type{letter}" for letter in "ABCDEFGHIJKL"]
    with new_executor() as plenty:
        answers = FhirClient(session, plenty, ehr.base, "p1").fetch([Query(kind) for kind in kinds], 0.5)

    assert [answer.failure for answer in answers] == [Failure(kind, "timeout") for kind in kinds]
    assert len(ehr.asked) == MOST_AT_ONCE


def test_nothing_is_asked_once_the_time_is_up(ehr: Ehr, client: FhirClient) -> None:
    assert conditions(client, seconds=0.0) == ([], "timeout")
    assert conditions(client, seconds=-1.0) == ([], "timeout")
    assert ehr.asked == []


def test_cookies_of_one_server_are_not_kept_for_the_next_patient(ehr: Ehr, client: FhirClient) -> None:
    ehr.answer = lambda request: request.reply(page(), Set_Cookie="sid=1; Path=/")

    conditions(client)
    conditions(client)

    assert all("Cookie" not in headers for _, headers in ehr.asked)
    assert len(client.session.cookies) == 0
