"""A server that never answers is asked less and less, and asked again once it has had a rest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from cds_service.fhir.breaker import Breaker
from cds_service.fhir.client import FhirClient, Query, new_executor
from cds_service.fhir.connections import Reach, new_session
from cds_service.fhir.servers import MOST_EXECUTORS, MOST_SERVERS, Servers
from tests.stub_fhir import StubFhir, stub_fhir


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, rest=10.0, clock=clock)


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.report(answered=False)


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.admits()
    fail(breaker, 1)
    assert not breaker.admits()


def test_an_answer_in_between_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.report(answered=True)
    fail(breaker, 2)
    assert breaker.admits()


def test_after_the_rest_one_looks_and_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now = 9.9
    assert not breaker.admits()
    clock.now = 10.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_what_it_finds_closes_or_opens(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now = 10.0
    assert breaker.admits()
    breaker.report(answered=False)
    clock.now = 19.9
    assert not breaker.admits()
    clock.now = 20.0
    assert breaker.admits()
    breaker.report(answered=True)
    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_one_that_looked_and_never_came_back_is_replaced(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now = 10.0
    assert breaker.admits()
    clock.now = 20.0
    assert breaker.admits()


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


@pytest.fixture
def client(fhir: StubFhir, breaker: Breaker) -> Iterator[FhirClient]:
    with new_session(Reach(loopback=True)) as session, new_executor(4) as executor:
        yield FhirClient(session, executor, fhir.base_url, "p1", breaker=breaker)


QUERIES = [Query("Condition"), Query("Procedure")]


def reasons(client: FhirClient, queries: list[Query] = QUERIES) -> list[str | None]:
    return [answer.failure and answer.failure.reason for answer in client.fetch(queries, 2.0)]


def test_a_broken_server_is_left_alone_and_found_again(client: FhirClient, fhir: StubFhir, clock: Clock) -> None:
    fhir.answer = lambda kind, ident: (503, b"")
    for _ in range(3):
        assert reasons(client) == ["http 503", "http 503"]
    asked = len(fhir.seen)

    assert reasons(client) == ["unreachable", "unreachable"]
    assert len(fhir.seen) == asked

    fhir.answer = lambda kind, ident: None
    clock.now = 10.0
    assert reasons(client) == [None, None]


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_is_an_answer(client: FhirClient, fhir: StubFhir, status: int) -> None:
    fhir.answer = lambda kind, ident: (status, b"")
    for _ in range(5):
        assert reasons(client) == [f"http {status}"] * 2


def test_one_query_that_works_keeps_it_closed(client: FhirClient, fhir: StubFhir) -> None:
    fhir.answer = lambda kind, ident: (500, b"") if kind == "Condition" else None
    for _ in range(5):
        assert reasons(client) == ["http 500", None]


def test_ids_that_are_none_do_not_open_it(client: FhirClient, fhir: StubFhir) -> None:
    for _ in range(5):
        assert reasons(client, [Query("Patient", "../x")]) == ["bad id"]
    assert reasons(client) == [None, None]


def test_each_server_has_its_own_breaker_and_threads() -> None:
    made = count()
    servers = Servers(new_threads=lambda: ThreadPoolExecutor(1, f"t{next(made)}"))

    assert servers.of("a") is servers.of("a")
    assert servers.of("a").breaker is not servers.of("b").breaker
    assert servers.of("a").executor is not servers.of("b").executor


def test_servers_do_not_grow_without_end() -> None:
    servers = Servers()
    first = servers.of(0)
    kept = {id(servers.of(number).executor) for number in range(MOST_SERVERS)}

    assert len(kept) == MOST_EXECUTORS
    assert servers.of(MOST_SERVERS) is not None
    assert servers.of(0) is not first
