"""The gate over HTTP: who gets in, what everybody else is told, and that a token opens it once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from cds_service.core.errors import ConfigurationError
from cds_service.resources import fixtures_dir
from cds_service.web.log import JsonLines
from cds_service.web.security import REFUSAL, make_gate
from tests.hook_requests import a_request
from tests.serving import NOON, SELECT, SIGN, Serving, serving
from tests.tokens import NOW, a_client, bearer, jwks, production, token

FEEDBACK = {
    "feedback": [
        {
            "card": "1981d7cb-a2cc-4872-a0ef-b16b93836623",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T17:40:19Z",
        }
    ]
}
CALLS = [
    ("GET", "/cds-services", b""),
    ("POST", SIGN, orjson.dumps(a_request())),
    ("POST", SELECT, orjson.dumps(a_request(hook="order-select"))),
    ("POST", f"{SIGN}/feedback", orjson.dumps(FEEDBACK)),
]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, production()) as running:
        yield running


def call(service: Serving, method: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    response = service.client.open(path, method=method, data=body, content_type="application/json", headers=headers)
    return response.status_code, response.data, dict(response.headers)


@pytest.mark.proves("CH-JWT-01", "CH-JWT-02")
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("key", ["ES384", "RS384"])
def test_a_signed_call_is_answered(guarded: Serving, method: str, path: str, body: bytes, key: str) -> None:
    assert call(guarded, method, path, body, **bearer(path, key=key))[0] == 200


REFUSED = {
    "nothing": lambda path: {},
    "null": lambda path: {"Authorization": "null"},
    "empty": lambda path: {"Authorization": ""},
    "basic": lambda path: {"Authorization": "Basic dTpw"},
    "expired": lambda path: bearer(path, exp=NOW - 400, iat=NOW - 700),
    "signature": lambda path: bearer(path, key="ES384-other", header={"kid": "ES384"}, alg="ES384"),
    "issuer": lambda path: bearer(path, iss="https://evil.example"),
    "kid": lambda path: bearer(path, header={"kid": "unknown"}),
    "audience": lambda path: bearer("/cds-services/other"),
    "jti": lambda path: bearer(path, jti=None),
}


@pytest.mark.proves("CH-JWT-01", "CH-ERR-07", "CH-DISC-10", "CH-FB-04")
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize("why", REFUSED)
def test_everything_else_gets_the_same_bytes(guarded: Serving, method: str, path: str, body: bytes, why: str) -> None:
    status, answer, headers = call(guarded, method, path, body, **REFUSED[why](path))

    assert (status, answer) == (401, REFUSAL)
    assert headers["WWW-Authenticate"] == "Bearer"
    assert headers["Content-Type"] == "application/json"
    assert orjson.loads(answer)["resourceType"] == "OperationOutcome"
    assert guarded.rows("issued_cards") == guarded.rows("feedback") == []


@pytest.mark.parametrize("path", ["/cds-services/other", f"{SIGN}/x/y", "/cds-services/../cds-services", f"{SIGN}/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_below_the_gate_can_be_probed(guarded: Serving, method: str, path: str) -> None:
    assert call(guarded, method, path, b"{}")[0] == 401


def test_an_unknown_service_is_404_for_those_who_may_know(guarded: Serving) -> None:
    assert call(guarded, "POST", "/cds-services/other", b"{}", **bearer("/cds-services/other"))[0] == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.yaml"])
def test_what_operators_ask_needs_no_token(guarded: Serving, path: str) -> None:
    assert call(guarded, "GET", path, b"")[0] == 200


@pytest.mark.proves("CH-CORS-01", "CH-CORS-02")
@pytest.mark.parametrize("path", ["/cds-services", SIGN, f"{SIGN}/feedback"])
def test_a_preflight_needs_no_token(guarded: Serving, path: str) -> None:
    status, _, headers = call(
        guarded, "OPTIONS", path, b"", Origin="https://sandbox.example", **{"Access-Control-Request-Method": "POST"}
    )

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "https://sandbox.example"


def test_a_caller_from_a_page_uses_its_own_origins_only(tmp_path: Path) -> None:
    """Two clients: what one of them allows is nothing to the other."""
    other = a_client(issuer="https://other.example", name="other", allowed_origins=("https://other.example",))
    with serving(tmp_path, production(a_client(), other)) as service:
        for origin, issuer, allowed in (
            ("https://sandbox.example", "https://ehr.example", True),
            ("https://sandbox.example", "https://other.example", False),
            ("https://other.example", "https://other.example", True),
        ):
            headers = call(service, *CALLS[0], Origin=origin, **bearer("/cds-services", iss=issuer))[2]
            assert ("Access-Control-Allow-Origin" in headers) == allowed


@pytest.mark.proves("CH-JWT-06")
def test_a_token_is_good_for_one_call(guarded: Serving) -> None:
    used = bearer(SIGN)

    assert call(guarded, *CALLS[1], **used)[0] == 200
    assert call(guarded, *CALLS[1], **used)[:2] == (401, REFUSAL)
    assert call(guarded, *CALLS[1], **bearer(SIGN))[0] == 200


def test_a_token_that_was_refused_for_another_reason_is_not_used_up(guarded: Serving) -> None:
    once = bearer(SIGN, jti="t1")
    assert call(guarded, "GET", "/cds-services", b"", **once)[0] == 401
    assert call(guarded, *CALLS[1], **once)[0] == 200


def test_the_same_id_from_two_issuers_is_two_tokens(tmp_path: Path) -> None:
    other = a_client(issuer="https://other.example", name="other")
    with serving(tmp_path, production(a_client(), other)) as service:
        for issuer in ("https://ehr.example", "https://other.example"):
            assert call(service, *CALLS[1], **bearer(SIGN, jti="t1", iss=issuer))[0] == 200


@pytest.mark.proves("CH-JWT-06")
def test_a_token_is_used_up_for_every_worker(tmp_path: Path) -> None:
    used = bearer(SIGN)
    with serving(tmp_path, production()) as first, serving(tmp_path, production()) as second:
        assert call(first, *CALLS[1], **used)[0] == 200
        assert call(second, *CALLS[1], **used)[0] == 401


def test_cards_are_built_for_the_client_that_asks(tmp_path: Path) -> None:
    """An infant's MRI from two clients: one takes another modality as an update, one as a new order."""
    crd = a_client(issuer="https://crd.example", name="crd", profile="crd")
    body = (fixtures_dir() / "requests/order-sign/infant-dermal-sinus.json").read_bytes()
    with serving(tmp_path, production(a_client(), crd)) as service:
        answers = [
            actions(call(service, "POST", SIGN, body, **bearer(SIGN, iss=issuer))[1])
            for issuer in ("https://ehr.example", "https://crd.example")
        ]

    assert answers == [["update"], ["delete", "create"]]


def actions(answer: bytes) -> list[str]:
    cards = orjson.loads(answer)["cards"]
    return [
        action["type"]
        for card in cards
        for suggestion in card.get("suggestions", [])
        for action in suggestion["actions"]
    ]


@pytest.mark.proves("ENG-SSRF-01")
def test_a_client_reads_from_its_own_servers_only(tmp_path: Path) -> None:
    """The other client's server is a good one, and still not this one's: no chart can be had."""
    other = a_client(issuer="https://other.example", name="other", fhir_servers=("https://other.example/fhir",))
    asked: list[str | None] = []

    def read_chart(request: object, needed: object) -> None:
        asked.append(getattr(request, "fhir").base_url if getattr(request, "fhir") else None)  # noqa: B009
        raise KeyError

    body = orjson.dumps(a_request(prefetch=None, fhirServer="https://other.example/fhir"))
    with serving(tmp_path, production(a_client(), other), read_chart=read_chart) as service:
        call(service, "POST", SIGN, body, **bearer(SIGN))
        call(service, "POST", SIGN, body, **bearer(SIGN, iss="https://other.example"))

    assert asked == [None, "https://other.example/fhir"]


@pytest.mark.proves("CH-JWT-07")
def test_refusals_are_counted_and_logged_by_reason_and_never_by_content(
    guarded: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    call(guarded, *CALLS[1], **bearer(SIGN, exp=NOW - 400, iat=NOW - 700, jti="sentinel", sub="sentinel"))
    call(guarded, *CALLS[1], Authorization="Bearer sentinel")
    good = token(SIGN)
    call(guarded, *CALLS[1], Authorization=f"Bearer {good}")

    lines = [orjson.loads(JsonLines().format(record)) for record in caplog.records]
    assert [(line.get("client"), line.get("refused"), line["status"]) for line in lines] == [
        ("north", "expired", 401),
        ("-", "no token", 401),
        ("north", None, 200),
    ]
    assert "sentinel" not in caplog.text
    assert good.split(".")[2] not in str(lines) + caplog.text
    metrics = guarded.client.get("/metrics").text
    assert 'cds_refused_callers_total{reason="expired"} 1.0' in metrics
    assert "sentinel" not in metrics


def test_the_demo_asks_nobody_for_a_token(tmp_path: Path) -> None:
    with serving(tmp_path) as demo:
        for headers in ({}, {"Authorization": "null"}, {"Authorization": "Bearer x"}):
            assert call(demo, *CALLS[1], **headers)[0] == 200


def test_pinned_keys_that_cannot_be_used_stop_the_start(tmp_path: Path) -> None:
    unusable = production(a_client(keys=jwks("ES256")))
    with pytest.raises(ConfigurationError, match="none of its keys"):
        make_gate(replace(unusable, database_url=f"sqlite:///{tmp_path / 'x'}"), lambda: NOON)


@pytest.mark.parametrize("path", ["/cds-services", "/healthz", "/nothing"])
def test_every_answer_says_how_it_may_be_used(guarded: Serving, path: str) -> None:
    headers = call(guarded, "GET", path, b"")[2]

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    if path != "/healthz":
        assert headers["Cache-Control"] == "no-store"


def test_a_page_keeps_its_own_policy(tmp_path: Path) -> None:
    with serving(tmp_path) as demo:
        headers = call(demo, "GET", "/", b"")[2]

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
