"""What may differ between installations, and which combinations are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from cds_service.card_builder import PROFILES
from cds_service.config import clients as client_rules
from cds_service.config.addresses import is_https, is_network, split
from cds_service.config.clients import Client
from cds_service.core.errors import ConfigurationError
from cds_service.facts.settings import Settings as FactSettings
from cds_service.hooks.fhir_servers import FhirServers

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
SHORTEST_TOKEN: Final = 24
_POSITIVE: Final = ("port", "workers", "threads", "max_body_bytes", "fhir_deadline", "feedback_timeout")


class Mode(StrEnum):
    DEMO = "demo"  # loopback only, synthetic patients, any caller, any origin
    PRODUCTION = "production"  # refuses to start without its clients


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between installations. Times are seconds, sizes bytes.

    `public_base_url` is our address as clients see it, and so the audience of their tokens. In production `clients`
    says who may call; in demo mode `fhir_servers`, `allowed_origins` and `client_profile` (`card_builder.PROFILES`)
    hold for any caller. `private_networks` are those that outgoing connections may reach although they are not public,
    `ca_file` the certificates they trust instead of the public ones. `app_url` is the SMART app in which open
    questions are answered; without it no card links to one. Our own is at /documentation/launch of this service:
    `app_client_id` is the name under which record systems know it, and without that name production does not offer it.
    `analytics_token` opens /analytics in production, which is closed without it. Without `audit_folder` no request or
    response is kept. `facts` are the numbers that the guidelines leave open (`[facts]` in the file).
    """

    mode: Mode = Mode.DEMO
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 4
    database_url: str = field(default="", repr=False)  # may hold a password
    clients: tuple[Client, ...] = ()
    fhir_servers: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    client_profile: str = "default"
    private_networks: tuple[str, ...] = ()
    ca_file: str | None = None
    app_url: str | None = None
    app_client_id: str | None = None
    analytics_token: str | None = field(default=None, repr=False)
    public_base_url: str | None = None
    max_body_bytes: int = 20_000_000
    fhir_deadline: float = 3.0
    feedback_timeout: float = 5.0
    log_level: str = "info"
    audit_folder: str | None = None
    facts: FactSettings = field(default_factory=FactSettings)

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigurationError("; ".join(problems))

    @property
    def demo(self) -> bool:
        return self.mode is Mode.DEMO

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store; a file in the user's state directory when none is set."""
        return self.database_url or f"sqlite:///{_state_directory() / 'cds-service.sqlite3'}"

    @property
    def base_url(self) -> str:
        """Our address as clients see it, without a trailing slash."""
        return (self.public_base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def fhir_access(self) -> FhirServers:
        """Every server that any caller may make us read from. In production a caller's own list narrows it."""
        if self.demo:
            return FhirServers(self.fhir_servers, loopback=True, plain_http=True)
        return FhirServers(tuple(server for client in self.clients for server in client.fhir_servers or ()))

    @property
    def origins(self) -> tuple[str, ...]:
        """Every browser origin that may call. A preflight names nobody, so it is answered from this list."""
        return (*self.allowed_origins, *(origin for client in self.clients for origin in client.allowed_origins))


def _problems(settings: Settings) -> Iterator[str]:
    for name in _POSITIVE:
        if getattr(settings, name) <= 0:
            yield f"{name} must be greater than 0"
    if settings.port > 65535:
        yield "port must be at most 65535"
    if settings.client_profile not in PROFILES:
        yield f"client_profile must be one of {', '.join(PROFILES)}"
    if settings.log_level not in LOG_LEVELS:
        yield f"log_level must be one of {', '.join(LOG_LEVELS)}"
    if settings.ca_file and not Path(settings.ca_file).is_file():
        yield f"ca_file names {settings.ca_file}, which is no file"
    for network in settings.private_networks:
        if not is_network(network):
            yield f"private_networks: {network} is not a network such as 10.20.0.0/16"
    for server in settings.fhir_servers:
        if split(server) is None:
            yield f"fhir_servers: {server} is not an absolute URL such as https://ehr.example.org/fhir"
    if settings.analytics_token is not None and len(settings.analytics_token) < SHORTEST_TOKEN:
        yield f"analytics_token must have at least {SHORTEST_TOKEN} characters"
    yield from _demo_problems(settings) if settings.demo else _production_problems(settings)


def _demo_problems(settings: Settings) -> Iterator[str]:
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        yield "demo mode listens on loopback only (host 127.0.0.1); use mode production for another address"
    if settings.clients:
        yield "demo mode checks no tokens: remove the clients, or use mode production"
    if settings.audit_folder:
        yield "demo mode keeps no audit: remove audit_folder, or use mode production"


def _production_problems(settings: Settings) -> Iterator[str]:
    if not settings.clients:
        yield "production mode needs clients: who may call ([[clients]] in the file; docs/integrate.md has an example)"
    if not is_https(settings.public_base_url or ""):
        yield "production mode needs public_base_url, our https address as clients see it"
    for name in ("fhir_servers", "allowed_origins"):
        if getattr(settings, name):
            yield f"in production mode {name} belongs to a client, under [[clients]]"
    if settings.client_profile != "default":
        yield "in production mode client_profile belongs to a client, as profile under [[clients]]"
    yield from client_rules.problems(settings.clients)


def _state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "cds-service"
