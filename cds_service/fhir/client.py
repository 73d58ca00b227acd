"""Fetching one patient's resources from the server that a request names: in parallel, within one deadline.

The token goes to the origin of the base URL and nowhere else; no redirect is followed; ids are percent-encoded.
Whatever goes wrong becomes a Failure, because a chart that could not be read is not an empty chart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter

from cds_service.fhir.bundle import Answer, failed, nothing, read_answer

MAX_PAGES: Final = 10
MAX_PAGE_BYTES: Final = 16 * 2**20
MAX_RESOURCES: Final = 5000
_CHUNK: Final = 2**16
_RETRIED: Final = frozenset({500, 502, 503, 504})
_ID: Final = re.compile(r"[^/\\?#\s]{1,128}")
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_TOKEN: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Query:
    """A read (`id`), or a search among one patient's resources with further parameters."""

    resource_type: str
    id: str | None = None
    params: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what one query may cost: pages, bytes of one page, resources in all."""

    pages: int = MAX_PAGES
    page_bytes: int = MAX_PAGE_BYTES
    resources: int = MAX_RESOURCES


def new_session(connections: int = 8) -> requests.Session:
    """A session to share between requests: keeps connections, and keeps nothing else (no cookies, no proxies)."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    adapter = HTTPAdapter(pool_connections=connections, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def new_executor(threads: int = 8) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="fhir")


@dataclass(frozen=True, slots=True)
class FhirClient:
    """One patient's view of one FHIR server. Session and executor outlive it and are shared."""

    session: requests.Session
    executor: ThreadPoolExecutor
    base_url: str
    patient_id: str
    token: str | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.monotonic
    limits: Limits = Limits()

    def fetch(self, queries: Sequence[Query], seconds: float) -> tuple[Answer, ...]:
        """An answer for each query, in their order, at the latest after `seconds`."""
        if not _usable_token(self.token) or not _usable_base(self.base_url):
            return tuple(nothing(query.resource_type, "unreachable") for query in queries)
        deadline = self.clock() + seconds
        running: list[Future[Answer]] = [self.executor.submit(self._answer, query, deadline) for query in queries]
        wait(running, timeout=max(0.0, seconds))
        answers = []
        for query, future in zip(queries, running, strict=True):
            if future.done():
                answers.append(future.result())
            else:
                future.cancel()
                answers.append(nothing(query.resource_type, "timeout"))
        return tuple(answers)

    def _answer(self, query: Query, deadline: float) -> Answer:
        kind = query.resource_type
        if not _TYPE.fullmatch(kind):
            return nothing(kind, "bad id")
        base = self.base_url.rstrip("/")
        if query.id is not None:
            if not _is_id(query.id):
                return nothing(kind, "bad id")
            return self._get(f"{base}/{kind}/{quote(query.id, safe='')}", kind, deadline)
        if not _is_id(self.patient_id):
            return nothing(kind, "bad id")
        # "Patient/id" is understood everywhere that conforms, the bare id is not (one server finds nothing by it).
        # An empty answer is therefore an answer; only a refusal of the form is worth a second attempt.
        found = self._search(base, query, f"Patient/{_escaped(self.patient_id)}", deadline)
        if found.failure is not None and found.failure.reason == "http 400":
            found = self._search(base, query, _escaped(self.patient_id), deadline)
        return found

    def _search(self, base: str, query: Query, patient: str, deadline: float) -> Answer:
        """All pages of a search. Pages beyond a cap, or at another origin, leave the answer "truncated"."""
        kind = query.resource_type
        parameters = urlencode([("patient", patient), *query.params], quote_via=quote, safe="/|:,")
        url: str | None = f"{base}/{kind}?{parameters}"
        so_far = Answer(kind)
        seen: set[str] = set()
        while url is not None:
            seen.add(url)
            page = self._get(url, kind, deadline)
            so_far = _joined(so_far, page)
            if so_far.failure is not None or page.next_link is None:
                break
            following = urljoin(url, page.next_link)
            beyond = len(seen) >= self.limits.pages or len(so_far.resources) >= self.limits.resources
            if beyond or following in seen or not _same_origin(following, base):
                break
            url = following
        return so_far.complete

    def _get(self, url: str, kind: str, deadline: float) -> Answer:
        """One GET, tried once more when the server or the connection broke and time is left."""
        answer = self._attempt(url, kind, deadline)
        reason = answer.failure.reason if answer.failure else ""
        again = reason == "unreachable" or reason in {f"http {status}" for status in _RETRIED}
        return self._attempt(url, kind, deadline) if again else answer

    def _attempt(self, url: str, kind: str, deadline: float) -> Answer:
        left = deadline - self.clock()
        if left <= 0:
            return nothing(kind, "timeout")
        headers = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            prepared = requests.Request("GET", url, headers=headers).prepare()
            with self.session.send(prepared, stream=True, timeout=(left, left), allow_redirects=False) as response:
                if response.status_code != 200:
                    redirect = 300 <= response.status_code < 400
                    return nothing(kind, "redirect" if redirect else f"http {response.status_code}")
                body = self._body(response, deadline)
        except (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError):
            return nothing(kind, "timeout")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
            return nothing(kind, "unreachable")
        if body is None:
            return nothing(kind, "too large")
        try:
            return read_answer(orjson.loads(body), kind)
        except orjson.JSONDecodeError:
            return nothing(kind, "not json")

    def _body(self, response: requests.Response, deadline: float) -> bytes | None:
        """The whole body; None past the size cap. Raises TimeoutError at the deadline.

        One read from the socket at a time: a server that sends a byte a second never trips the socket's own timeout.
        """
        chunks: list[bytes] = []
        size = 0
        while True:
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                return b"".join(chunks)
            size += len(chunk)
            if size > self.limits.page_bytes:
                return None
            if self.clock() >= deadline:
                raise TimeoutError
            chunks.append(chunk)


def _joined(so_far: Answer, page: Answer) -> Answer:
    totals = [total for total in (so_far.total, page.total) if total is not None]
    joined = Answer(
        so_far.resource_type,
        so_far.resources + page.resources,
        None,
        {**so_far.full_urls, **page.full_urls},
        max(totals) if totals else None,
        so_far.matches + page.matches,
        page.next_link,
    )
    return failed(joined, page.failure.reason) if page.failure else joined


def _is_id(value: str) -> bool:
    return value not in (".", "..") and _ID.fullmatch(value) is not None


def _escaped(value: str) -> str:
    """A value as one search token: FHIR reads a bare comma as "or", and a bar or dollar as a separator."""
    return re.sub(r"([\\,|$])", r"\\\1", value)


def _usable_token(token: str | None) -> bool:
    """A token with a line break or blank would end the header early."""
    return not token or _TOKEN.fullmatch(token) is not None


def _usable_base(url: str) -> bool:
    origin = _origin(url)
    return origin is not None and origin[0] in ("http", "https") and not urlsplit(url).query


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None:
        return None
    return parts.scheme.lower(), parts.hostname.lower(), port or (443 if parts.scheme.lower() == "https" else 80)


def _same_origin(url: str, base: str) -> bool:
    origin = _origin(url)
    return origin is not None and origin == _origin(base)
