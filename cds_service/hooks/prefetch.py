"""The chart of one request: what came as prefetch, and what had to be fetched because it did not.

Each key is in one of four states, and they are never mixed up:

    absent             nobody looked: fetched from fhirServer, and a failure when that is not possible
    null               the client looked and found nothing
    OperationOutcome   the client looked and failed: a failure, not fetched again
    Bundle, resource   read; when it says that there is more, all of it is fetched
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds_service.core.errors import RequestError
from cds_service.fhir.bundle import Answer, failed, nothing, read_answer
from cds_service.fhir.client import FhirClient, Query
from cds_service.fhir.record import PatientRecord
from cds_service.hooks.chart_keys import PATIENT, ChartKey, rarer_queries
from cds_service.hooks.fhir_servers import FhirServers
from cds_service.hooks.request import FhirAccess, HookRequest

# What may stand among the draft orders without being an order: it came with them and counts like prefetch.
_SUPPORTING: Final = frozenset(
    {"Condition", "DiagnosticReport", "Encounter", "Observation", "Procedure", "QuestionnaireResponse"}
)


@dataclass(frozen=True, slots=True)
class ChartReader:
    """Reads charts.

    `offered` are the keys of discovery. `connect` gives a client for an admitted server and a patient id. `seconds` is
    the most that all fetching of one request may take. `seen` hears of every answer that was fetched.
    """

    offered: tuple[ChartKey, ...]
    servers: FhirServers
    connect: Callable[[FhirAccess, str], FhirClient]
    seconds: float
    seen: Callable[[Answer], None] = lambda answer: None

    def __call__(self, asked: HookRequest, needed: frozenset[str]) -> PatientRecord:
        """The record as far as it can be had. Raises RequestError 412 when not even the patient can."""
        rows = self.offered
        sent = {row: read_key(asked.prefetch, row) for row in rows}
        to_fetch = [row.query(asked.patient_id) for row, answer in sent.items() if answer is None or _goes_on(answer)]
        rarer = rarer_queries(needed, asked.drafts)
        fetched = self._fetch(asked, [*to_fetch, *rarer])
        answers = [_settled(row, sent[row], fetched) for row in rows]
        patient = next(place for place, row in enumerate(rows) if row.resource_type == PATIENT)
        if sent[rows[patient]] is None and not answers[patient].resources:
            raise RequestError(
                412, "incomplete", "the patient is not in prefetch and could not be read from fhirServer", "prefetch"
            )
        # Without a usable server nobody failed to look for the rarer types, and no client was asked to send them.
        answers += [fetched[query] for query in rarer if query in fetched]
        return _record(asked, answers)

    def _fetch(self, asked: HookRequest, queries: Sequence[Query]) -> dict[Query, Answer]:
        """An answer for each query; nothing at all when there is no server that we may read from."""
        fhir = asked.fhir
        if not queries or fhir is None or not self.servers.allows(fhir.base_url):
            return {}
        answers = self.connect(fhir, asked.patient_id).fetch(queries, self.seconds)
        for answer in answers:
            self.seen(answer)
        return dict(zip(queries, answers, strict=True))


def read_key(prefetch: Mapping[str, Any], row: ChartKey) -> Answer | None:
    """What the client sent under one key; None when it sent nothing."""
    if row.key not in prefetch:
        return None
    value = prefetch[row.key]
    if value is None:
        return Answer(row.resource_type)
    answer = read_answer(value, row.resource_type)
    if answer.resources and not any(found.get("resourceType") == row.resource_type for found in answer.resources):
        return failed(answer, "not fhir")  # filled with something else: nobody looked for what we asked
    return answer


def _goes_on(answer: Answer) -> bool:
    return answer.failure is None and answer.complete.failure is not None


def _settled(row: ChartKey, sent: Answer | None, fetched: Mapping[Query, Answer]) -> Answer:
    """The last word on one key. A page that came as prefetch still counts when the rest could not be fetched."""
    if sent is not None and not _goes_on(sent):
        return sent
    answer = next((answer for query, answer in fetched.items() if query.resource_type == row.resource_type), None)
    if sent is None:
        return answer or nothing(row.resource_type, "not asked")
    if answer is None:
        return sent.complete
    merged = (*sent.resources, *answer.resources)
    return Answer(row.resource_type, merged, answer.failure, {**sent.full_urls, **answer.full_urls})


def _record(asked: HookRequest, answers: Sequence[Answer]) -> PatientRecord:
    full_urls = {url: resource for answer in answers for url, resource in answer.full_urls.items()}
    failures = [answer.failure for answer in answers if answer.failure is not None]
    return PatientRecord.build(asked.patient_id, _resources(asked, answers), failures, asked.encounter_id, full_urls)


def _resources(asked: HookRequest, answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
    for answer in answers:
        yield from answer.resources
    yield from (draft for draft in asked.drafts if draft["resourceType"] in _SUPPORTING)
