"""Tokens, one fault at a time: each is signed well, and refused for exactly the reason under test."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest

from cds_service.config import ALGORITHMS, Client
from cds_service.web.security_keys import read_keys
from cds_service.web.security_token import LONGEST_LIFE, Caller, Refused, bearer_token, verify
from tests.tokens import BASE, ISSUER, NOW, a_client, claims, jwks, private_key, public_jwk, token

SIGN = "/cds-services/spine-imaging-order-sign"


def check(sent: str, *clients: Client, endpoint: str = SIGN, now: float = NOW) -> Caller:
    def key_for(client: Client, kid: str, algorithm: str) -> jwt.PyJWK | None:
        return read_keys(client.keys).get(kid, {}).get(algorithm)

    return verify(sent, clients or (a_client(),), key_for, BASE + endpoint, now)


def refused(sent: str, *clients: Client, **named: Any) -> str:
    with pytest.raises(Refused) as raised:
        check(sent, *clients, **named)
    return raised.value.reason


@pytest.mark.proves("CH-JWT-02")
@pytest.mark.parametrize("key", ["ES384", "RS384"])
def test_the_recommended_algorithms_are_taken(key: str) -> None:
    caller = check(token(SIGN, key=key, jti="t1"))

    assert (caller.client.label, caller.token_id, caller.expires_at) == ("north", "t1", NOW + 300 + 60)


@pytest.mark.proves("CH-JWT-02")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_that_can_be_listed_works_when_listed_and_only_then(algorithm: str) -> None:
    key = "RS384" if algorithm.startswith(("RS", "PS")) else algorithm
    keys = json.dumps({"keys": [public_jwk(key)]})
    sent = token(SIGN, key=key, alg=algorithm)

    assert check(sent, a_client(keys=keys, algorithms=(algorithm,))).token_id
    other = tuple(name for name in ALGORITHMS if name != algorithm)
    assert refused(sent, a_client(keys=keys, algorithms=other)) == "algorithm"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def unsigned(algorithm: str, kid: str = "ES384") -> str:
    parts = ({"alg": algorithm, "kid": kid, "typ": "JWT"}, claims(SIGN))
    return ".".join(encoded(json.dumps(part).encode()) for part in parts) + "."


@pytest.mark.proves("CH-JWT-02")
@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_no_signature_is_refused_even_when_somebody_listed_it(algorithm: str) -> None:
    assert refused(unsigned(algorithm)) == "algorithm"
    assert refused(unsigned(algorithm), a_client(algorithms=(algorithm,))) in ("key", "signature")


@pytest.mark.proves("CH-JWT-02")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_used_as_a_secret_is_refused(algorithm: str) -> None:
    """Algorithm confusion: whoever knows the public key would be able to sign."""
    signed = unsigned(algorithm, "RS384").rstrip(".")
    secret = json.dumps(public_jwk("RS384"), separators=(",", ":")).encode()
    forged = f"{signed}.{encoded(hmac.digest(secret, signed.encode(), f'sha{algorithm[2:]}'))}"

    assert refused(forged) == "algorithm"
    assert refused(forged, a_client(algorithms=(algorithm,))) == "key"


def test_the_key_decides_the_algorithm_not_the_header() -> None:
    """ES384 in the header, an RSA key under the kid."""
    assert refused(token(SIGN, key="ES384", header={"kid": "RS384"})) == "key"


def test_another_key_of_the_same_kind_is_refused() -> None:
    assert refused(token(SIGN, key="ES384-other", header={"kid": "ES384"}, alg="ES384")) == "signature"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_is_refused(part: int) -> None:
    parts = token(SIGN).split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]

    assert refused(".".join(parts)) in ("malformed", "signature")


@pytest.mark.proves("CH-JWT-03")
@pytest.mark.parametrize("kid", [None, "unknown", "", 7, ["ES384"], {"a": 1}])
def test_the_key_is_found_by_kid_and_by_nothing_else(kid: Any) -> None:
    header = json.dumps({"alg": "ES384", "typ": "JWT", **({} if kid is None else {"kid": kid})}).encode()
    rest = token(SIGN).partition(".")[2]

    assert refused(f"{encoded(header)}.{rest}") in ("header", "key", "malformed")


@pytest.mark.parametrize(("typ", "passes"), [("JWT", True), ("jwt", True), (None, False), ("at+jwt", False)])
def test_another_kind_of_token_is_not_one_of_ours(typ: str | None, passes: bool) -> None:
    sent = token(SIGN, header={"typ": typ})

    if passes:
        assert check(sent)
    else:
        assert refused(sent) == "header"


@pytest.mark.proves("CH-JWT-04")
def test_the_key_host_named_in_a_token_must_be_the_one_we_know() -> None:
    hosted = a_client(jwks_url="https://ehr.example/jwks.json")  # `keys` still serve `check`

    assert check(token(SIGN, header={"jku": "https://ehr.example/jwks.json"}), hosted)
    assert check(token(SIGN), hosted)
    for jku in ("https://evil.example/jwks.json", "https://ehr.example/jwks.json#x", "http://169.254.169.254/", ""):
        assert refused(token(SIGN, header={"jku": jku}), hosted) == "jku"


def test_where_keys_are_pinned_the_named_host_does_not_matter() -> None:
    assert check(token(SIGN, header={"jku": "https://unreachable.example/"}))


@pytest.mark.proves("CH-JWT-04")
@pytest.mark.parametrize("issuer", [None, "", "https://evil.example", f"{ISSUER}/", ISSUER.upper(), [ISSUER], 5])
def test_only_listed_issuers(issuer: Any) -> None:
    parts = [{"alg": "ES384", "kid": "ES384"}, claims(SIGN, iss=issuer)]
    sent = ".".join(encoded(json.dumps(part).encode()) for part in parts)

    assert refused(f"{sent}.AAAA") == "issuer"


@pytest.mark.proves("CH-JWT-04")
def test_no_key_is_asked_for_on_behalf_of_an_issuer_that_is_not_listed() -> None:
    def key_for(*_: Any) -> None:
        raise AssertionError("asked")

    with pytest.raises(Refused):
        verify(token(SIGN, iss="https://evil.example"), (a_client(),), key_for, BASE + SIGN, NOW)


@pytest.mark.proves("CH-JWT-06")
def test_tenants_choose_the_client() -> None:
    north, south = a_client(tenants=("n",)), a_client(name="south", tenants=("s", "s2"), keys=a_client().keys)

    assert check(token(SIGN, tenant="s2"), north, south).client is south
    assert refused(token(SIGN, tenant="x"), north, south) == "tenant"
    assert refused(token(SIGN), north, south) == "tenant"
    assert refused(token(SIGN, tenant=["n"]), north, south) == "tenant"


def test_a_client_without_tenants_takes_any() -> None:
    assert check(token(SIGN, tenant="whatever"))


@pytest.mark.proves("CH-JWT-05")
@pytest.mark.parametrize(
    "audience",
    [BASE + SIGN, [BASE + SIGN], ["https://other.example", BASE + SIGN], BASE + SIGN + "/",
     BASE + "/cds-services//spine-imaging-order-sign"],
)  # fmt: skip
def test_the_address_called_is_the_audience(audience: Any) -> None:
    assert check(token(SIGN, aud=audience))


@pytest.mark.proves("CH-JWT-05")
@pytest.mark.parametrize(
    "audience",
    [None, "", BASE, BASE + "/cds-services", BASE + SIGN + "/feedback", BASE + SIGN + "x",
     "https://evil.example" + SIGN, "http://cds.example" + SIGN, [], [None], {"a": 1}, 5, "*", SIGN, f"{BASE}{SIGN} "],
)  # fmt: skip
def test_no_other_audience_will_do(audience: Any) -> None:
    assert refused(token(SIGN, aud=audience)) == "audience"


@pytest.mark.proves("CH-JWT-05")
@pytest.mark.parametrize("endpoint", ["/cds-services", SIGN, f"{SIGN}/feedback"])
def test_each_endpoint_is_an_audience_of_its_own(endpoint: str) -> None:
    assert check(token(endpoint), endpoint=endpoint)
    for other in {"/cds-services", SIGN, f"{SIGN}/feedback"} - {endpoint}:
        assert refused(token(endpoint), endpoint=other) == "audience"


def test_a_client_may_have_an_audience_of_its_own_instead() -> None:
    odd = a_client(audience="sand_man")

    assert check(token(SIGN, aud="sand_man"), odd)
    assert refused(token(SIGN), odd) == "audience"


@pytest.mark.proves("CH-JWT-06")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": NOW - 61}, "expired"),
        ({"exp": NOW - 3600, "iat": NOW - 3900}, "expired"),
        ({"iat": NOW + 61, "exp": NOW + 300}, "not yet"),
        ({"nbf": NOW + 61}, "not yet"),
        ({"exp": NOW + LONGEST_LIFE + 1}, "lives too long"),
        ({"exp": NOW + 10 * 365 * 86400}, "lives too long"),
        ({"exp": None}, "times"),
        ({"iat": None}, "times"),
        ({"exp": "soon"}, "times"),
        ({"exp": True}, "times"),
        ({"exp": 1e300}, "times"),
        ({"iat": [NOW]}, "times"),
        ({"nbf": "now"}, "times"),
        ({"exp": {"$gt": 0}}, "times"),
    ],
)
def test_a_token_has_its_time(changed: dict[str, Any], reason: str) -> None:
    assert refused(token(SIGN, **changed)) == reason


@pytest.mark.proves("CH-JWT-06")
@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW - 59},  # a clock that is slow
        {"iat": NOW + 59, "exp": NOW + 300},  # and one that is fast
        {"nbf": NOW - 300},  # known clients set it five minutes early
        {"iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 900},  # and sign for a quarter of an hour beyond that
        {"iat": NOW - 0.5, "exp": NOW + 299.5},
        {"sub": "client-1", "extra": {"a": [1]}},
    ],
)
def test_clocks_differ_and_clients_are_generous(changed: dict[str, Any]) -> None:
    assert check(token(SIGN, **changed))


def test_how_far_clocks_may_differ_is_the_clients_setting() -> None:
    sent = token(SIGN, exp=NOW - 200, iat=NOW - 500)

    assert refused(sent) == "expired"
    assert check(sent, a_client(clock_skew=300.0))
    assert refused(token(SIGN, exp=NOW - 1), a_client(clock_skew=0.0)) == "expired"


@pytest.mark.proves("CH-JWT-06")
@pytest.mark.parametrize("jti", [None, "", 5, ["a"], "x" * 257, "a\nb", "ä"])
def test_a_token_has_an_id_of_sane_length(jti: Any) -> None:
    assert refused(token(SIGN, jti=jti)) == "jti"


@pytest.mark.parametrize(
    "header",
    [None, "", "null", "Bearer", "Bearer ", "Bearer null", "Bearer undefined", "Basic dTpw", "Bearer a.b",
     "Bearer a.b.c.d", "Bearer a.b.c, Bearer d.e.f", "a.b.c", "Bearer a b.c.d", "Bearer a.b." + "c" * 20_000,
     "Bearer ä.b.c"],
)  # fmt: skip
def test_a_header_without_a_token(header: str | None) -> None:
    with pytest.raises(Refused, match="no token"):
        bearer_token(header)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_in_any_case(scheme: str) -> None:
    assert bearer_token(f"{scheme} a.b.c") == "a.b.c"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"x"', b"{", b'{"iss": NaN}', b"[" * 5000 + b"]" * 5000,
     b'{"a":' * 5000 + b"1" + b"}" * 5000, b"\xff\xfe", b'{"iss": "\\ud800"}'],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
def test_garbage_is_refused_and_never_a_fault(payload: bytes, place: int) -> None:
    parts = token(SIGN).split(".")
    parts[place] = encoded(payload)

    with pytest.raises(Refused):
        check(".".join(parts))


def test_a_header_that_demands_what_we_do_not_know_is_refused() -> None:
    critical = jwt.encode(
        claims(SIGN), private_key("ES384"), "ES384", headers={"kid": "ES384", "crit": ["exp"], "exp": 1}
    )
    with pytest.raises(Refused):
        check(critical)


def test_an_issuer_named_twice_is_one_issuer() -> None:
    """Whoever is read, key and claims belong to the same client."""
    other = a_client(issuer="https://other.example", name="other", keys=jwks("ES384-other"))
    for first, second in ((ISSUER, other.issuer), (other.issuer, ISSUER)):
        payload = json.dumps(claims(SIGN))[:-1] + f', "iss": "{first}", "iss": "{second}"}}'
        signed = jwt.api_jws.encode(payload.encode(), private_key("ES384"), "ES384", headers={"kid": "ES384"})
        if second == ISSUER:
            assert check(signed, a_client(), other).client.issuer == ISSUER
        else:
            assert refused(signed, a_client(), other) == "key"


def test_nothing_of_a_token_is_shown() -> None:
    assert "secret-id" not in repr(check(token(SIGN, jti="secret-id")))
