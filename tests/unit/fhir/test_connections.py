"""Where a connection goes is decided by address, at the moment it is opened, whatever the name said before."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from typing import Any

import pytest
import requests

from cds_service.fhir.connections import MOST_ADDRESSES, Reach, networks, new_session
from tests.tls import HOST, certificate, server_context

PUBLIC = [
    "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "2a00:1450:4001:80b::200e",
    "64:ff9b::93.184.216.34",   # a public server, by way of the translator of a machine without IPv4
]  # fmt: skip
NEVER = [
    "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254",
    "::169.254.169.254", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254",
    "2002:a9fe:a9fe::1",
]  # fmt: skip
PRIVATE = [
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "0.0.0.9", "192.0.2.1", "224.0.0.1",
    "255.255.255.255", "fe80::1", "fc00::1", "fd12::1", "::", "ff02::1", "2001:db8::1",
    "::ffff:10.0.0.1",          # IPv4 written as IPv6
    "64:ff9b::10.0.0.1",        # through a translator
    "2002:0a00:0001::1",        # 6to4 of 10.0.0.1
    "2001:0:0a00:1::f5ff:fffe", # Teredo by way of 10.0.0.1
    "::7f00:1", "::5db8:d822",  # compatible with IPv4, as it was meant once
    "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "64:ff9b:1::5db8:d822",  # translated
    "2002:5db8:d822::1",        # 6to4 of a public address, out of use
    "fec0::1", "5f00::1", "4000::1", "100::1",  # nothing that is public is out there
    "192.0.0.8", "192.0.0.9", "192.88.99.1", "2001:20::1", "3fff::1",
]  # fmt: skip
LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_admitted(address: str) -> None:
    assert Reach().admits(ip_address(address))


@pytest.mark.proves("ENG-SSRF-02")
@pytest.mark.parametrize("address", [*PRIVATE, *LOOPBACK, *NEVER])
def test_no_other_address_is_unless_allowed(address: str) -> None:
    assert not Reach().admits(ip_address(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_private_network_can_be_allowed(address: str) -> None:
    reach = Reach(networks(["10.1.0.0/16"]))

    assert reach.admits(ip_address(address))
    assert not reach.admits(ip_address("10.2.0.1"))


@pytest.mark.parametrize("address", NEVER)
def test_metadata_services_cannot(address: str) -> None:
    assert not Reach(networks(["0.0.0.0/0", "::/0"]), loopback=True).admits(ip_address(address))


@pytest.mark.parametrize("address", LOOPBACK[:3])
def test_this_machine_is_reached_in_demo_mode(address: str) -> None:
    assert Reach(loopback=True).admits(ip_address(address))
    assert not Reach(loopback=True).admits(ip_address("10.0.0.1"))


class Names:
    """A resolver that gives each look-up the next answer, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]


def test_only_admitted_addresses_of_a_name_are_used() -> None:
    names = Names(["10.0.0.1", "93.184.216.34", "127.0.0.1", "93.184.216.34"])

    assert Reach(resolve=names).addresses("ehr.example", 443) == ("93.184.216.34",)


def test_a_name_with_endless_addresses_is_not_tried_without_end() -> None:
    names = Names([f"93.184.216.{number}" for number in range(50)])

    assert len(Reach(resolve=names).addresses("ehr.example", 443)) == MOST_ADDRESSES


@contextmanager
def a_server(*, tls: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the Host header of every request it got."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["Host"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = server_context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_address[1], hosts
    finally:
        server.shutdown()
        server.server_close()


def answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).ok
    except (requests.ConnectionError, requests.exceptions.InvalidURL):
        return False


@pytest.mark.proves("ENG-SSRF-02")
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    with a_server() as (port, hosts), new_session(Reach(resolve=Names([address]))) as session:
        assert not answers(session, f"http://{HOST}:{port}/")

    assert hosts == []


@pytest.mark.proves("ENG-SSRF-02")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_nor_is_an_address_in_any_spelling(host: str) -> None:
    with a_server() as (port, hosts), new_session(Reach()) as session:
        assert not answers(session, f"http://{host}:{port}/")

    assert hosts == []


@pytest.mark.proves("ENG-SSRF-02")
def test_the_judged_address_is_the_one_connected_to() -> None:
    """A resolver that answers otherwise the second time is not asked a second time."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    with a_server() as (port, hosts), new_session(Reach(loopback=True, resolve=names)) as session:
        assert session.get(f"http://{HOST}:{port}/", timeout=2).status_code == 200

    assert names.asked == [HOST]
    assert hosts == [f"{HOST}:{port}"]


def test_a_name_that_moves_inside_is_refused_at_the_next_connection() -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    with a_server() as (port, _), new_session(Reach(loopback=True, resolve=names)) as session:
        session.get(f"http://{HOST}:{port}/", timeout=2, headers={"Connection": "close"})
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://{HOST}:{port}/", timeout=2)


def test_the_certificate_is_checked_against_the_name() -> None:
    trusted = str(certificate()[0])
    with a_server(tls=True) as (port, hosts):
        with new_session(Reach(loopback=True, resolve=Names(["127.0.0.1"])), ca_file=trusted) as session:
            assert session.get(f"https://{HOST}:{port}/", timeout=5).status_code == 200
            assert not answers(session, f"https://other.example:{port}/")
        with new_session(Reach(loopback=True, resolve=Names(["127.0.0.1"]))) as session:
            assert not answers(session, f"https://{HOST}:{port}/")

    assert hosts == [f"{HOST}:{port}"]


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_cannot_be_looked_up(fault: Exception) -> None:
    def nobody(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise fault

    with new_session(Reach(resolve=nobody)) as session, pytest.raises(requests.ConnectionError):
        session.get(f"http://{HOST}/", timeout=2)
