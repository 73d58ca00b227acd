"""Clients that sign their calls: keys made for this run, tokens as clients send them, and settings that know them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from cds_service.config import Client, Mode, Settings
from tests.serving import NOON

ISSUER = "https://ehr.example"
BASE = "https://cds.example"
NOW = NOON.timestamp()

_numbers = count(1)


@cache
def private_key(name: str) -> Any:
    """A key of its own for each name: "ES384", "RS384", "ES384-other", "RSA-1024", ..."""
    kind, _, rest = name.partition("-")
    if kind == "RSA":
        return rsa.generate_private_key(65537, int(rest))
    if kind.startswith(("RS", "PS")):
        return rsa.generate_private_key(65537, 2048)
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def public_jwk(name: str, **members: Any) -> dict[str, Any]:
    """The public half as a JWK, with the name as its kid."""
    key = private_key(name).public_key()
    made: Any
    if isinstance(key, rsa.RSAPublicKey):
        made = RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ed25519.Ed25519PublicKey):
        made = OKPAlgorithm.to_jwk(key, as_dict=True)
    else:
        made = ECAlgorithm.to_jwk(key, as_dict=True)
    return {"kid": name, **{member: value for member, value in made.items() if member != "key_ops"}, **members}


def jwks(*names: str) -> str:
    return json.dumps({"keys": [public_jwk(name) for name in names]})


def claims(endpoint: str, **changed: Any) -> dict[str, Any]:
    """Those of a fresh token for an address of ours such as "/cds-services". None removes a claim."""
    made = {
        "iss": ISSUER,
        "aud": BASE + endpoint,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": f"token-{next(_numbers)}",
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def token(
    endpoint: str, *, key: str = "ES384", header: dict[str, Any] | None = None, alg: str | None = None, **changed: Any
) -> str:
    """A signed token; `changed` are claims, `header` members of the header (None removes)."""
    head = {"kid": key, "typ": "JWT", **(header or {})}
    # The library puts a `typ` of its own where there is none, and takes it away where it says nothing.
    head = {name: value for name, value in head.items() if value is not None or name == "typ"}
    return jwt.encode(claims(endpoint, **changed), private_key(key), alg or key.partition("-")[0], headers=head)


def bearer(endpoint: str, **changed: Any) -> dict[str, str]:
    """The header of a call to `endpoint`."""
    return {"Authorization": f"Bearer {token(endpoint, **changed)}"}


def a_client(**changed: Any) -> Client:
    """A client with pinned ES384 and RS384 keys."""
    known = Client(
        ISSUER,
        name="north",
        keys=jwks("ES384", "RS384"),
        fhir_servers=("https://ehr.example/fhir",),
        allowed_origins=("https://sandbox.example",),
    )
    return replace(known, **changed)


def production(*clients: Client, **changed: Any) -> Settings:
    return Settings(mode=Mode.PRODUCTION, clients=clients or (a_client(),), public_base_url=BASE, **changed)
