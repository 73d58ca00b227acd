"""From a hook request to its answer. The web and the command line both end here, so they answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from cds_service.card_builder import Cards, CardTemplates, build_cards
from cds_service.card_builder.suggestions import profile_named
from cds_service.core.determination import Review
from cds_service.core.fact import Why
from cds_service.core.order import ImagingOrder, LeftAlone, NotRecognised, Study
from cds_service.facts.findings import unmapped_codes
from cds_service.facts.settings import Settings as FactSettings
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines
from cds_service.hooks.ratings import rate
from cds_service.hooks.request import HookRequest
from cds_service.hooks.response import render
from cds_service.hooks.stopwatch import Stopwatch
from cds_service.review import Consultation, Outcome, resource_types, review, understand
from cds_service.store.rows import NO_ORDER, Basis, IssuedCard, KeptSilence

_UNDERSTOOD: Final = {Review: "reviewed", NotRecognised: "not_recognised", LeftAlone: "left_alone"}


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
    fact_settings: FactSettings = field(default_factory=FactSettings)


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the response as sent; `issued` what the store keeps of it.

    The rest is for those who run the service: `orders` says of each order in scope whether it was reviewed,
    not_recognised or left_alone; `unknown` holds (why, what) of each thing that kept a review from being complete, a
    fact id or a resource type; `unmapped` holds (resource type, how many) of problems and medicines with codes that
    mean nothing to us; `seconds` are the stages of the work.
    """

    body: bytes
    issued: tuple[IssuedCard | KeptSilence, ...]
    determinations: tuple[str, ...]
    orders: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    unmapped: tuple[tuple[str, int], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def cards(self) -> int:
        return sum(isinstance(item, IssuedCard) for item in self.issued)


def respond(asked: HookRequest, service: str, desk: Desk, profile: str | None = None) -> Answer:
    """Answers one hook. Raises RequestError 412 when the chart of the patient cannot be had at all.

    `profile` is that of the client that asks, where clients are known; else the desk's own is used.
    """
    now, watch = desk.now(), Stopwatch()
    unread = PatientRecord.build(asked.patient_id, (), encounter_id=asked.encounter_id)
    consultation = Consultation(
        asked.hook, asked.drafts, frozenset(asked.in_scope), unread, now.date(), desk.fact_settings
    )
    needed = resource_types(consultation, desk.guidelines)
    watch.lap("orders")
    if needed:  # else no order is ours, and nobody's chart is read
        consultation = replace(consultation, record=desk.read_chart(asked, needed))
    watch.lap("chart")
    outcomes = review(consultation, desk.guidelines)
    watch.lap("review")
    profile = profile or desk.profile
    cards = build_cards(
        outcomes,
        hook=asked.hook,
        profile=profile,
        templates=desk.templates,
        new_uuid=desk.new_uuid,
        app_url=desk.app_url,
        drafted=_drafted_beside(consultation, desk.guidelines),
    )
    consultation_id = desk.new_uuid()
    client = profile_named(profile)
    actions = rate(outcomes, consultation_id) if client.ratings else ()
    body = render(outcomes, cards.cards, actions, mirrored=client.mirrors_system_actions)
    watch.lap("cards")
    return Answer(
        body=body,
        issued=tuple(_issued(outcomes, cards, service, consultation_id, now, watch)),
        determinations=tuple(outcome.determination.value for outcome in outcomes if isinstance(outcome, Review)),
        orders=tuple(_UNDERSTOOD[type(outcome)] for outcome in outcomes),
        unknown=tuple(_unknown(outcomes, desk.resource_types)),
        unmapped=unmapped_codes(consultation.record, desk.guidelines.value_sets),
        seconds=watch.seconds,
    )


def _unknown(outcomes: Sequence[Outcome], types: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Names of ours only: a resource type comes from the chart and may be any text."""
    for outcome in outcomes:
        if isinstance(outcome, Review):
            yield from ((Why.NOT_DOCUMENTED, ref.partition("(")[0]) for ref in outcome.asks_for)
            yield from ((Why.NOT_RETRIEVED, resource_type) for resource_type in outcome.not_read)
            kinds = (reference.partition("/")[0] for reference in outcome.unreadable)
            yield from ((Why.UNREADABLE, kind if kind in types else "other") for kind in kinds)


def _drafted_beside(consultation: Consultation, guidelines: Guidelines) -> Iterator[Study]:
    """The studies of drafts that are not under review, so that no card suggests what is drafted already."""
    for draft in consultation.drafts:
        order = understand(draft, consultation, guidelines)
        if isinstance(order, ImagingOrder) and order.reference not in consultation.in_scope:
            yield order.study


def _issued(
    outcomes: Sequence[Outcome], cards: Cards, service: str, consultation: str, now: datetime, watch: Stopwatch
) -> Iterator[IssuedCard | KeptSilence]:
    """One row a card and one a silence, so that no answer is empty without a reason.

    The order's reference stays out: in some systems it leads to the patient.
    """
    bases = {outcome.order.reference: _basis(outcome) for outcome in outcomes if isinstance(outcome, Review)}
    took = round(sum(watch.seconds.values()) * 1000, 3)
    for card in cards.cards:
        basis = bases.get(card.order, Basis())
        yield IssuedCard(card.body["uuid"], consultation, now, service, card.kind, basis, took)
    for order, silence in cards.silences:
        yield KeptSilence(consultation, now, service, silence.reason, bases.get(order, Basis()), took)
    for outcome in outcomes:
        if isinstance(outcome, LeftAlone):
            yield KeptSilence(consultation, now, service, outcome.because, Basis(), took)
    if not outcomes:
        yield KeptSilence(consultation, now, service, NO_ORDER, Basis(), took)


def _basis(review: Review) -> Basis:
    return Basis(
        review.determination.value,
        tuple(criterion.id for criterion in review.decided_by),
        tuple((guideline.id, guideline.version) for guideline in review.guidelines),
        review.asks_for,
    )
