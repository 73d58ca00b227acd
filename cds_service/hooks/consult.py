"""From a hook request to its answer. The web and the command line both end here, so they answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from cds_service.card_builder import Cards, CardTemplates, build_cards
from cds_service.core.determination import Review
from cds_service.core.order import ImagingOrder, LeftAlone, Study
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines
from cds_service.hooks.request import HookRequest
from cds_service.hooks.response import render
from cds_service.review import Consultation, Outcome, resource_types, review, understand
from cds_service.store.rows import Basis, IssuedCard, KeptSilence


class ReadChart(Protocol):
    def __call__(self, asked: HookRequest, needed: frozenset[str]) -> PatientRecord:
        """The patient's chart. `needed` are the resource types that the orders in scope call for."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every consultation needs, made once per process. `resource_types` are all types that any fact reads."""

    guidelines: Guidelines
    templates: CardTemplates
    resource_types: frozenset[str]
    read_chart: ReadChart
    now: Callable[[], datetime]
    new_uuid: Callable[[], str]
    profile: str = "default"
    app_url: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the response as sent; `issued` what the store keeps of it."""

    body: bytes
    issued: tuple[IssuedCard | KeptSilence, ...]
    determinations: tuple[str, ...]

    @property
    def cards(self) -> int:
        return sum(isinstance(item, IssuedCard) for item in self.issued)


def respond(asked: HookRequest, service: str, desk: Desk) -> Answer:
    """Answers one hook. Raises RequestError 412 when the chart of the patient cannot be had at all."""
    now = desk.now()
    unread = PatientRecord.build(asked.patient_id, (), encounter_id=asked.encounter_id)
    consultation = Consultation(asked.hook, asked.drafts, frozenset(asked.in_scope), unread, now.date())
    needed = resource_types(consultation, desk.guidelines)
    if needed:  # else no order is ours, and nobody's chart is read
        consultation = replace(consultation, record=desk.read_chart(asked, needed))
    outcomes = review(consultation, desk.guidelines)
    cards = build_cards(
        outcomes,
        hook=asked.hook,
        profile=desk.profile,
        templates=desk.templates,
        new_uuid=desk.new_uuid,
        app_url=desk.app_url,
        drafted=_drafted_beside(consultation, desk.guidelines),
    )
    return Answer(
        body=render(outcomes, cards.cards),
        issued=tuple(_issued(outcomes, cards, service, desk.new_uuid(), now)),
        determinations=tuple(outcome.determination.value for outcome in outcomes if isinstance(outcome, Review)),
    )


def _drafted_beside(consultation: Consultation, guidelines: Guidelines) -> Iterator[Study]:
    """The studies of drafts that are not under review, so that no card suggests what is drafted already."""
    for draft in consultation.drafts:
        order = understand(draft, consultation, guidelines)
        if isinstance(order, ImagingOrder) and order.reference not in consultation.in_scope:
            yield order.study


def _issued(
    outcomes: Sequence[Outcome], cards: Cards, service: str, consultation: str, now: datetime
) -> Iterator[IssuedCard | KeptSilence]:
    """One row a card and one a silence. The order's reference stays out: in some systems it leads to the patient."""
    bases = {outcome.order.reference: _basis(outcome) for outcome in outcomes if isinstance(outcome, Review)}
    for card in cards.cards:
        yield IssuedCard(card.body["uuid"], consultation, now, service, card.kind, bases.get(card.order, Basis()))
    for order, silence in cards.silences:
        yield KeptSilence(consultation, now, service, silence.reason, bases.get(order, Basis()))
    for outcome in outcomes:
        if isinstance(outcome, LeftAlone):
            yield KeptSilence(consultation, now, service, outcome.because, Basis())


def _basis(review: Review) -> Basis:
    return Basis(
        review.determination.value,
        tuple(criterion.id for criterion in review.decided_by),
        tuple((guideline.id, guideline.version) for guideline in review.guidelines),
    )
