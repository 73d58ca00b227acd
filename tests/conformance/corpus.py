"""The responses that the stories and a row of bare orders give, at both hooks and for different kinds of client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from cds_service.hooks.consult import respond
from cds_service.hooks.discovery import BY_HOOK
from cds_service.hooks.request import read_request
from cds_service.resources import fixtures_dir
from tests.hook_requests import PATIENT, a_request, an_order, full_prefetch
from tests.serving import a_desk

CODES = ("72148", "72146", "72141", "72131", "72158", "72100", "72110", "76800", "72275", "78306", "73721")


CLIENTS = ("default", "sandbox", "crd+ratings")


@dataclass(frozen=True)
class Exchange:
    """`name` says which request and profile; both bodies are as JSON reads them."""

    name: str
    profile: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def drafts(self) -> dict[str, dict[str, Any]]:
        entries = self.request["context"]["draftOrders"]["entry"]
        resources = [entry["resource"] for entry in entries]
        return {f"{resource['resourceType']}/{resource['id']}": resource for resource in resources}


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((fixtures_dir() / "requests").glob("*/*.json")):
        yield f"{file.parent.name}/{file.stem}", orjson.loads(file.read_bytes())
    infant = PATIENT | {"birthDate": "2026-09-01"}
    for hook in ("order-sign", "order-select"):
        for code in CODES:
            yield f"{hook}/{code}", a_request(an_order(code=code), hook=hook)
            bare = full_prefetch() | {"patient": infant}
            yield f"{hook}/{code}/infant", a_request(an_order(code=code), hook=hook, prefetch=bare)
            yield f"{hook}/{code}/unread", a_request(an_order(code=code), hook=hook, prefetch={"patient": PATIENT})


def exchanges() -> list[Exchange]:
    """Stories at order-sign for every kind of client, all else for the default one."""
    desk = a_desk()
    made = []
    for name, request in requests():
        asked = read_request(orjson.dumps(request))
        for profile in CLIENTS if name.startswith("order-sign/") and not name[11:12].isdigit() else CLIENTS[:1]:
            answer = respond(asked, BY_HOOK[asked.hook].id, desk, profile)
            made.append(Exchange(f"{name} for {profile}", profile, request, orjson.loads(answer.body)))
    return made
