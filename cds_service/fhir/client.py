"""Fetching one patient's resources from the server that a request names: in parallel, within one deadline.

The token goes to the origin of the base URL and nowhere else; no redirect is followed; ids are percent-encoded; the
session connects to admitted addresses only (`connections.py`). Whatever goes wrong becomes a Failure, because a chart
that could not be read is not an empty chart.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson
import requests
import urllib3

from cds_service.fhir.breaker import Breaker
from cds_service.fhir.bundle import Answer, failed, nothing, read_answer
from cds_service.fhir.time_limit import time_limit

MAX_PAGES: Final = 10
MAX_PAGE_BYTES: Final = 16 * 2**20
MAX_RESOURCES: Final = 5000
MAX_CHART_BYTES: Final = 96 * 2**20
_CHUNK: Final = 2**16
_RETRIED: Final = frozenset({500, 502, 503, 504})
_ID: Final = re.compile(r"[^/\\?#\s]{1,512}")  # known record systems send close to 200 characters
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
    """Caps on what one query may cost: pages, bytes of one page, resources in all. `chart_bytes` caps a whole fetch."""

    pages: int = MAX_PAGES
    page_bytes: int = MAX_PAGE_BYTES
    resources: int = MAX_RESOURCES
    chart_bytes: int = MAX_CHART_BYTES


# What is asked of a server at one time for one chart. Servers and their proxies begin to lose requests at little more
# than this; a whole chart of fifteen searches is therefore two round trips.
MOST_AT_ONCE: Final = 8
# Threads for each server: enough for the charts of all requests that a worker answers at a time, four by default.
THREADS: Final = 4 * MOST_AT_ONCE


def new_executor(threads: int = THREADS) -> ThreadPoolExecutor:
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
    breaker: Breaker = field(default_factory=Breaker)

    def fetch(self, queries: Sequence[Query], seconds: float) -> tuple[Answer, ...]:
        """An answer for each query, in their order, at the latest after `seconds`."""
        usable = _usable_token(self.token) and _usable_base(self.base_url)
        if not queries or not usable or not self.breaker.admits():
            return tuple(nothing(query.resource_type, "unreachable") for query in queries)
        fetching = _Fetching(self, self.clock() + seconds, queries)
        running = [self.executor.submit(fetching.work) for _ in range(min(len(queries), MOST_AT_ONCE))]
        done, late = wait(running, timeout=max(0.0, seconds))
        for future in late:
            future.cancel()
        for future in done:
            future.result()  # raises what is a fault of the program, and no failed query
        answers = tuple(fetching.answers)
        asked = [answer for answer in answers if answer.failure is None or answer.failure.reason != "bad id"]
        if asked and seconds > 0:
            self.breaker.report(answered=any(map(_from_the_server, asked)))
        return answers


class _Fetching:
    """One fetch: its queries share a deadline, and an allowance of bytes. `answers` are those had so far."""

    def __init__(self, client: FhirClient, deadline: float, queries: Sequence[Query]) -> None:
        self._client = client
        self._deadline = deadline
        self._base = client.base_url.rstrip("/")
        self._bytes = 0
        self._lock = threading.Lock()
        self._waiting = enumerate(queries)
        self.answers = [nothing(query.resource_type, "timeout") for query in queries]

    def work(self) -> None:
        """Answers one query after the other until none is left waiting."""
        while (turn := self._next()) is not None:
            place, query = turn
            self.answers[place] = self.answer(query)

    def _next(self) -> tuple[int, Query] | None:
        with self._lock:
            return next(self._waiting, None)

    def answer(self, query: Query) -> Answer:
        kind = query.resource_type
        if not _TYPE.fullmatch(kind):
            return nothing(kind, "bad id")
        if query.id is not None:
            if not _is_id(query.id):
                return nothing(kind, "bad id")
            return self._get(f"{self._base}/{kind}/{quote(query.id, safe='')}", kind)
        patient_id = self._client.patient_id
        if not _is_id(patient_id):
            return nothing(kind, "bad id")
        # "Patient/id" is understood everywhere that conforms, the bare id is not (one server finds nothing by it).
        # An empty answer is therefore an answer; only a refusal of the form is worth a second attempt.
        found = self._search(query, f"Patient/{_escaped(patient_id)}")
        if found.failure is not None and found.failure.reason == "http 400":
            found = self._search(query, _escaped(patient_id))
        return found

    def _search(self, query: Query, patient: str) -> Answer:
        """All pages of a search. Pages beyond a cap, or at another origin, leave the answer "truncated"."""
        kind = query.resource_type
        limits = self._client.limits
        parameters = urlencode([("patient", patient), *query.params], quote_via=quote, safe="/|:,")
        url: str | None = f"{self._base}/{kind}?{parameters}"
        so_far = Answer(kind)
        seen: set[str] = set()
        while url is not None:
            seen.add(url)
            page = self._get(url, kind)
            so_far = _joined(so_far, page)
            if so_far.failure is not None or page.next_link is None:
                break
            following = _following(url, page.next_link)
            beyond = len(seen) >= limits.pages or len(so_far.resources) >= limits.resources
            if beyond or following in seen or not _same_origin(following, self._base):
                break
            url = following
        return so_far.complete

    def _get(self, url: str, kind: str) -> Answer:
        """One GET, tried once more when the server or the connection broke and time is left."""
        answer = self._attempt(url, kind)
        reason = answer.failure.reason if answer.failure else ""
        again = reason == "unreachable" or reason in {f"http {status}" for status in _RETRIED}
        return self._attempt(url, kind) if again else answer

    def _attempt(self, url: str, kind: str) -> Answer:
        left = self._deadline - self._client.clock()
        if left <= 0:
            return nothing(kind, "timeout")
        headers = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip"}
        if self._client.token:
            headers["Authorization"] = f"Bearer {self._client.token}"
        try:
            prepared = requests.Request("GET", url, headers=headers).prepare()
            with time_limit(left), self._send(prepared, left) as response:
                if response.status_code != 200:
                    redirect = 300 <= response.status_code < 400
                    return nothing(kind, "redirect" if redirect else f"http {response.status_code}")
                body = self._body(response)
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

    def _send(self, prepared: requests.PreparedRequest, seconds: float) -> requests.Response:
        return self._client.session.send(prepared, stream=True, timeout=(seconds, seconds), allow_redirects=False)

    def _body(self, response: requests.Response) -> bytes | None:
        """The whole body; None past a size cap. Raises TimeoutError at the deadline."""
        chunks: list[bytes] = []
        size = 0
        while True:
            chunk = response.raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                return b"".join(chunks)
            size += len(chunk)
            if size > self._client.limits.page_bytes or not self._may_read(len(chunk)):
                return None
            if self._client.clock() >= self._deadline:
                raise TimeoutError
            chunks.append(chunk)

    def _may_read(self, size: int) -> bool:
        """Takes `size` bytes from the allowance of the whole fetch."""
        with self._lock:
            self._bytes += size
            return self._bytes <= self._client.limits.chart_bytes


def _from_the_server(answer: Answer) -> bool:
    """Whether the server itself said something, be it that it refuses."""
    if answer.failure is None:
        return True
    reason = answer.failure.reason
    return reason not in ("timeout", "unreachable") and not reason.startswith("http 5")


def _following(url: str, link: str) -> str:
    """The next page's address; "" for a link that is none."""
    try:
        return urljoin(url, link)
    except ValueError:
        return ""


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
    of_base = origin(url)
    return of_base is not None and of_base[0] in ("http", "https") and not urlsplit(url).query


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what has none, or names a user."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None:
        return None
    return parts.scheme.lower(), parts.hostname.lower(), port or (443 if parts.scheme.lower() == "https" else 80)


def _same_origin(url: str, base: str) -> bool:
    return origin(url) is not None and origin(url) == origin(base)
