"""An exchange ends when its time is up, and what comes after it on the same connection is left alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from cds_service.fhir.time_limit import seconds_left, time_limit, watch


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(5.0)
    with ours, theirs:
        yield ours, theirs


def read_within(seconds: float, ours: socket.socket, *, after: float = 0.0) -> None:
    with time_limit(seconds):
        time.sleep(after)
        assert (seconds_left() or 0) > 0
        watch(ours)
        assert ours.recv(1) == b""


def test_a_reader_is_woken_when_the_time_is_up(pair: tuple[socket.socket, socket.socket]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        read_within(0.1, pair[0])

    assert 0.1 <= time.monotonic() - began < 1.0


def test_the_earlier_of_two_limits_comes_first(pair: tuple[socket.socket, socket.socket]) -> None:
    began = time.monotonic()
    with time_limit(30.0):
        assert (seconds_left() or 0) > 29.0
    with pytest.raises(TimeoutError):
        read_within(0.1, pair[0])

    assert time.monotonic() - began < 1.0


def test_within_the_limit_nothing_happens_then_or_later(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with time_limit(0.1):
        watch(ours)
        assert 0 < (seconds_left() or 0) <= 0.1
    assert seconds_left() is None
    time.sleep(0.2)

    theirs.sendall(b"a")
    assert ours.recv(1) == b"a"


def test_another_fault_in_time_stays_what_it_is() -> None:
    with pytest.raises(KeyError), time_limit(5.0):
        raise KeyError


def test_no_connection_is_used_after_the_time(pair: tuple[socket.socket, socket.socket]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        read_within(0.0, pair[0], after=0.1)

    assert time.monotonic() - began < 1.0


def test_without_a_limit_a_socket_is_nobodys_business(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    watch(ours)
    watch(None)
    with pytest.raises(TimeoutError), time_limit(0.05):
        time.sleep(0.1)

    theirs.sendall(b"a")
    assert ours.recv(1) == b"a"
