"""Outgoing connections: a name is looked up once, every address is judged, and only a judged address is connected to.

Names on an allow-list are chosen by an operator, but who answers for a name may change between two look-ups. So the
check sits where the socket is opened: the address that was judged is the one that is used, while certificate and Host
header keep the name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from cds_service.fhir.time_limit import seconds_left, watch

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[..., Iterable[Any]]

# Where cloud providers answer questions about the machine itself, credentials among them. Refused whatever is allowed.
METADATA: Final = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"))
)

# IPv6 that is public is handed out of here, and IPv4 that is public is met behind a translator there.
_UNICAST: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")

# Public by the tables of Python's library, or by their age, and still no place where a server of records would be:
# protocol assignments, 6to4 and its relay, documentation.
_SPECIAL: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")))

# Blocks whose addresses end with an IPv4 address: compatible, translated, and both kinds of NAT64.
_ENDING_WITH_IPV4: Final = (_NAT64, *map(ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48")))
MOST_ADDRESSES: Final = 3


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be connected to: public ones, `networks`, and with `loopback` this machine.

    `resolve` is `socket.getaddrinfo` or, in a test, a resolver that lies.
    """

    networks: tuple[Network, ...] = ()
    loopback: bool = False
    resolve: Resolve = socket.getaddrinfo

    def admits(self, address: Address) -> bool:
        """Whether to connect. An address that carries another one inside is judged by that one too."""
        return all(self._admits(each) for each in _within(address))

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The admitted addresses of a name, as text. Raises OSError when the name has none at all."""
        found = self.resolve(host, port, type=socket.SOCK_STREAM)
        named = dict.fromkeys(str(entry[4][0]) for entry in found)
        return tuple(text for text in named if self.admits(ip_address(text.partition("%")[0])))[:MOST_ADDRESSES]

    def _admits(self, address: Address) -> bool:
        if address in METADATA:
            return False
        if any(address.version == network.version and address in network for network in self.networks):
            return True
        if address.is_loopback:
            return self.loopback
        if any(address in network for network in _SPECIAL):
            return False
        within = isinstance(address, IPv4Address) or address in _UNICAST or address in _NAT64
        return within and address.is_global and not address.is_multicast


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError for what is no network."""
    return tuple(ip_network(text, strict=False) for text in texts)


def new_session(reach: Reach, *, ca_file: str | None = None, connections: int = 32) -> requests.Session:
    """A session to share between requests: keeps connections, one a thread, and nothing else (no cookies, no proxies).

    Its servers' certificates are checked against `ca_file`, or the public authorities when None.
    """
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file or True
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = _Adapter(reach, connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, reach: Reach, connections: int) -> None:
        self._reach = reach
        super().__init__(pool_connections=connections, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _pools(self._reach)


def _pools(reach: Reach) -> dict[str, type[HTTPConnectionPool]]:
    """Pools by scheme whose connections keep within `reach`, and within the limit of time of whoever uses them."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, reach)

        def getresponse(self) -> Any:
            watch(self.sock)
            return super().getresponse()

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, reach)

        def getresponse(self) -> Any:
            watch(self.sock)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connect(connection: HTTPConnection, reach: Reach) -> socket.socket:
    """A socket to the first admitted address that answers."""
    try:
        addresses = reach.addresses(connection.host, connection.port)
    except (OSError, UnicodeError) as fault:
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(fault))) from fault
    last: Exception = NewConnectionError(connection, "no address of this name may be connected to")
    for address in addresses:
        try:
            made = create_connection(
                (address, connection.port),
                seconds_left() or connection.timeout,
                socket_options=connection.socket_options,
            )
            if left := seconds_left():
                made.settimeout(left)  # which holds for the whole of the TLS handshake
            return made
        except TimeoutError:
            last = ConnectTimeoutError(connection, "timed out")
        except OSError:
            last = NewConnectionError(connection, "refused")
    raise last


def _within(address: Address) -> Iterator[Address]:
    """The address, and IPv4 addresses that it leads to: a private one does not become public by its spelling."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped  # the same thing, in other words
    else:
        yield address
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo
        if int(address) > 1 and any(address in network for network in _ENDING_WITH_IPV4):
            yield IPv4Address(int(address) & 0xFFFFFFFF)
