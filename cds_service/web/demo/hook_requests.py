"""The hook request of a story: what an EHR would send while this patient's order is written.

Request files in `fhir_fixtures/requests` are made from the charts by this module, run as a program (`make golden`), and
a test holds them to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from cds_service.hooks.chart_keys import PATIENT, TABLE, ChartKey
from cds_service.hooks.request_schema import ORDER_SELECT, ORDER_SIGN
from cds_service.web.demo import search
from cds_service.web.demo.outcome import operation_outcome
from cds_service.web.demo.resource_store import Resource, ResourceStore
from cds_service.web.demo.stories import Story, load_stories

HOOKS: Final = (ORDER_SELECT, ORDER_SIGN)

# Where the demo serves the same charts unless told otherwise.
DEMO_FHIR: Final = "http://127.0.0.1:8080/fhir"


def hook_request(story: Story, hook: str, fhir_server: str = DEMO_FHIR) -> dict[str, Any]:
    """A complete CDS Hooks body with every prefetch key filled from the story's chart."""
    drafts = story.drafts
    store = ResourceStore(story.resources)
    context: dict[str, Any] = {"userId": drafts[0]["requester"]["reference"], "patientId": story.patient["id"]}
    if encounter := drafts[0].get("encounter"):
        context["encounterId"] = encounter["reference"].rsplit("/", 1)[1]
    if hook == ORDER_SELECT:
        context["selections"] = [f"ServiceRequest/{draft['id']}" for draft in drafts]
    entries = [{"resource": draft} for draft in drafts]
    context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return {
        "hookInstance": str(uuid5(NAMESPACE_URL, f"urn:spine-imaging-review:fixture:{hook}:{story.slug}")),
        "hook": hook,
        "fhirServer": fhir_server,
        "context": context,
        "prefetch": {row.key: _prefetched(story, row, store, fhir_server) for row in TABLE},
    }


def write_requests(fixtures: Path) -> int:
    """Writes every request file anew and returns how many there are. Files of stories that are gone are removed."""
    wanted = {path: body for story in load_stories(fixtures) for path, body in request_files(fixtures, story)}
    for path in (fixtures / "requests").glob("*/*.json"):
        if path not in wanted:
            path.unlink()
    for path, body in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    return len(wanted)


def request_files(fixtures: Path, story: Story) -> list[tuple[Path, str]]:
    """(path, text) of the story's request files."""
    return [
        (
            request_path(fixtures, story.slug, hook),
            json.dumps(hook_request(story, hook), indent=2, ensure_ascii=False) + "\n",
        )
        for hook in HOOKS
    ]


def request_path(fixtures: Path, slug: str, hook: str) -> Path:
    return fixtures / "requests" / hook / f"{slug}.json"


def _prefetched(story: Story, row: ChartKey, store: ResourceStore, fhir_server: str) -> Resource | None:
    """What the EHR puts under one key: the resource, a searchset, or the error that its own search met."""
    if row.key in story.unreadable:
        return operation_outcome("timeout", "the search did not finish in time")
    if row.resource_type == PATIENT:
        return story.patient
    filled = row.template.replace("{{context.patientId}}", story.patient["id"])
    query = search.read_query(row.resource_type, parse_qsl(filled.partition("?")[2]), strict=True)
    return search.run(store, row.resource_type, query, fhir_server)
