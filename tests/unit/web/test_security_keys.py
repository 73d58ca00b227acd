"""Keys of clients: which are usable, when they are fetched, and what happens while their host is down."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from cds_service.core.errors import ConfigurationError
from cds_service.fhir.connections import Reach, new_session
from cds_service.web.security_keys import COOLDOWN, FRESH, LARGEST, LAST, RETRY, KeyRing, fetcher, read_keys
from tests.hostile.raw_server import dribbling, raw_server
from tests.tls import HOST, certificate, server_context
from tests.tokens import a_client, jwks, public_jwk

URL = "https://ehr.example/jwks.json"
CLIENT = a_client(jwks_url=URL, keys="")


class Host:
    """A key host in memory: what it serves, and how often it was asked."""

    def __init__(self) -> None:
        self.serves: str | Exception = jwks("ES384")
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.serves, Exception):
            raise self.serves
        return self.serves.encode()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(host: Host, clock: Clock) -> KeyRing:
    return KeyRing(host, clock=clock, beside=lambda work: work())


def has(ring: KeyRing, kid: str = "ES384") -> bool:
    return ring.key(CLIENT, kid, "ES384") is not None


@pytest.mark.proves("CH-JWT-09")
def test_many_tokens_cost_one_fetch(ring: KeyRing, host: Host) -> None:
    assert [has(ring) for _ in range(10)] == [True] * 10
    assert host.asked == [URL]


@pytest.mark.proves("CH-JWT-03")
def test_a_rotated_key_is_found_at_once_after_the_cooldown(ring: KeyRing, host: Host, clock: Clock) -> None:
    assert has(ring)
    host.serves = jwks("ES384", "ES384-new")
    clock.now += COOLDOWN
    assert ring.key(CLIENT, "ES384-new", "ES384") is not None
    assert len(host.asked) == 2


@pytest.mark.proves("CH-JWT-09")
def test_invented_key_ids_cannot_make_us_ask_again_and_again(ring: KeyRing, host: Host, clock: Clock) -> None:
    assert has(ring)
    for number in range(20):
        assert not has(ring, f"invented-{number}")
    assert len(host.asked) == 1
    clock.now += COOLDOWN
    assert not has(ring, "invented")
    assert not has(ring, "invented")
    assert len(host.asked) == 2


def test_a_withdrawn_key_stops_working(ring: KeyRing, host: Host, clock: Clock) -> None:
    assert has(ring)
    host.serves = jwks("ES384-new")
    clock.now += FRESH + 1
    has(ring)  # still with the old key, while the new ones are fetched beside it
    assert not has(ring)


def test_keys_are_renewed_off_the_request(host: Host, clock: Clock) -> None:
    later: list[Callable[[], None]] = []
    ring = KeyRing(host, clock=clock, beside=later.append)
    assert has(ring)
    clock.now += FRESH + 1

    assert has(ring)
    assert (len(host.asked), len(later)) == (1, 1)
    later[0]()
    assert len(host.asked) == 2


@pytest.mark.proves("CH-JWT-09")
@pytest.mark.parametrize("fault", [ValueError("down"), "<html>", "{}", '{"keys": 5}', "[" * 100_000])
def test_the_last_good_keys_stay_while_the_host_is_down(
    ring: KeyRing, host: Host, clock: Clock, fault: str | Exception
) -> None:
    assert has(ring)
    host.serves = fault
    for _ in range(20):
        clock.now += FRESH + 1
        assert has(ring)
    assert len(host.asked) > 10
    host.serves = jwks("ES384-new")
    clock.now += COOLDOWN
    has(ring)
    assert not has(ring)


def test_but_not_for_ever(ring: KeyRing, host: Host, clock: Clock) -> None:
    assert has(ring)
    host.serves = ValueError("down")
    clock.now += LAST + 1
    assert not has(ring)


def test_without_any_key_the_host_is_asked_again_sooner(ring: KeyRing, host: Host, clock: Clock) -> None:
    host.serves = ValueError("down")
    assert [has(ring) for _ in range(5)] == [False] * 5
    assert len(host.asked) == 1
    host.serves = jwks("ES384")
    clock.now += RETRY
    assert has(ring)


def test_a_host_that_says_it_has_no_keys_has_none(ring: KeyRing, host: Host, clock: Clock) -> None:
    assert has(ring)
    host.serves = '{"keys": []}'
    clock.now += FRESH + 1
    has(ring)
    assert not has(ring)


def test_however_many_ask_at_once_it_is_fetched_once() -> None:
    asked = []

    def slow(url: str) -> bytes:
        asked.append(url)
        time.sleep(0.2)
        return jwks("ES384").encode()

    ring = KeyRing(slow)
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(has(ring))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 8
    assert len(asked) == 1


def test_hosts_do_not_share_keys(ring: KeyRing, host: Host) -> None:
    other = a_client(jwks_url="https://other.example/jwks.json", keys="")

    assert has(ring)
    host.serves = jwks("RS384")
    assert ring.key(other, "ES384", "ES384") is None


def test_pinned_keys_need_no_host(ring: KeyRing, host: Host) -> None:
    pinned = a_client()
    ring.pin([pinned, CLIENT])

    assert ring.key(pinned, "ES384", "ES384")
    assert ring.key(pinned, "RS384", "RS384")
    assert ring.key(pinned, "ES384", "RS384") is None
    assert ring.key(pinned, "unknown", "ES384") is None
    assert host.asked == []


@pytest.mark.parametrize("keys", [json.dumps({"keys": [public_jwk("RSA-1024")]}), jwks("ES256"), '{"keys": []}'])
def test_pinned_keys_that_cannot_be_used_stop_the_start(ring: KeyRing, keys: str) -> None:
    with pytest.raises(ConfigurationError, match="none of its keys can be used with ES384, RS384"):
        ring.pin([a_client(keys=keys)])


def usable(*listed: Any) -> dict[str, set[str]]:
    return {kid: set(made) for kid, made in read_keys(json.dumps({"keys": list(listed)})).items()}


def test_a_key_works_for_the_algorithms_it_fits() -> None:
    rsa = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    found = usable(*(public_jwk(name) for name in ("ES256", "ES384", "ES512", "EdDSA", "RS384")))

    assert found == {"ES256": {"ES256"}, "ES384": {"ES384"}, "ES512": {"ES512"}, "EdDSA": {"EdDSA"}, "RS384": rsa}


def test_what_a_key_says_about_itself_narrows_it() -> None:
    assert usable(public_jwk("RS384", alg="RS384")) == {"RS384": {"RS384"}}
    assert usable(public_jwk("RS384", alg="HS384")) == {}
    assert usable(public_jwk("ES384", use="sig", key_ops=["verify"])) == {"ES384": {"ES384"}}


@pytest.mark.parametrize(
    "jwk",
    [
        public_jwk("ES384", use="enc"),
        public_jwk("ES384", key_ops=["encrypt"]),
        public_jwk("RSA-1024"),
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "RS384"},
        {**public_jwk("ES384"), "kid": 5},
        {name: value for name, value in public_jwk("ES384").items() if name != "kid"},
        {**public_jwk("ES384"), "crv": "P-999"},
        {**public_jwk("ES384"), "crv": ["P-384"]},
        {**public_jwk("ES384"), "x": "AAAA"},
        {**public_jwk("ES384"), "x": 5},
        {"kty": ["EC"], "kid": "k"},
        {"kty": "RSA", "kid": "k", "n": "", "e": ""},
        {"kty": "RSA", "kid": "k"},
        5,
        None,
        "key",
    ],
)
def test_a_key_that_cannot_be_used_is_passed_over(jwk: Any) -> None:
    assert usable(jwk, public_jwk("ES256")) == {"ES256": {"ES256"}}


def test_a_kid_that_stands_for_two_keys_stands_for_none() -> None:
    assert usable(public_jwk("ES384"), public_jwk("RS384", kid="ES384"), public_jwk("ES256")) == {"ES256": {"ES256"}}


def test_the_private_half_is_left_unread() -> None:
    key = read_keys(json.dumps({"keys": [public_jwk("ES384", d="AAAA")]}))["ES384"]["ES384"]

    assert not hasattr(key.key, "private_numbers")


class KeyServer:
    """A key host over HTTPS that can misbehave."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda request: reply(request, jwks("ES384").encode())
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.socket = server_context().wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"https://{HOST}:{self.http.server_address[1]}/jwks.json"


def reply(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def server() -> Iterator[KeyServer]:
    running = KeyServer()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    with new_session(Reach(loopback=True, resolve=resolve), ca_file=str(certificate()[0])) as shared:
        yield shared


@pytest.mark.proves("CH-JWT-09")
def test_keys_come_over_https(server: KeyServer, session: requests.Session) -> None:
    assert read_keys(fetcher(session)(server.url)).keys() == {"ES384"}


@pytest.mark.proves("CH-JWT-09")
def test_a_redirect_is_not_followed(server: KeyServer, session: requests.Session) -> None:
    other = KeyServer()
    server.answer = lambda request: reply(request, b"", 302, Location=other.url)
    with pytest.raises(ValueError, match="refused"):
        fetcher(session)(server.url)
    assert other.asked == []
    other.http.shutdown()
    other.http.server_close()


@pytest.mark.parametrize("status", [204, 401, 404, 500])
def test_another_status_is_no_answer(server: KeyServer, session: requests.Session, status: int) -> None:
    server.answer = lambda request: reply(request, b"", status)
    with pytest.raises(ValueError, match="refused"):
        fetcher(session)(server.url)


@pytest.mark.proves("CH-JWT-09")
def test_a_flood_is_cut_off(server: KeyServer, session: requests.Session) -> None:
    server.answer = lambda request: reply(request, b" " * (LARGEST + 1))
    with pytest.raises(ValueError, match="too much"):
        fetcher(session)(server.url)


@pytest.mark.proves("CH-JWT-09")
@pytest.mark.parametrize("begun", ["", "X-A: ", "Transfer-Encoding: chunked\r\n\r\n", "\r\n"])
def test_a_dribble_is_cut_off(server: KeyServer, session: requests.Session, begun: str) -> None:
    def dribble(request: BaseHTTPRequestHandler) -> None:
        try:
            request.wfile.write(f"HTTP/1.1 200 OK\r\n{begun}".encode())
            for _ in range(100):
                request.wfile.write(b"0")
                time.sleep(0.02)
        except OSError:
            return

    server.answer = dribble
    began = time.monotonic()
    with pytest.raises(ValueError, match="did not answer"):
        fetcher(session, 0.2)(server.url)
    assert time.monotonic() - began < 1.0


def test_a_dribbled_handshake_is_cut_off(session: requests.Session) -> None:
    def dribble(connection: socket.socket, _path: str) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")
        dribbling(b"\x02" * 100, 0.02)(connection, "")

    began = time.monotonic()
    with raw_server(dribble) as slow, pytest.raises(ValueError, match="did not answer"):
        fetcher(session, 0.2)(slow.base_url.replace("http://127.0.0.1", f"https://{HOST}"))
    assert time.monotonic() - began < 1.0


def test_silence_is_cut_off(server: KeyServer, session: requests.Session) -> None:
    server.answer = lambda request: time.sleep(1.0)
    began = time.monotonic()
    with pytest.raises(ValueError, match="did not answer"):
        fetcher(session, 0.2)(server.url)
    assert time.monotonic() - began < 0.8


def test_a_key_host_inside_is_not_reached(server: KeyServer) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(2, 1, 6, "", ("169.254.169.254", port))]

    with new_session(Reach(loopback=True, resolve=resolve)) as session, pytest.raises(ValueError, match="not answer"):
        fetcher(session)(server.url)
