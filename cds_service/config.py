"""Settings: from a TOML file, then from the environment, checked as a whole before anything starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cds_service.card_builder import PROFILES
from cds_service.core.errors import ConfigurationError
from cds_service.hooks.fhir_servers import FhirServers

PREFIX: Final = "SPINE_CDS_"
CONFIG_FILE: Final = f"{PREFIX}CONFIG"


class Mode(StrEnum):
    DEMO = "demo"  # loopback only, synthetic patients, any origin
    PRODUCTION = "production"  # refuses to start without its allow-lists


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between installations.

    `fhir_servers` are base URLs we may read from, `allowed_origins` browser origins, `allowed_issuers` the `iss` of
    clients' tokens. `public_base_url` is our address as clients see it. Times are seconds, sizes bytes.
    `client_profile` names what the clients can carry out (`card_builder.PROFILES`), `app_url` the SMART app in which
    open questions are answered; without it no card links to one.
    """

    mode: Mode = Mode.DEMO
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 4
    database_url: str = field(default="", repr=False)  # may hold a password
    fhir_servers: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allowed_issuers: tuple[str, ...] = ()
    client_profile: str = "default"
    app_url: str | None = None
    public_base_url: str | None = None
    max_body_bytes: int = 20_000_000
    fhir_deadline: float = 3.0
    feedback_timeout: float = 5.0

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
        return FhirServers(self.fhir_servers, loopback=self.demo, plain_http=self.demo)


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Defaults < TOML file named by SPINE_CDS_CONFIG < SPINE_CDS_* variables < `overrides`.

    `PORT` is understood too. Lists are separated by commas in variables. Raises ConfigurationError.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    if environ.get(CONFIG_FILE):
        values |= _from_file(Path(environ[CONFIG_FILE]))
    if environ.get("PORT"):
        values["port"] = environ["PORT"]
    known = {setting.name for setting in fields(Settings)}
    for variable, text in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and variable != CONFIG_FILE and text and not _is_service_link(variable, text):
            if name not in known:
                raise ConfigurationError(f"{variable} is not a setting (known: {_names(known)})")
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(**{name: _typed(name, value) for name, value in values.items()})


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables from which `load` makes these settings again, for worker processes."""
    variables = {}
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if value is not None:
            variables[PREFIX + setting.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return variables


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigurationError(f"{CONFIG_FILE} names {path}, which cannot be read: {fault.strerror}") from fault
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: {fault}") from fault
    known = {setting.name for setting in fields(Settings)}
    if strangers := sorted(values.keys() - known):
        raise ConfigurationError(f"{path}: {', '.join(strangers)} is not a setting (known: {_names(known)})")
    return values


def _typed(name: str, value: Any) -> Any:
    kind = _TYPES[name]
    try:
        if kind is tuple:
            parts = value.split(",") if isinstance(value, str) else list(value)
            return tuple(part.strip() for part in parts if part.strip())
        return kind(value)
    except (TypeError, ValueError, AttributeError):
        wanted = ", ".join(Mode) if kind is Mode else {int: "a whole number", float: "a number"}.get(kind, "a text")
        raise ConfigurationError(f"{name} must be {wanted}") from None


_TYPES: Final[dict[str, Any]] = {
    "mode": Mode,
    "host": str,
    "port": int,
    "workers": int,
    "threads": int,
    "database_url": str,
    "fhir_servers": tuple,
    "allowed_origins": tuple,
    "allowed_issuers": tuple,
    "client_profile": str,
    "app_url": str,
    "public_base_url": str,
    "max_body_bytes": int,
    "fhir_deadline": float,
    "feedback_timeout": float,
}


def _problems(settings: Settings) -> Iterator[str]:
    for name in ("port", "workers", "threads", "max_body_bytes", "fhir_deadline", "feedback_timeout"):
        if getattr(settings, name) <= 0:
            yield f"{name} must be greater than 0"
    if settings.port > 65535:
        yield "port must be at most 65535"
    if settings.client_profile not in PROFILES:
        yield f"client_profile must be one of {', '.join(PROFILES)}"
    for server in settings.fhir_servers:
        if urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).hostname:
            yield f"fhir_servers: {server} is not an absolute URL such as https://ehr.example.org/fhir"
    if settings.demo:
        if settings.host not in ("127.0.0.1", "localhost", "::1"):
            yield "demo mode listens on loopback only (host 127.0.0.1); use mode production for another address"
        return
    needed = {
        "fhir_servers": "the base URLs of the FHIR servers that charts may be read from",
        "allowed_issuers": "the token issuers (iss) of the clients that may call",
    }
    for name, meaning in needed.items():
        if not getattr(settings, name):
            yield f"production mode needs {name}: {meaning} ({PREFIX}{name.upper()})"
    if not (settings.public_base_url or "").startswith("https://"):
        yield f"production mode needs public_base_url, our https address as clients see it ({PREFIX}PUBLIC_BASE_URL)"
    if any(urlsplit(server).scheme != "https" for server in settings.fhir_servers):
        yield "production mode reads from https FHIR servers only (fhir_servers)"
    if "*" in settings.allowed_origins:
        yield "production mode needs allowed_origins as a list of origins, not '*'"


def _is_service_link(variable: str, text: str) -> bool:
    """Whether Kubernetes put this variable there, for a Service that happens to be called spine-cds."""
    return text.startswith("tcp://") or "_SERVICE_" in variable or "_TCP_" in variable


def _names(known: set[str]) -> str:
    return ", ".join(sorted(known))


def _state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "cds-service"
