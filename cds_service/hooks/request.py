"""A hook request: bytes in, `HookRequest` out, or a RequestError that names the member at fault.

Unknown members are ignored at every level. `hookInstance` is checked and then not used: known clients send a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cds_service.core.errors import RequestError
from cds_service.hooks import request_schema
from cds_service.hooks.decode import decode
from cds_service.hooks.fhir_servers import FhirServers
from cds_service.hooks.request_schema import ORDER_SELECT, ORDER_SIGN

HOOKS: Final = (ORDER_SELECT, ORDER_SIGN)

# Real orders stay below twenty levels. Code that walks a draft recursively can rely on this.
DEEPEST_ORDER: Final = 100


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """The record system's FHIR server. `token` is None for an open server; it lives as long as the request."""

    base_url: str
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What a client asks. `drafts` are the draft orders as sent; `in_scope` the "Type/id" of those to review.

    `prefetch` is as sent, with any value of any shape. `fhir` is None when no usable access was given.
    """

    hook: str
    patient_id: str = field(repr=False)
    encounter_id: str | None = field(repr=False)
    drafts: tuple[dict[str, Any], ...] = field(repr=False)
    in_scope: tuple[str, ...] = field(repr=False)
    prefetch: Mapping[str, Any] = field(repr=False)
    fhir: FhirAccess | None = field(repr=False)

    def within(self, servers: FhirServers) -> HookRequest:
        """This request without access to a server that is not among those of whoever asks."""
        if self.fhir is None or servers.allows(self.fhir.base_url):
            return self
        return replace(self, fhir=None)


def read_request(body: bytes, hook: str | None = None) -> HookRequest:
    """Reads a request for `hook`, or for whichever hook it names when None. Raises RequestError 400."""
    sent = decode(body)
    named = sent.get("hook")
    if "hook" not in sent:
        raise RequestError(400, "required", "hook is required", "hook")
    if named not in HOOKS or (hook is not None and named != hook):
        wanted = f"'{hook}'" if hook else " or ".join(f"'{name}'" for name in HOOKS)
        raise RequestError(400, "value", f"hook must be {wanted} for this service", "hook")
    request_schema.check(sent, named)
    context = sent["context"]
    entries = context["draftOrders"].get("entry", [])
    drafts = tuple(_drafts(entries))
    prefetch = sent.get("prefetch") or {}
    _refuse_another_patient(context["patientId"], prefetch, sent.get("fhirAuthorization") or {})
    return HookRequest(
        hook=named,
        patient_id=context["patientId"],
        encounter_id=context.get("encounterId"),
        drafts=tuple(draft for draft, _ in drafts),
        in_scope=tuple(_in_scope(drafts, context["selections"] if named == ORDER_SELECT else None)),
        prefetch=prefetch,
        fhir=_access(sent),
    )


def reference_of(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _drafts(entries: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each draft with its fullUrl. A draft without an id gets one, so that it can be spoken of."""
    for position, entry in enumerate(entries):
        draft = entry.get("resource")
        if not isinstance(draft, dict) or not draft:
            continue
        where = f"context.draftOrders.entry[{position}].resource"
        if _too_deep(draft):
            raise RequestError(400, "invalid", f"{where} is nested too deeply", where)
        # An order that cannot be named would be left out of the answer, and read as "nothing to say about it".
        if not isinstance(draft.get("resourceType"), str) or not draft["resourceType"]:
            raise RequestError(400, "required", f"{where}.resourceType is required", f"{where}.resourceType")
        for name in ("resourceType", "id"):
            if isinstance(draft.get(name), str) and draft[name] != draft[name].strip():
                raise RequestError(400, "value", f"{where}.{name} begins or ends with a blank", f"{where}.{name}")
        full_url = entry.get("fullUrl")
        full_url = full_url if isinstance(full_url, str) else ""
        if not isinstance(draft.get("id"), str) or not draft["id"]:
            draft = {**draft, "id": _tail(full_url) or f"draft-{position + 1}"}
        yield draft, full_url


def _in_scope(drafts: tuple[tuple[dict[str, Any], str], ...], selections: list[str] | None) -> Iterator[str]:
    """order-sign reviews every draft; order-select those selected, by "Type/id", bare id or URL."""
    for draft, full_url in drafts:
        reference = reference_of(draft)
        if selections is None or any(_selects(selection, reference, full_url) for selection in selections):
            yield reference


def _selects(selection: str, reference: str, full_url: str) -> bool:
    named = selection.split("/_history/")[0]
    return named in (reference, _tail(reference), full_url) or named.endswith(f"/{reference}")


def _tail(url: str) -> str:
    return url.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _too_deep(resource: dict[str, Any]) -> bool:
    level: list[Any] = [resource]
    for _ in range(DEEPEST_ORDER):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _refuse_another_patient(patient_id: str, prefetch: Mapping[str, Any], authorization: Mapping[str, Any]) -> None:
    """Advice from another person's chart is worse than none, and only the client can say which of the two is meant."""
    patient = prefetch.get("patient")
    if isinstance(patient, dict) and patient.get("resourceType") == "Patient":
        if isinstance(patient.get("id"), str) and patient["id"] != patient_id:
            raise RequestError(
                400, "business-rule", "prefetch.patient is another patient than context.patientId", "prefetch.patient"
            )
    authorized = authorization.get("patient")
    if isinstance(authorized, str) and authorized and _tail(authorized) != patient_id:
        raise RequestError(
            400,
            "business-rule",
            "fhirAuthorization.patient is another patient than context.patientId",
            "fhirAuthorization.patient",
        )


def _access(sent: Mapping[str, Any]) -> FhirAccess | None:
    """The server and token to use. A token that is not a Bearer token or has expired closes the server altogether:
    asking without it would show the client's record system a request it did not authorise."""
    server = sent.get("fhirServer")
    if not server:
        return None
    authorization = sent.get("fhirAuthorization") or {}
    token = authorization.get("access_token")
    if not token:
        return FhirAccess(server)  # known clients send an empty token for an open server
    kind = authorization.get("token_type", "Bearer")
    lifetime = authorization.get("expires_in")
    expired = isinstance(lifetime, int | float) and lifetime <= 0
    if not isinstance(kind, str) or kind.lower() != "bearer" or expired:
        return None
    return FhirAccess(server, token) if token.isascii() and token.isprintable() else None
