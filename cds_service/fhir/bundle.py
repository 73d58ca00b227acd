"""What a server or a prefetch key answered: resources, or why they cannot be relied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.fhir.elements import Resource, mappings, text


@dataclass(frozen=True, slots=True)
class Failure:
    """A query that did not tell the whole truth. The reason never holds text that a server sent.

    Reasons: "timeout", "unreachable", "http 500", "not json", "not fhir", "operation outcome", "truncated",
    "too large", "bad id", "redirect", "not asked".
    """

    resource_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Resources of one query. With a failure, `resources` holds what did arrive: evidence, but never of absence.

    `full_urls` names resources by their Bundle.entry.fullUrl, for references by `urn:uuid:` or by address.
    `total` is the number of matches that the server claims, `next_link` where the next page is.
    """

    resource_type: str
    resources: tuple[Resource, ...] = ()
    failure: Failure | None = None
    full_urls: Mapping[str, Resource] = field(default_factory=dict)
    total: int | None = None
    matches: int = 0
    next_link: str | None = None

    @property
    def complete(self) -> Answer:
        """This answer as the last word: a failure when it says itself that there is more."""
        short = self.next_link is not None or (self.total is not None and self.total > self.matches)
        return failed(self, "truncated") if short and self.failure is None else self


def failed(answer: Answer, reason: str) -> Answer:
    """The same resources, with a failure. The first failure is kept."""
    return Answer(
        answer.resource_type,
        answer.resources,
        answer.failure or Failure(answer.resource_type, reason),
        answer.full_urls,
        answer.total,
        answer.matches,
    )


def nothing(resource_type: str, reason: str) -> Answer:
    return Answer(resource_type, failure=Failure(resource_type, reason))


def read_answer(body: object, resource_type: str) -> Answer:
    """One page of a search, or one resource that was read. Does not judge whether pages are missing (`complete`).

    A Bundle with errors among its entries, or with nothing but an OperationOutcome, is a failure: it says that a
    query went wrong, not that the patient has nothing.
    """
    if not isinstance(body, dict):
        return nothing(resource_type, "not fhir")
    kind = body.get("resourceType")
    if kind == "OperationOutcome":
        return nothing(resource_type, "operation outcome")
    if kind == resource_type:
        return Answer(resource_type, (body,), total=1, matches=1)
    if kind != "Bundle":
        return nothing(resource_type, "not fhir")
    return _read_bundle(body, resource_type)


def _read_bundle(bundle: Resource, resource_type: str) -> Answer:
    resources: list[Resource] = []
    full_urls: dict[str, Resource] = {}
    matches = 0
    outcomes: list[Resource] = []
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else (entries,):
        if not isinstance(entry, dict):
            continue
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            continue
        if resource.get("resourceType") == "OperationOutcome":
            outcomes.append(resource)
            continue
        resources.append(resource)
        full_url = entry.get("fullUrl")
        if isinstance(full_url, str) and full_url:
            full_urls[full_url.strip()] = resource
        search = entry.get("search")
        if not isinstance(search, dict) or search.get("mode") != "include":
            matches += 1
    total = bundle.get("total")
    answer = Answer(
        resource_type,
        tuple(resources),
        None,
        full_urls,
        total if isinstance(total, int) and not isinstance(total, bool) else None,
        matches,
        _next_link(bundle),
    )
    if outcomes and (not resources or any(map(_is_error, outcomes))):
        return failed(answer, "operation outcome")
    return answer


def _is_error(outcome: Resource) -> bool:
    return any(issue.get("severity") in ("error", "fatal") for issue in mappings(outcome.get("issue")))


def _next_link(bundle: Resource) -> str | None:
    for link in mappings(bundle.get("link")):
        if link.get("relation") == "next":
            return text(link.get("url"))
    return None
