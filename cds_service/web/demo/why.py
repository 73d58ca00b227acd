"""How an answer came about: the criteria of a review as trees, with what was read at each leaf. For the demo only.

A response names the criteria that decided; this gives their insides. It says nothing that the response does not rest
on: the same consultation, judged again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cds_service.core.consider import Consideration
from cds_service.core.criterion import AllOf, AnyOf, AtLeast, FactTest, Node, Not, Outcome
from cds_service.core.determination import Judged, Review
from cds_service.core.evaluate import Reading, Trace
from cds_service.core.fact import Fact
from cds_service.core.order import ImagingOrder, LeftAlone, NotRecognised
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines.explain import CONSEQUENCES, test_words
from cds_service.guidelines.load import Guidelines
from cds_service.guidelines.outline import MONTHS_AS_YEARS, age, outline
from cds_service.hooks.response import value_json
from cds_service.review import Consultation, consider, review_order, understand

Json = dict[str, Any]

_JOINS: Final = {AllOf: "all", AnyOf: "any", AtLeast: "at_least", Not: "not"}


def why(consultation: Consultation, guidelines: Guidelines) -> list[Json]:
    """One entry for each order in scope: its trees, or why there are none."""
    understood = [understand(draft, consultation, guidelines) for draft in consultation.drafts]
    orders = tuple(order for order in understood if isinstance(order, ImagingOrder))
    return [
        _of_order(order, orders, consultation, guidelines)
        for order in understood
        if order.reference in consultation.in_scope
    ]


def _of_order(
    order: ImagingOrder | LeftAlone | NotRecognised,
    orders: tuple[ImagingOrder, ...],
    consultation: Consultation,
    guidelines: Guidelines,
) -> Json:
    if not isinstance(order, ImagingOrder):
        return {"order": order.reference, "because": order.because}
    found = review_order(order, orders, consultation, guidelines)
    if isinstance(found, LeftAlone):
        return {"order": order.reference, "because": found.because}
    others = tuple(other for other in orders if other is not order)
    considered, _ = consider(order, others, consultation, guidelines)
    return {
        "order": order.reference,
        "ground": found.ground.value,
        "recognised_by": order.recognised_by,
        "review_date": order.review_date.isoformat(),
        "criteria": [_criterion(judged, found, considered, guidelines.vocabulary) for judged in found.judged],
    }


def _criterion(judged: Judged, found: Review, considered: Consideration, vocabulary: Vocabulary) -> Json:
    criterion = judged.criterion
    members: Json = {
        "id": criterion.id,
        "says": criterion.says,
        "result": judged.truth.value,
        "decided": criterion in found.decided_by,
        "section": criterion.section,
        "document": criterion.citation.document,
        "consequence": CONSEQUENCES[criterion.outcome] if criterion.outcome else None,
    }
    nodes = (*criterion.ages, *([criterion.when] if criterion.when is not None else []))
    if nodes:
        whole = nodes[0] if len(nodes) == 1 else AllOf(nodes)
        members["tree"] = _tree(_trace(whole, judged, found, considered), vocabulary)
    return members


def _trace(whole: Node, judged: Judged, found: Review, considered: Consideration) -> Trace:
    """The trace that comes out as in the review: some criteria decide through another study than the one ordered."""
    reading = Reading.EXCLUSION if judged.criterion.outcome is Outcome.NOT_SUPPORTED else Reading.SUPPORT
    offered = [alternative.study for alternative in found.alternatives if alternative.study is not None]
    traces = (considered.judge_of(study).evaluation.trace(whole, reading) for study in (found.order.study, *offered))
    first = next(traces)
    if first.truth is judged.truth:
        return first
    return next((trace for trace in traces if trace.truth is judged.truth), first)


def _tree(trace: Trace, vocabulary: Vocabulary) -> Json:
    node = trace.node
    parts = [_tree(part, vocabulary) for part in trace.parts]
    if isinstance(node, FactTest):
        members: Json = {
            "kind": "test",
            "fact": node.fact,
            "test": _test(node, vocabulary),
            "facts": [_fact(ref, fact) for ref, fact in trace.facts],
        }
    else:
        members = {"kind": _JOINS[type(node)]}
        if isinstance(node, AtLeast):
            members["count"] = node.count
    return {**members, "result": trace.truth.value, **({"parts": parts} if parts else {})}


def _test(node: FactTest, vocabulary: Vocabulary) -> str:
    """What is asked of the fact, without its name; months as years where people say years."""
    if isinstance(node.operand, float) and vocabulary[node.fact].unit == "months" and node.operand > MONTHS_AS_YEARS:
        return test_words(node, vocabulary).removeprefix(node.name).rsplit(" ", 2)[0].strip() + f" {age(node.operand)}"
    return outline(node, vocabulary).text.removeprefix(node.name).strip()


def _fact(ref: str, fact: Fact) -> Json:
    return dict(_fact_members(ref, fact))


def _fact_members(ref: str, fact: Fact) -> Iterator[tuple[str, Any]]:
    yield "ref", ref
    if fact.value is not None:
        yield "value", value_json(fact.value)
    if fact.why is not None:
        yield "why", fact.why.value
    if fact.since is not None:
        yield "since", fact.since.isoformat()
    if fact.stated:
        yield "stated", True
    if fact.note:
        yield "note", fact.note
    if fact.sources:
        yield "sources", [{"reference": source.reference, "date": source.date} for source in fact.sources]
