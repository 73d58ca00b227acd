"""The pipeline: one consultation in, one outcome per order out. No Flask, no network, no clock, no files.

draft ServiceRequest -> ImagingOrder -> facts from the record -> criteria in force -> Review
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache, partial
from typing import Any, Final

from cds_service.core.consider import Consideration
from cds_service.core.determination import Determination, Ground, Guideline, Policy, Review
from cds_service.core.fact import Fact, Facts, Why
from cds_service.core.order import ImagingOrder, LeftAlone, NotRecognised, Recognition
from cds_service.facts.chart import Chart
from cds_service.facts.registry import reads_of
from cds_service.facts.settings import Settings
from cds_service.facts.sheet import FactSheet
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.load import Guidelines
from cds_service.orders import payers_of, read_order, with_reasons
from cds_service.orders.payer import COVERAGE

Outcome = Review | NotRecognised | LeftAlone

# A server that ignores the patient sends thousands of other patients' resources, and each review is written twice. Some
# are named, so that the fault can be found; the rest are counted.
MOST_FOREIGN: Final = 20


@dataclass(frozen=True)
class Consultation:
    """One hook call, understood. `drafts` are all draft orders as sent; `in_scope` the references to review."""

    hook: str
    drafts: tuple[dict[str, Any], ...]
    in_scope: frozenset[str]
    record: PatientRecord
    today: date
    settings: Settings = field(default_factory=Settings)
    # Drafts understood so far, by identity (`drafts` keeps them). A copy with another record shares them.
    understood: dict[int, Recognition] = field(default_factory=dict, repr=False, compare=False)


def review(consultation: Consultation, guidelines: Guidelines) -> tuple[Outcome, ...]:
    """One outcome for each order in scope, in the order of the drafts. Other drafts are context only."""
    understood = [understand(draft, consultation, guidelines) for draft in consultation.drafts]
    orders = tuple(order for order in understood if isinstance(order, ImagingOrder))
    return tuple(
        review_order(order, orders, consultation, guidelines) if isinstance(order, ImagingOrder) else order
        for order in understood
        if order.reference in consultation.in_scope
    )


def understand(draft: dict[str, Any], consultation: Consultation, guidelines: Guidelines) -> Recognition:
    """What a draft asks for. Of that only the reasons it refers to depend on the record."""
    record = consultation.record
    known = consultation.understood.get(id(draft))
    if known is not None:
        return with_reasons(known, record.patient_id, record.resolve)
    order = consultation.understood[id(draft)] = read_order(
        draft,
        catalogue=guidelines.studies,
        today=consultation.today,
        patient_id=record.patient_id,
        resolve=record.resolve,
    )
    return order


def review_order(
    order: ImagingOrder, orders: tuple[ImagingOrder, ...], consultation: Consultation, guidelines: Guidelines
) -> Review | LeftAlone:
    """The order judged on the facts of the chart, with what the chart could not tell written beside it."""
    others = tuple(other for other in orders if other is not order)
    policy = policy_for(order, consultation, guidelines)
    sheet = FactSheet(chart_for(order, others, consultation, guidelines), guidelines.vocabulary)
    considered = _consideration(order, others, sheet, guidelines, policy)
    if order.shared and not considered.is_spinal():
        return LeftAlone(order.reference, "the code also serves other organs, and nothing says the spine is meant")
    found = considered.review()
    # Judging leaves cycles behind. They must not keep the chart until the collector comes by: that is 80 MB a worker.
    del sheet.chart
    return replace(
        found,
        guidelines=tuple(editions(found, guidelines)),
        edition_note=edition_note(found, guidelines),
        policy=policy,
        not_read=resource_types_not_read(found, sheet.faults, consultation.record),
        unreadable=tuple(sorted(unreadable_sources(sheet.faults))),
        foreign=consultation.record.foreign[:MOST_FOREIGN],
        foreign_more=max(len(consultation.record.foreign) - MOST_FOREIGN, 0),
        beside=(*found.beside, *beside(found, others)),
    )


def consider(
    order: ImagingOrder,
    others: tuple[ImagingOrder, ...],
    consultation: Consultation,
    guidelines: Guidelines,
    policy: Policy | None = None,
) -> tuple[Consideration, Remembering]:
    """The judgement of one order, ready to begin, and the reader that remembers every fact it will have read."""
    policy = policy or policy_for(order, consultation, guidelines)
    sheet = FactSheet(chart_for(order, others, consultation, guidelines), guidelines.vocabulary)
    remembering = Remembering(sheet.read)
    return _consideration(order, others, remembering, guidelines, policy), remembering


def _consideration(
    order: ImagingOrder,
    others: tuple[ImagingOrder, ...],
    facts: Facts,
    guidelines: Guidelines,
    policy: Policy,
) -> Consideration:
    return Consideration(
        order,
        facts=facts,
        vocabulary=guidelines.vocabulary,
        watch=guidelines.watch,
        plan_of=partial(guidelines.plan, policy=guidelines.policy_sets.named(policy.id)),
        catalogue=guidelines.studies,
        indications=guidelines.indications,
        spinal_indications=guidelines.spinal_indications,
        studies=guidelines.studies.studies,
        drafted=frozenset(other.study.id for other in others),
    )


def policy_for(order: ImagingOrder, consultation: Consultation, guidelines: Guidelines) -> Policy:
    """Which policy set judges. Who pays is read only where that makes a difference."""
    sets = guidelines.policy_sets
    payers = payers_of(order.resource, consultation.record, order.review_date) if sets.by_payer else ()
    return sets.choose(payers, order.review_date)


def chart_for(
    order: ImagingOrder, others: tuple[ImagingOrder, ...], consultation: Consultation, guidelines: Guidelines
) -> Chart:
    return Chart(
        record=consultation.record,
        order=order,
        review_date=order.review_date,
        value_sets=guidelines.value_sets,
        studies=guidelines.studies,
        drafts=others,
        settings=consultation.settings,
    )


class Remembering:
    """Reads facts and keeps what it gave, silence too, so that others can say what a review was made from."""

    def __init__(self, read: Callable[[str], Fact]) -> None:
        self.read = read
        self.facts: dict[str, Fact] = {}
        # Every criterion is looked at, so that every fact it could need is asked for.
        self.awake: AbstractSet[str] | None = None


def resource_types(consultation: Consultation, guidelines: Guidelines) -> frozenset[str]:
    """The FHIR resource types that the sections in force need for the orders in scope."""
    orders = (understand(draft, consultation, guidelines) for draft in consultation.drafts)
    types = [
        _types_of(guidelines.facts_for(order.study, order.review_date))
        for order in orders
        if isinstance(order, ImagingOrder) and order.reference in consultation.in_scope
    ]
    by_payer = {COVERAGE} if any(types) and guidelines.policy_sets.by_payer else set()
    return frozenset(by_payer).union(*types)


@lru_cache(maxsize=1024)  # a set of names for each study and edition
def _types_of(names: frozenset[str]) -> frozenset[str]:
    return frozenset(resource_type for name in names for resource_type in reads_of(name))


def editions(found: Review, guidelines: Guidelines) -> list[Guideline]:
    """The documents that decided, each in the edition that judged."""
    documents = dict.fromkeys(criterion.citation.document for criterion in found.decided_by)
    return [guidelines.documents[document].guideline for document in documents]


def edition_note(found: Review, guidelines: Guidelines) -> str | None:
    day = found.order.review_date
    outside = [
        document
        for guideline in editions(found, guidelines)
        if not (document := guidelines.documents[guideline.id]).in_force(day)
    ]
    if not outside:
        return None
    named = ", ".join(f"{document.guideline.title} {document.guideline.version}" for document in outside)
    nearest = "last" if all(document.last and document.last < day for document in outside) else "first known"
    return f"No edition known to us was in force on {day.isoformat()}; judged by the {nearest} one: {named}."


def resource_types_not_read(found: Review, facts: Mapping[str, Fact], record: PatientRecord) -> tuple[str, ...]:
    """The resource types that failed and that some fact of this review depends on: of a supported study only those that
    a step or a note beside it waits for.
    """
    supported = found.determination is Determination.SUPPORTED and found.ground is not Ground.PLAIN_XRAY
    waiting = found.unread if supported else [ref for ref, fact in facts.items() if fact.why is Why.NOT_RETRIEVED]
    names = {ref.partition("(")[0] for ref in waiting}
    failed = {failure.resource_type for name in names for failure in record.failures(reads_of(name))}
    return tuple(sorted(failed))


def unreadable_sources(facts: Mapping[str, Fact]) -> set[str]:
    return {source.reference for fact in facts.values() if fact.why is Why.UNREADABLE for source in fact.sources}


def beside(found: Review, others: tuple[ImagingOrder, ...]) -> tuple[str, ...]:
    """What a card says beside the verdict: a second draft of the same study, a recent one, a matter of coding."""
    said = []
    if any(other.study.id == found.order.study.id for other in others):
        said.append("duplicate")
    if any(note.note_card and note.kind != "coding" for note in found.notes):
        said.append("recent_study")
    if any(note.note_card and note.kind == "coding" for note in found.notes):
        said.append("coding")
    return tuple(said)
