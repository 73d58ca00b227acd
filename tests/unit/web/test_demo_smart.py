"""The demo's record system as a SMART server: the whole exchange, strict where a real one is."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from cds_service.web.demo.record_system import record_system
from cds_service.web.demo.resource_store import ResourceStore

BASE = "http://localhost"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "http://127.0.0.1:8080/documentation/callback"


@pytest.fixture
def client() -> FlaskClient:
    return record_system(ResourceStore([{"resourceType": "Patient", "id": "p1"}])).test_client()


def launched(client: FlaskClient, **parameters: object) -> str:
    answer = client.post("/_services/smart/Launch", json={"launch_url": "http://x", "parameters": parameters})
    return str(answer.get_json()["launch_id"])


def authorized(client: FlaskClient, **changed: str):
    asked = {
        "response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "scope": "launch", "state": "s",
        "aud": BASE, "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    asked["launch"] = changed.pop("launch", None) or launched(client, patient="p1", appContext="u", encounter="e1")
    return client.get("/auth/authorize", query_string=asked | changed)


def code_of(client: FlaskClient) -> str:
    return parse_qs(urlsplit(authorized(client).location).query)["code"][0]


def redeem(client: FlaskClient, code: str, **changed: str):
    sent = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "client_id": "app"}
    return client.post("/auth/token", data={**sent, "redirect_uri": CALLBACK, **changed})


def test_what_the_card_handed_over_comes_with_the_token(client: FlaskClient) -> None:
    found = client.get("/.well-known/smart-configuration").get_json()
    assert found["authorization_endpoint"] == f"{BASE}/auth/authorize"
    assert found["code_challenge_methods_supported"] == ["S256"]
    back = authorized(client)
    assert back.status_code == 302
    assert back.location.startswith(CALLBACK)
    assert parse_qs(urlsplit(back.location).query)["state"] == ["s"]
    token = redeem(client, parse_qs(urlsplit(back.location).query)["code"][0]).get_json()
    assert (token["patient"], token["encounter"], token["appContext"]) == ("p1", "e1", "u")
    assert token["token_type"] == "Bearer"


def test_a_code_is_good_once_and_for_its_verifier_only(client: FlaskClient) -> None:
    code = code_of(client)
    assert redeem(client, code).status_code == 200
    assert redeem(client, code).get_json() == {"error": "invalid_grant"}
    assert redeem(client, code_of(client), code_verifier="w" * 64).status_code == 400
    assert redeem(client, code_of(client), client_id="another").status_code == 400
    assert redeem(client, code_of(client), redirect_uri="http://127.0.0.1/").status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1.evil.example/"},
        {"code_challenge_method": "plain"},
        {"aud": "https://another.example/fhir"},
        {"response_type": "token"},
        {"launch": "unknown"},
    ],
)
def test_a_request_that_a_real_server_would_refuse_is_refused(client: FlaskClient, changed: dict[str, str]) -> None:
    answer = authorized(client, **changed)
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_a_patient_who_is_not_here_is_not_handed_over(client: FlaskClient) -> None:
    assert authorized(client, launch=launched(client, patient="p2")).status_code == 400
    assert authorized(client, launch=launched(client, patient=5)).status_code == 400


def test_old_launches_make_room_for_new_ones(client: FlaskClient) -> None:
    first = launched(client, patient="p1")
    for _ in range(200):
        launched(client, patient="p1")
    assert authorized(client, launch=first).status_code == 400
