"""Outcomes of one consultation -> cards, most serious first, and the reasons for every silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from cds_service.card_builder import wording
from cds_service.card_builder.choice import Choice, Indicator, SilenceReason, choose
from cds_service.card_builder.overrides import UNRECOGNISED, circumstances, override_reasons
from cds_service.card_builder.suggestions import Profile, Proposal, profile_named, proposals, subject, suggestions_for
from cds_service.card_builder.templates import TOPIC_SYSTEM, CardTemplates, Kind, Template, When
from cds_service.core.determination import Guideline, Review
from cds_service.core.order import LeftAlone, NotRecognised, Study

_SERIOUSNESS: Final = {indicator: place for place, indicator in enumerate(Indicator)}


@dataclass(frozen=True, slots=True)
class Silence:
    """Why an order got no card: a value of `SilenceReason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `kind` is its template, `order` the draft it speaks of, `body` the CDS Hooks card."""

    kind: str
    order: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cards:
    """`silences` holds (order reference, silence) for every reviewed order without a card."""

    cards: tuple[Card, ...]
    silences: tuple[tuple[str, Silence], ...]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A card that is decided but not yet written."""

    choice: Choice
    outcome: Review | NotRecognised


def build_cards(
    outcomes: Iterable[Review | NotRecognised | LeftAlone],
    *,
    hook: str,
    profile: str,
    templates: CardTemplates,
    new_uuid: Callable[[], str],
    app_url: str | None = None,
    drafted: Iterable[Study] = (),
) -> Cards:
    """At most one card per order, and a card of its own for a link when `app_url` is given.

    `profile` names what the client can carry out ("default", "sandbox", "crd", "epic"). `drafted` holds the studies
    of draft orders that are not under review: what is drafted already is not suggested again. The same input and
    the same uuids give the same cards.
    """
    outcomes = tuple(outcomes)
    planned: list[_Planned] = []
    silences: list[tuple[str, Silence]] = []
    for outcome in outcomes:
        if isinstance(outcome, LeftAlone):
            continue
        choice = choose(outcome, hook) if isinstance(outcome, Review) else Choice(Kind.NOT_RECOGNISED, Indicator.INFO)
        if isinstance(choice, SilenceReason):
            silences.append((_reference(outcome), Silence(choice.value)))
        else:
            planned.append(_Planned(choice, outcome))
    planned.sort(key=lambda plan: _SERIOUSNESS[plan.choice.indicator])
    desk = _Desk(templates, profile_named(profile), new_uuid, [*drafted], outcomes)
    cards: list[Card] = []
    for plan in planned:
        card = desk.write(plan)
        if card is None:
            silences.append((_reference(plan.outcome), Silence(SilenceReason.SAME_ADVICE.value)))
        else:
            cards.append(card)
    if app_url is not None:
        cards += [*desk.link_cards(planned, tuple(cards), app_url)]
    return Cards(tuple(cards), tuple(silences))


class _Desk:
    """Writes the cards of one response and remembers what has been said in it."""

    def __init__(
        self,
        templates: CardTemplates,
        profile: Profile,
        new_uuid: Callable[[], str],
        drafted: list[Study],
        outcomes: Sequence[Review | NotRecognised | LeftAlone],
    ) -> None:
        self._templates = templates
        self._words = templates.words
        self._profile = profile
        self._new_uuid = new_uuid
        self._drafted = drafted
        self._ordered = [(o.order.reference, o.order.study) for o in outcomes if isinstance(o, Review)]
        self._said: set[tuple[str, ...]] = set()
        self._added: list[Study] = []

    def write(self, plan: _Planned) -> Card | None:
        """The card; None when another order of this response has already brought the same advice."""
        template = self._templates.by_kind[plan.choice.kind]
        if isinstance(plan.outcome, NotRecognised):
            return self._write_unrecognised(plan, plan.outcome, template)
        review = plan.outcome
        others = [study for reference, study in self._ordered if reference != review.order.reference]
        proposed, drafted = proposals(review, plan.choice.kind, [*self._drafted, *others, *self._added])
        target = subject(proposed, drafted, review)
        slots = wording.slots_of(review, template, self._words, target, drafted)
        summary = slots.summary(template)
        advice = (plan.choice.kind, summary, review.order.study.id, *sorted(a.because for a in review.alternatives))
        if advice in self._said:
            return None
        self._said.add(advice)
        self._added += self._additions(proposed, template)
        named = target or next((proposal.study for proposal in proposed), None)
        holds = circumstances(review.order, named)
        guideline = wording.leading_guideline(review)
        body = self._body(plan.choice.indicator, template, summary, slots.detail(template), guideline, holds)
        suggested = suggestions_for(
            review.order, proposed, target, template, self._profile, self._words, self._new_uuid
        )
        if suggested:
            body |= {"suggestions": suggested, "selectionBehavior": self._profile.selection_behavior}
        return Card(template.kind.value, review.order.reference, body)

    def link_cards(self, planned: Sequence[_Planned], cards: Sequence[Card], app_url: str) -> Iterator[Card]:
        """For each card that asks something, the way to answer. Links never share a card with suggestions.

        The app gets the uuid of the asking card as its context: the service knows what it asked, the link says nothing.
        """
        template = self._templates.by_kind[Kind.ANSWER_QUESTIONS]
        plan_of = {_reference(plan.outcome): plan for plan in planned}
        for card in cards:
            review = plan_of[card.order].outcome
            if not isinstance(review, Review) or not review.asks_for or card.kind == Kind.COULD_NOT_CHECK:
                continue
            slots = wording.slots_of(review, template, self._words, None, ())
            guideline = wording.leading_guideline(review)
            body = self._body(
                Indicator.INFO, template, slots.summary(template), slots.detail(template), guideline, set()
            )
            link = {"label": template.link, "url": app_url, "type": "smart", "appContext": card.body["uuid"]}
            yield Card(template.kind.value, card.order, {**body, "links": [link]})

    def _write_unrecognised(self, plan: _Planned, order: NotRecognised, template: Template) -> Card | None:
        slots = wording.slots_of_unrecognised(order, self._words)
        advice = (plan.choice.kind, slots.detail(template))
        if advice in self._said:
            return None
        self._said.add(advice)
        summary, detail = slots.summary(template), slots.detail(template)
        body = self._body(plan.choice.indicator, template, summary, detail, None, UNRECOGNISED)
        return Card(template.kind.value, order.reference, body)

    def _additions(self, proposed: Sequence[Proposal], template: Template) -> list[Study]:
        """Studies that this card adds, which no later card of the response suggests again."""
        if not template.suggests or self._profile.updates_only:
            return []
        return [proposal.study for proposal in proposed if proposal.in_addition]

    def _body(
        self,
        indicator: Indicator,
        template: Template,
        summary: str,
        detail: str,
        guideline: Guideline | None,
        holds: AbstractSet[When],
    ) -> dict[str, Any]:
        label = guideline.title if guideline else self._words.patterns["guideline"]["unknown"].text
        source: dict[str, Any] = {"label": label}
        if guideline and guideline.url:
            source["url"] = guideline.url
        source["topic"] = {"system": TOPIC_SYSTEM, "code": template.kind.value, "display": template.display}
        body: dict[str, Any] = {
            "uuid": self._new_uuid(),
            "summary": summary,
            "detail": detail,
            "indicator": indicator.value,
            "source": source,
        }
        if reasons := override_reasons(template, holds):
            body["overrideReasons"] = reasons
        return body


def _reference(outcome: Review | NotRecognised) -> str:
    return outcome.order.reference if isinstance(outcome, Review) else outcome.reference
