"""The client side of a SMART launch: what it asks for, what it accepts, and what it says when something is wrong."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import orjson
import pytest
import requests
import responses

from cds_service.web.documentation.smart import LARGEST, Server, SmartClient, SmartError

FHIR = "https://ehr.example.org/fhir"
TOKEN = "https://auth.example.org/token"
FOUND = {
    "authorization_endpoint": "https://auth.example.org/authorize",
    "token_endpoint": TOKEN,
    "code_challenge_methods_supported": ["S256"],
    "capabilities": ["launch-ehr", "permission-v2"],
}
GIVEN = {"access_token": "secret-token", "token_type": "Bearer", "expires_in": 600, "patient": "p1", "appContext": "u"}
CALLBACK = "https://cds.example.org/documentation/callback"
CLIENT = SmartClient(requests.Session(), "our-app", CALLBACK, plain_http=False)
SERVER = Server(FHIR, FOUND["authorization_endpoint"], TOKEN, "openid fhirUser patient/Patient.r")  # type: ignore[arg-type]


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mocked:
        yield mocked


def discovered(web: responses.RequestsMock, **changed: object) -> Server:
    web.get(f"{FHIR}/.well-known/smart-configuration", json={**FOUND, **changed})
    return CLIENT.discover(FHIR)


def redeemed(web: responses.RequestsMock, status: int = 200, **changed: object):
    web.post(TOKEN, json={**GIVEN, **changed}, status=status)
    return CLIENT.redeem(TOKEN, "the-code", "v" * 64)


def test_discovery_finds_the_endpoints_and_the_version_of_the_scopes(web: responses.RequestsMock) -> None:
    assert discovered(web) == Server(
        FHIR,
        FOUND["authorization_endpoint"],
        TOKEN,
        "openid fhirUser patient/Patient.r patient/QuestionnaireResponse.c",  # type: ignore[arg-type]
    )
    assert "patient/QuestionnaireResponse.write" in discovered(web, capabilities=["launch-ehr"]).scopes


@pytest.mark.parametrize(
    "changed",
    [
        {"token_endpoint": None},
        {"token_endpoint": "http://auth.example.org/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_a_server_that_cannot_be_signed_in_to_is_named_so(web: responses.RequestsMock, changed: dict) -> None:
    with pytest.raises(SmartError):
        discovered(web, **changed)


def test_the_way_to_sign_in_carries_pkce_audience_and_launch() -> None:
    url = urlsplit(CLIENT.authorization_url(SERVER, state="s", verifier="v" * 64, launch="l"))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.netloc == "auth.example.org"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert "v" * 64 not in url.query
    assert (asked["aud"], asked["launch"], asked["state"]) == (FHIR, "l", "s")
    assert (asked["client_id"], asked["redirect_uri"], asked["response_type"]) == ("our-app", CALLBACK, "code")
    assert asked["scope"] == "launch openid fhirUser patient/Patient.r"


def test_without_a_launch_the_record_system_asks_for_the_patient() -> None:
    url = CLIENT.authorization_url(SERVER, state="s", verifier="v" * 64, launch=None)
    assert "scope=launch%2Fpatient+openid" in url
    assert "launch=" not in url.replace("scope=launch", "")


def test_the_code_is_redeemed_with_the_verifier_and_no_secret(web: responses.RequestsMock) -> None:
    grant = redeemed(web, encounter="e1")
    assert (grant.token, grant.patient, grant.encounter, grant.context) == ("secret-token", "p1", "e1", "u")
    assert grant.seconds == 600
    request = web.calls[0].request
    sent = {name: values[0] for name, values in parse_qs(str(request.body)).items()}
    assert (sent["grant_type"], sent["code"], sent["code_verifier"]) == ("authorization_code", "the-code", "v" * 64)
    assert (sent["client_id"], sent["redirect_uri"]) == ("our-app", CALLBACK)
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "changed"),
    [
        (400, {"error": "invalid_grant", "error_description": "secret detail"}),
        (500, {}),
        (302, {}),
        (200, {"access_token": None}),
        (200, {"token_type": "mac"}),
        (200, {"patient": None}),
        (200, {"patient": "../Patient"}),
        (200, {"patient": ".."}),
        (200, {"patient": "p1\n"}),
        (200, {"patient": "p" * 257}),
    ],
)
def test_a_token_that_is_none_or_without_patient_is_refused(
    web: responses.RequestsMock, status: int, changed: dict
) -> None:
    with pytest.raises(SmartError) as refused:
        redeemed(web, status, **changed)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_author_is_the_user_of_the_id_token_when_it_is_meant_for_us(web: responses.RequestsMock) -> None:
    claims = {"aud": "our-app", "exp": datetime.now(UTC) + timedelta(minutes=5)}

    def author(**changed: object) -> str | None:
        given = jwt.encode({**claims, "fhirUser": f"{FHIR}/Practitioner/d1", **changed}, "k" * 32)
        return redeemed(web, id_token=given).author

    assert author() == "Practitioner/d1"
    assert author(aud="another-app") is None
    assert author(exp=datetime.now(UTC) - timedelta(minutes=5)) is None
    assert author(fhirUser="https://evil.example/x") is None
    assert redeemed(web, id_token="none").author is None


@pytest.mark.parametrize("ident", ["e" + "Aa0-." * 38 + "xyz", "p_1~x", "p" * 256])
def test_ids_may_be_longer_than_fhir_allows(web: responses.RequestsMock, ident: str) -> None:
    """One large record system gives ids of close to 200 characters."""
    claims = {"aud": "our-app", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    user = jwt.encode({**claims, "fhirUser": f"{FHIR}/Practitioner/{ident}"}, "k" * 32)
    grant = redeemed(web, patient=ident, encounter=ident, id_token=user)

    assert (grant.patient, grant.encounter, grant.author) == (ident, ident, f"Practitioner/{ident}")


@pytest.mark.parametrize("ident", ["..", "e1\n", "e/1", "e" * 257])
def test_an_encounter_or_user_of_another_shape_is_left_out(web: responses.RequestsMock, ident: str) -> None:
    claims = {"aud": "our-app", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    user = jwt.encode({**claims, "fhirUser": f"{FHIR}/Practitioner/{ident}"}, "k" * 32)
    grant = redeemed(web, encounter=ident, id_token=user)

    assert (grant.patient, grant.encounter, grant.author) == ("p1", None, None)


class Endless(io.RawIOBase):
    """A body without an end, which knows how much of it was read."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.given += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def test_an_answer_without_end_is_read_up_to_a_cap(web: responses.RequestsMock) -> None:
    bodies = [Endless() for _ in range(4)]
    discovery, token, patient, saved = (io.BufferedReader(body) for body in bodies)
    web.get(f"{FHIR}/.well-known/smart-configuration", body=discovery)
    web.post(TOKEN, body=token)
    web.get(f"{FHIR}/Patient/p1", body=patient)
    web.post(f"{FHIR}/QuestionnaireResponse", body=saved, status=201)

    with pytest.raises(SmartError, match="where to sign in"):
        CLIENT.discover(FHIR)
    with pytest.raises(SmartError, match="did not accept"):
        CLIENT.redeem(TOKEN, "the-code", "v" * 64)
    assert CLIENT.patient_name(FHIR, {"patient": "p1", "token": "t"}) is None
    CLIENT.save(FHIR, "secret-token", {})  # what was accepted is recorded, whatever follows
    assert max(body.given for body in bodies) < 2 * LARGEST


def test_a_body_that_trickles_is_given_up(web: responses.RequestsMock) -> None:
    """One byte a second never trips a socket's own timeout."""
    seconds = count(0, 1)
    client = SmartClient(requests.Session(), "our-app", CALLBACK, plain_http=False, clock=lambda: float(next(seconds)))
    body = Endless()
    web.post(TOKEN, body=io.BufferedReader(body))

    with pytest.raises(SmartError, match="did not accept"):
        client.redeem(TOKEN, "the-code", "v" * 64)
    assert body.given < LARGEST


def test_a_whole_answer_is_read_up_to_the_cap(web: responses.RequestsMock) -> None:
    """Also when it comes in pieces and compressed."""
    large = orjson.dumps({**FOUND, "other": "x" * (LARGEST - 1000)})
    web.get(f"{FHIR}/.well-known/smart-configuration", body=gzip.compress(large), headers={"Content-Encoding": "gzip"})

    assert CLIENT.discover(FHIR).token == TOKEN


def test_answers_are_written_with_the_users_token(web: responses.RequestsMock) -> None:
    web.post(f"{FHIR}/QuestionnaireResponse", status=201)
    CLIENT.save(FHIR, "secret-token", {"resourceType": "QuestionnaireResponse"})
    request = web.calls[0].request
    assert request.headers["Authorization"] == "Bearer secret-token"
    assert request.headers["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("status", "says"), [(401, "sign-in has ended"), (403, "does not let you"), (422, "HTTP 422"), (302, "HTTP 302")]
)
def test_a_refusal_says_what_to_do_and_nothing_of_the_other_side(
    web: responses.RequestsMock, status: int, says: str
) -> None:
    web.post(f"{FHIR}/QuestionnaireResponse", status=status, body="patient Smith", headers={"Location": "https://x"})
    with pytest.raises(SmartError, match=says) as refused:
        CLIENT.save(FHIR, "secret-token", {})
    assert "Smith" not in str(refused.value)


def test_a_server_that_is_away_is_said_so(web: responses.RequestsMock) -> None:
    web.post(f"{FHIR}/QuestionnaireResponse", body=requests.ConnectionError("secret-token"))
    with pytest.raises(SmartError, match="does not answer"):
        CLIENT.save(FHIR, "secret-token", {})


@pytest.mark.parametrize(
    ("patient", "banner"),
    [
        (
            {"name": [{"text": "Nick"}, {"use": "official", "given": ["Ann", "B."], "family": "Clay"}],
             "birthDate": "1969-01-05"},
            "Ann B. Clay, born 5 Jan 1969",
        ),
        ({"name": [{"text": "Ann Clay"}], "birthDate": "1969"}, "Ann Clay, born 1969"),
        ({"name": "odd", "birthDate": 5}, None),
    ],
)  # fmt: skip
def test_the_banner_names_the_patient(web: responses.RequestsMock, patient: dict, banner: str | None) -> None:
    web.get(f"{FHIR}/Patient/p1", json=patient)
    assert CLIENT.patient_name(FHIR, {"patient": "p1", "token": "t"}) == banner


def test_a_name_that_cannot_be_read_ends_nothing(web: responses.RequestsMock) -> None:
    web.get(f"{FHIR}/Patient/p1", status=403)
    assert CLIENT.patient_name(FHIR, {"patient": "p1", "token": "t"}) is None
