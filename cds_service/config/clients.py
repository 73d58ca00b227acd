"""Who may call in production, how they prove it, and what they may make us do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from cds_service.card_builder import PROFILES
from cds_service.config.addresses import is_https, is_origin
from cds_service.core.errors import ConfigurationError
from cds_service.hooks.fhir_servers import FhirServers

# Asymmetric only: with a shared secret whoever can check a token can also make one.
ALGORITHMS: Final = ("ES384", "RS384", "ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512", "EdDSA")
RECOMMENDED: Final = ("ES384", "RS384")

LONGEST_SKEW: Final = 300.0


@dataclass(frozen=True, slots=True)
class Client:
    """One EHR installation.

    `issuer` and `tenants` are compared with the token's `iss` and `tenant` as text; no tenants means any. Keys come
    from `jwks_url`, or are pinned in `keys`, a JWK Set as JSON text. `fhir_servers` are the base URLs its requests may
    name, `()` for a client that sends everything as prefetch. `audience` replaces the address of the endpoint as the
    `aud` we expect. `clock_skew` is how many seconds its clock may be off.
    """

    issuer: str
    name: str = ""
    fhir_servers: tuple[str, ...] | None = None
    jwks_url: str | None = None
    keys: str = ""
    algorithms: tuple[str, ...] = RECOMMENDED
    tenants: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    profile: str = "default"
    audience: str | None = None
    clock_skew: float = 60.0

    @property
    def label(self) -> str:
        return self.name or self.issuer

    @property
    def servers(self) -> FhirServers:
        """The FHIR servers that a request of this client may make us read from."""
        return FhirServers(self.fhir_servers or ())

    def problems(self) -> Iterator[str]:
        if not self.issuer:
            yield "needs issuer, the iss of its tokens"
        if bool(self.jwks_url) == bool(self.keys):
            yield "needs either jwks_url or keys_file: the public keys that its tokens are signed with"
        if self.jwks_url and not is_https(self.jwks_url):
            yield "jwks_url must be an https URL"
        yield from _key_problems(self.keys)
        if not self.algorithms:
            yield "needs algorithms, or none at all for ES384 and RS384"
        if strangers := [name for name in self.algorithms if name not in ALGORITHMS]:
            yield f"algorithms: {', '.join(strangers)} is not one of {', '.join(ALGORITHMS)}"
        if self.fhir_servers is None:
            yield "needs fhir_servers, the base URLs its charts may be read from ([] when prefetch is all it sends)"
        for server in self.fhir_servers or ():
            if not is_https(server):
                yield f"fhir_servers: {server} is not an https URL such as https://ehr.example.org/fhir"
        for origin in self.allowed_origins:
            if not is_origin(origin):
                yield f"allowed_origins: {origin} is not an origin such as https://ehr.example.org"
        if self.profile not in PROFILES:
            yield f"profile must be one of {', '.join(PROFILES)}"
        if not 0 <= self.clock_skew <= LONGEST_SKEW:
            yield f"clock_skew must be between 0 and {LONGEST_SKEW:.0f} seconds"


def problems(clients: Sequence[Client]) -> Iterator[str]:
    """What is wrong with each client, and where two of them could both claim one token."""
    for client in clients:
        for problem in client.problems():
            yield f"client {client.label or '?'}: {problem}"
    claims = Counter((client.issuer, tenant) for client in clients for tenant in client.tenants or ("",))
    issuers = Counter(client.issuer for client in clients)
    for issuer, tenant in claims:
        if claims[issuer, tenant] > 1 or (not tenant and issuers[issuer] > 1):
            yield f"two clients have the issuer {issuer}: give each its own tenants"
            return


def read_clients(value: Any, folder: Path) -> tuple[Client, ...]:
    """Clients from `[[clients]]` of a TOML file or from JSON text. Files are looked for beside the configuration."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise ConfigurationError("clients must be JSON, a list of objects") from None
    if isinstance(value, Sequence) and all(isinstance(entry, Client) for entry in value):
        return tuple(value)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigurationError("clients must be tables: [[clients]]")
    return tuple(_read(entry, folder) for entry in value)


def as_json(clients: Sequence[Client]) -> str:
    """Text from which `read_clients` makes the same clients. Public keys are all that is in it."""
    return json.dumps([{name: value for name, value in asdict(client).items() if value is not None}
                       for client in clients])  # fmt: skip


def _read(entry: Mapping[str, Any], folder: Path) -> Client:
    values = dict(entry)
    label = str(values.get("name") or values.get("issuer") or "?")
    if "keys_file" in values:
        values["keys"] = _file_text(folder / str(values.pop("keys_file")), label)
    known = {field.name: field for field in fields(Client)}
    if strangers := sorted(values.keys() - known.keys()):
        names = ", ".join(sorted([*known, "keys_file"]))
        raise ConfigurationError(f"client {label}: {', '.join(strangers)} is not a setting (known: {names})")
    return Client(**{"issuer": ""} | {name: _typed(label, name, value) for name, value in values.items()})


def _typed(label: str, name: str, value: Any) -> Any:
    field = next(field for field in fields(Client) if field.name == name)
    default = None if field.default is MISSING else field.default
    if isinstance(default, tuple) or name == "fhir_servers":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigurationError(f"client {label}: {name} must be a list of texts")
        return tuple(value)
    if isinstance(default, float):
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ConfigurationError(f"client {label}: {name} must be a number")
        return float(value)
    if name == "keys" and isinstance(value, dict):
        return json.dumps(value)
    if not isinstance(value, str):
        raise ConfigurationError(f"client {label}: {name} must be a text")
    return value


def _file_text(path: Path, label: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"client {label}: keys_file names {path}, which cannot be read") from None


def _key_problems(keys: str) -> Iterator[str]:
    """What can be seen without cryptography; the rest is seen when the keys are made."""
    if not keys:
        return
    try:
        found = json.loads(keys)
    except json.JSONDecodeError:
        found = None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        yield 'keys must be a JWK Set: {"keys": [...]}'
        return
    for key in listed:
        if not isinstance(key, dict) or not isinstance(key.get("kid"), str):
            yield "keys: every key needs a kid"
        elif key.get("kty") not in ("EC", "RSA", "OKP"):
            yield f"keys: {key['kid']} is not an EC, RSA or OKP key"
        elif "d" in key:
            yield f"keys: {key['kid']} is a private key; only the public part belongs here"
