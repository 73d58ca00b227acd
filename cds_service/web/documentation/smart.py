"""The client side of SMART App Launch 2: discovery, authorization with PKCE, and the two FHIR calls the app makes.

OAuth itself is Authlib's (docs/adr/0007). Tokens travel through here as values and are kept by nobody.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import orjson
import requests
import urllib3
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

TIMEOUT: Final = 10.0  # seconds; a person waits, and sees that something happens
LARGEST: Final = 1_000_000  # bytes of an answer that is read
FHIR_JSON: Final = "application/fhir+json"
_CHUNK: Final = 2**16

# Longer than FHIR's 64, for some record systems give ids of close to 200 characters; and only characters that need no
# escaping in a URL path, so that an id can never become another path.
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,256}")
_USERS: Final = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})

# What a connection that breaks while its body is read may raise.
_BROKEN: Final = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)

# Version 2 names single interactions; servers that do not announce it get the scopes of version 1.
_SCOPES: Final = {
    True: "openid fhirUser patient/Patient.r patient/QuestionnaireResponse.c",
    False: "openid fhirUser patient/Patient.read patient/QuestionnaireResponse.write",
}


class SmartError(Exception):
    """Something that the person at the screen is told. The text is ours and holds nothing from the other side."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a FHIR server announced at `.well-known/smart-configuration`."""

    issuer: str
    authorize: str
    token: str
    scopes: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What came with the token. `patient` and `encounter` are ids, `author` a reference, `seconds` the token's life."""

    token: str
    patient: str
    encounter: str | None
    author: str | None
    context: str | None
    seconds: float


class SmartClient:
    """A public client. `session` opens connections to judged addresses only (`fhir.connections`)."""

    def __init__(
        self,
        session: requests.Session,
        client_id: str,
        redirect_uri: str,
        *,
        plain_http: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._clock = clock
        self._client_id = client_id
        self._redirect_uri = redirect_uri
        self._schemes = ("https", "http") if plain_http else ("https",)

    def discover(self, issuer: str) -> Server:
        found = self._json("GET", f"{issuer.rstrip('/')}/.well-known/smart-configuration", "application/json")
        authorize, token = found.get("authorization_endpoint"), found.get("token_endpoint")
        if not self._is_address(authorize) or not self._is_address(token):
            raise SmartError("This record system does not say where to sign in.")
        methods = found.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise SmartError("This record system does not support the sign-in this app needs (PKCE with S256).")
        able = found.get("capabilities")
        second = isinstance(able, list) and "permission-v2" in able
        return Server(issuer, str(authorize), str(token), _SCOPES[second])

    def authorization_url(self, server: Server, *, state: str, verifier: str, launch: str | None) -> str:
        """Where the browser goes to sign in. Without `launch` the record system asks for the patient itself."""
        scope = f"{'launch' if launch else 'launch/patient'} {server.scopes}"
        context = {"launch": launch} if launch else {}
        with self._oauth(scope) as oauth:
            address, _ = oauth.create_authorization_url(
                server.authorize, state=state, code_verifier=verifier, aud=server.issuer, **context
            )
        return str(address)

    def redeem(self, token_endpoint: str, code: str, verifier: str) -> Grant:
        """The code for a token. A redirect is refused: the code must not travel on."""
        try:
            with self._oauth(None) as oauth:
                oauth.register_compliance_hook("access_token_response", self._accepted)
                given = oauth.fetch_token(
                    token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    allow_redirects=False,
                    stream=True,
                )
        except (OAuthError, ValueError, *_BROKEN):
            raise SmartError("The record system did not accept the sign-in. Please open the app again.") from None
        return self._grant(given)

    def patient_name(self, issuer: str, grant: Mapping[str, Any]) -> str | None:
        """Name and date of birth, for the banner; None when they cannot be read."""
        try:
            found = self._json("GET", f"{issuer}/Patient/{grant['patient']}", FHIR_JSON, token=grant["token"])
        except SmartError:
            return None
        return _banner(found)

    def save(self, issuer: str, token: str, response: dict[str, Any]) -> None:
        """Writes a QuestionnaireResponse."""
        self._json("POST", f"{issuer}/QuestionnaireResponse", FHIR_JSON, token=token, body=response)

    def _grant(self, given: Mapping[str, Any]) -> Grant:
        token, patient = given.get("access_token"), given.get("patient")
        if not isinstance(token, str) or not token or str(given.get("token_type", "")).lower() != "bearer":
            raise SmartError("The record system gave no access. Please open the app again.")
        if not isinstance(patient, str) or not _ID.fullmatch(patient):
            raise SmartError("The record system did not say which patient is open. Open a patient first.")
        seconds = given.get("expires_in")
        return Grant(
            token=token,
            patient=patient,
            encounter=_text(given.get("encounter"), _ID),
            author=self._author(given.get("id_token")),
            context=given.get("appContext") if isinstance(given.get("appContext"), str) else None,
            seconds=float(seconds) if isinstance(seconds, int | float) else 300.0,
        )

    def _author(self, id_token: object) -> str | None:
        """The user as a reference. The token came straight from the token endpoint over TLS, which OpenID Connect
        Core 3.1.3.7 accepts in place of its signature."""
        try:
            claims = jwt.decode(
                str(id_token),
                options={"verify_signature": False, "verify_aud": True, "verify_exp": True},
                audience=self._client_id,
            )
        except jwt.PyJWTError:
            return None
        return _user(claims.get("fhirUser"))

    def _oauth(self, scope: str | None) -> OAuth2Session:
        """A session for one exchange, over the connections of ours."""
        oauth = OAuth2Session(
            self._client_id,
            token_endpoint_auth_method="none",  # noqa: S106 - a public client proves itself by PKCE
            redirect_uri=self._redirect_uri,
            scope=scope,
            code_challenge_method="S256",
            default_timeout=TIMEOUT,
        )
        oauth.trust_env, oauth.verify = False, self._session.verify
        for prefix, adapter in self._session.adapters.items():
            oauth.mount(prefix, adapter)
        return oauth

    def _json(
        self, method: str, url: str, accept: str, *, token: str | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The object in the answer; {} for an answer without a body. Raises SmartError for anything but a 2xx."""
        headers = {"Accept": accept} | ({"Authorization": f"Bearer {token}"} if token else {})
        if body is not None:
            headers |= {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
        try:
            with self._session.request(
                method, url, headers=headers, json=body, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                _refuse_a_refusal(answer)
                return self._object(answer)
        except requests.RequestException:
            raise SmartError("The record system does not answer. Nothing was recorded.") from None

    def _object(self, answer: requests.Response) -> dict[str, Any]:
        """What a 2xx brought. By then the request was carried out, so a body that cannot be read is no failure."""
        try:
            found = orjson.loads(self._body(answer))
        except (ValueError, *_BROKEN):
            return {}
        return found if isinstance(found, dict) else {}

    def _accepted(self, answer: requests.Response) -> requests.Response:
        """A token comes with 200 and with nothing else (RFC 6749, 5.1). Raises ValueError."""
        with answer:
            if answer.status_code != 200:
                raise ValueError
            body = self._body(answer)
        answer.raw = io.BytesIO(body)  # what Authlib goes on to read
        return answer

    def _body(self, answer: requests.Response) -> bytes:
        """The whole body. Raises ValueError past a cap on its size or on the time it takes.

        One read from the socket at a time: a server that sends a byte a second never trips the socket's own timeout.
        """
        until = self._clock() + TIMEOUT
        body = bytearray()
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > LARGEST or self._clock() > until:
                raise ValueError
        return bytes(body)

    def _is_address(self, url: object) -> bool:
        return isinstance(url, str) and urlsplit(url).scheme in self._schemes and bool(urlsplit(url).hostname)


def _refuse_a_refusal(answer: requests.Response) -> None:
    if answer.status_code == 401:
        raise SmartError("Your sign-in has ended. Please open the app again; nothing was recorded.")
    if answer.status_code == 403:
        raise SmartError("The record system does not let you record answers for this patient.")
    if not answer.ok or answer.is_redirect:
        raise SmartError(f"The record system refused (HTTP {answer.status_code}). Nothing was recorded.")


def _user(address: object) -> str | None:
    """The end of a user's address as a reference, such as "Practitioner/1"."""
    before, _, ident = str(address).rpartition("/")
    kind = before.rpartition("/")[2]
    return f"{kind}/{ident}" if kind in _USERS and _ID.fullmatch(ident) else None


def _banner(patient: Mapping[str, Any]) -> str | None:
    names = [name for name in patient.get("name") or () if isinstance(name, dict)]
    name = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    given = [part for part in name.get("given") or () if isinstance(part, str)]
    text = name.get("text") or " ".join([*given, str(name.get("family") or "")]).strip()
    parts = [str(text) if text else "", _born(patient.get("birthDate"))]
    return ", ".join(part for part in parts if part)[:200] or None


def _born(written: object) -> str:
    """ "born 25 Jan 1969"; a date that is no whole one as it stands."""
    if not isinstance(written, str) or not written:
        return ""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return f"born {written}"
    return f"born {day.day} {day:%b %Y}"


def _text(value: object, shape: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and shape.fullmatch(value) else None
