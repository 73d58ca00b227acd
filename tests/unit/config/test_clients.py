"""The clients of production mode: read from tables or JSON, and refused with a sentence when they are not safe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cds_service.config import ALGORITHMS, Client, load
from cds_service.config.clients import as_json, problems, read_clients
from cds_service.core.errors import ConfigurationError

EHR: dict[str, Any] = {
    "issuer": "https://ehr.example",
    "jwks_url": "https://ehr.example/jwks.json",
    "fhir_servers": ("https://ehr.example/fhir",),
}
PUBLIC = {"kty": "EC", "kid": "k1", "crv": "P-384", "x": "eA", "y": "eQ"}

FILE = """
mode = "production"
public_base_url = "https://cds.example"

[[clients]]
name = "north"
issuer = "https://ehr.example"
jwks_url = "https://ehr.example/jwks.json"
tenants = ["north"]
fhir_servers = ["https://ehr.example/north/fhir"]
allowed_origins = ["https://ehr.example"]
profile = "epic"

[[clients]]
name = "south"
issuer = "https://ehr.example"
keys_file = "south.json"
algorithms = ["ES256"]
tenants = ["south", "south-west"]
fhir_servers = []
audience = "south-cds"
clock_skew = 120
"""


def test_one_file_holds_everything_and_keys_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "cds.toml").write_text(FILE)
    (tmp_path / "south.json").write_text(json.dumps({"keys": [PUBLIC]}))

    north, south = load({"SPINE_CDS_CONFIG": str(tmp_path / "cds.toml")}).clients

    assert north == Client(
        "https://ehr.example",
        name="north",
        jwks_url="https://ehr.example/jwks.json",
        tenants=("north",),
        fhir_servers=("https://ehr.example/north/fhir",),
        allowed_origins=("https://ehr.example",),
        profile="epic",
    )
    assert json.loads(south.keys) == {"keys": [PUBLIC]}
    assert (south.algorithms, south.audience, south.clock_skew) == (("ES256",), "south-cds", 120.0)
    assert south.fhir_servers == ()


def test_clients_may_come_as_json_in_a_variable() -> None:
    clients = (Client(**EHR), Client("other", keys=json.dumps({"keys": [PUBLIC]}), fhir_servers=()))

    assert read_clients(as_json(clients), Path()) == clients


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"issuer": ""}, "needs issuer"),
        ({"jwks_url": None}, "needs either jwks_url or keys_file"),
        ({"keys": json.dumps({"keys": [PUBLIC]})}, "needs either jwks_url or keys_file"),
        ({"jwks_url": "http://ehr.example/jwks.json"}, "must be an https URL"),
        ({"jwks_url": "file:///etc/passwd"}, "must be an https URL"),
        ({"jwks_url": "https://user@ehr.example/jwks.json"}, "must be an https URL"),
        ({"algorithms": ()}, "needs algorithms"),
        ({"algorithms": ("ES384", "none")}, "none is not one of"),
        ({"algorithms": ("HS256",)}, "HS256 is not one of"),
        ({"fhir_servers": None}, "needs fhir_servers"),
        ({"fhir_servers": ("http://ehr.example/fhir",)}, "not an https URL"),
        ({"fhir_servers": ("*",)}, "not an https URL"),
        ({"allowed_origins": ("*",)}, "not an origin"),
        ({"allowed_origins": ("https://ehr.example/",)}, "not an origin"),
        ({"allowed_origins": ("https://EHR.example",)}, "not an origin"),
        ({"profile": "nobody"}, "profile must be one of"),
        ({"clock_skew": 3600.0}, "clock_skew must be between"),
        ({"jwks_url": None, "keys": "{"}, "must be a JWK Set"),
        ({"jwks_url": None, "keys": '{"keys": []}'}, "must be a JWK Set"),
        ({"jwks_url": None, "keys": '{"keys": [{"kty": "EC"}]}'}, "needs a kid"),
        ({"jwks_url": None, "keys": '{"keys": [{"kty": "oct", "kid": "k", "k": "eA"}]}'}, "not an EC, RSA or OKP key"),
        ({"jwks_url": None, "keys": json.dumps({"keys": [PUBLIC | {"d": "eA"}]})}, "is a private key"),
    ],
)
def test_what_is_missing_or_unsafe_is_named(changed: dict[str, Any], says: str) -> None:
    assert not list(Client(**EHR).problems())
    assert says in "; ".join(Client(**{**EHR, **changed}).problems())


@pytest.mark.parametrize("tenants", [((), ()), (("a",), ()), (("a", "b"), ("b",))])
def test_no_token_may_belong_to_two_clients(tenants: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    clients = [Client(**EHR, tenants=each) for each in tenants]

    assert [*problems(clients)] == ["two clients have the issuer https://ehr.example: give each its own tenants"]


def test_tenants_of_one_issuer_may_be_different_clients() -> None:
    assert not [*problems([Client(**EHR, tenants=("a",)), Client(**EHR, tenants=("b",))])]


def test_no_symmetric_algorithm_can_ever_be_chosen() -> None:
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{", "must be JSON"),
        ({}, r"must be tables: \[\[clients\]\]"),
        ([1], r"must be tables: \[\[clients\]\]"),
        ([{"issuer": 1}], "issuer must be a text"),
        ([{"issuer": "a", "tenants": "b"}], "tenants must be a list"),
        ([{"issuer": "a", "fhir_servers": [1]}], "fhir_servers must be a list"),
        ([{"issuer": "a", "clock_skew": "5"}], "clock_skew must be a number"),
        ([{"issuer": "a", "jwks": "b"}], "jwks is not a setting"),
        ([{"issuer": "a", "keys_file": "none.json"}], "cannot be read"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, value: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        read_clients(value, tmp_path)


def test_the_example_of_the_guide_is_a_configuration(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "integrate.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(mode = .*?)```", guide, re.DOTALL)
    (tmp_path / "cds.toml").write_text(example)

    (client,) = load({"SPINE_CDS_CONFIG": str(tmp_path / "cds.toml")}).clients
    assert client.label == "North Hospital"
