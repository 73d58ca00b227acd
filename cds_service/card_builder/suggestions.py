"""Suggestions: one click that changes the draft order, in the form the client can carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cds_service.card_builder.choice import ULTRASOUND, XRAY, XRAY_FACTS
from cds_service.card_builder.plain_order import is_plain
from cds_service.card_builder.slots import inline
from cds_service.card_builder.templates import Kind, Removal, Template
from cds_service.card_builder.words import Words
from cds_service.core.determination import Review
from cds_service.core.errors import ConfigurationError
from cds_service.core.order import ImagingOrder, Study

MOST_SUGGESTIONS: Final = 3
SPREAD: Final = frozenset({"entire_spine", "whole_body"})

PAMA_RATING: Final = "http://fhir.org/argonaut/Extension/pama-rating"
PAMA_SYSTEM: Final = "http://fhir.org/argonaut/CodeSystem/pama-rating"

# What an additional order takes over from the draft: whose it is, who asks and why. Nothing that belongs to the study.
_CARRIED: Final = ("encounter", "requester", "reasonCode", "reasonReference", "insurance")
_REFERENCE: Final = ("reference", "type", "identifier")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a client can carry out.

    `modality_by_delete_and_create`: a change of modality is a delete and a create in one suggestion (Da Vinci CRD).
    `updates_only`: nothing but an update of the draft works, so that an additional study replaces it (the imaging
    screen of the CDS Hooks sandbox, which also wants a rating and a list of reasons on the resource).
    `lone_delete`: a suggestion may consist of a delete alone.
    `ratings`: the client has agreed to system actions that annotate the order with an appropriateness rating.
    `mirrors_system_actions`: it looks for them under `extension`, where drafts of the standard had them.
    """

    selection_behavior: str
    modality_by_delete_and_create: bool = False
    updates_only: bool = False
    lone_delete: bool = True
    ratings: bool = False
    mirrors_system_actions: bool = False


_CLIENTS: Final[Mapping[str, Profile]] = {
    "default": Profile("any"),
    "sandbox": Profile("any", updates_only=True, lone_delete=False, ratings=True, mirrors_system_actions=True),
    "crd": Profile("at-most-one", modality_by_delete_and_create=True, lone_delete=False),
    "epic": Profile("any"),
}

# "+ratings" after a name turns ratings on for a client that has agreed to them.
PROFILES: Final[Mapping[str, Profile]] = {
    **_CLIENTS,
    **{f"{name}+ratings": replace(profile, ratings=True) for name, profile in _CLIENTS.items() if not profile.ratings},
}


def profile_named(name: str) -> Profile:
    if name not in PROFILES:
        raise ConfigurationError(f"unknown client profile {name!r} (known: {', '.join(PROFILES)})")
    return PROFILES[name]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A study that a card proposes: beside the order, or in its place."""

    study: Study
    in_addition: bool


def proposals(review: Review, kind: Kind, others: Sequence[Study]) -> tuple[tuple[Proposal, ...], tuple[Study, ...]]:
    """Studies to propose, the one the card is about first, and those left out because `others` are drafted already."""
    proposed: list[Proposal] = []
    drafted: list[Study] = []
    # Of an order that leaves contrast open, the ordinary study is a proposal too: it says which contrast is meant.
    seen = {review.order.study.id} if review.order.contrast is not None else set()
    for alternative in review.alternatives:
        study = alternative.study
        if study is None or study.id in seen:
            continue
        seen.add(study.id)
        there = [other for other in others if _same_advice(study, other)]
        drafted += there
        if not there:
            # A plain x-ray is never taken away: the study that a red flag calls for comes beside it.
            proposed.append(Proposal(study, alternative.in_addition or review.order.study.modality == XRAY))
    if any(ref.startswith(XRAY_FACTS) for ref in review.asks_for):
        # Its result is what is asked for, and the card says that the film itself is on its way.
        drafted += [film for film in others if film.modality == XRAY and set(film.regions) & set(review.order.regions)]
    symptomatic = _symptomatic(review)
    proposed.sort(key=lambda proposal: not _is_subject(proposal, kind))
    at_level = [proposal for proposal in proposed if symptomatic & set(proposal.study.regions)]
    if at_level and SPREAD & set(review.order.regions):
        proposed = at_level  # a study of the whole spine has no level of its own: the symptoms give it
    return tuple(proposed[:MOST_SUGGESTIONS]), tuple(dict.fromkeys(drafted))


def subject(proposed: Sequence[Proposal], drafted: Sequence[Study], review: Review) -> Study | None:
    """The one study a card names and recommends.

    None when the levels proposed differ and neither symptoms nor the order say which is meant. For a red flag the
    likelier level comes first.
    """
    studies = [proposal.study for proposal in proposed if not proposal.in_addition]
    known = _symptomatic(review) | (set(review.order.regions) - SPREAD)
    if len({study.regions for study in studies}) > 1 and not review.red_flag and not known & set(studies[0].regions):
        return None
    return proposed[0].study if proposed else next(iter(drafted), None)


def _symptomatic(review: Review) -> set[str]:
    """Regions with pain or an injury on record."""
    recorded = [item.ref for item in review.evidence if item.fact.value is True]
    symptoms = [ref for ref in recorded if ref.startswith(("spine_pain(", "spine_trauma(", "relevant_level("))]
    return {ref.partition("(")[2].rstrip(")") for ref in symptoms}


def _is_subject(proposal: Proposal, kind: Kind) -> bool:
    match kind:
        case Kind.XRAY_FIRST:
            return proposal.study.modality == XRAY
        case Kind.INFANT_ULTRASOUND_FIRST:
            return proposal.study.modality == ULTRASOUND
        case Kind.RED_FLAG_OTHER_STUDY:
            return proposal.study.modality != XRAY
        case _:
            return not proposal.in_addition


def suggestions_for(
    order: ImagingOrder,
    proposed: Sequence[Proposal],
    target: Study | None,
    template: Template,
    profile: Profile,
    words: Words,
    new_uuid: Callable[[], str],
) -> list[dict[str, Any]]:
    """At most three suggestions, the first recommended unless the level is open; none whose resource is not valid FHIR.

    `target` is the study that the card names (`subject`).
    """
    drafts = [_for_study(order, proposal, profile, words) for proposal in proposed if template.suggests]
    made = [(label, actions) for label, actions in drafts if all(is_valid(action) for action in actions)]
    recommended = target is not None if made else template.removal is Removal.RECOMMENDED
    if template.removal and profile.lone_delete:
        made.append((words.patterns["suggestions"]["remove"].text, [_delete(order, words)]))
    return [
        {"label": label, "uuid": new_uuid(), "isRecommended": recommended and place == 0, "actions": actions}
        for place, (label, actions) in enumerate(made[:MOST_SUGGESTIONS])
    ]


def _same_advice(study: Study, other: Study) -> bool:
    """The same study, or another number of views of the same region."""
    if study.id == other.id:
        return True
    return study.modality == other.modality == XRAY and bool(set(study.regions) & set(other.regions))


def _for_study(
    order: ImagingOrder, proposal: Proposal, profile: Profile, words: Words
) -> tuple[str, list[dict[str, Any]]]:
    study = proposal.study
    if proposal.in_addition and not profile.updates_only:
        actions = [_create(additional(order.resource, study), study, words)]
        return _label("add", study, words), actions
    if profile.modality_by_delete_and_create and study.modality != order.study.modality:
        replacement = changed(order, study)
        replacement.pop("id", None)
        replacement.pop("meta", None)
        actions = [_delete(order, words), _create(replacement, study, words)]
        return _label("change", study, words), actions
    resource = changed(order, study)
    if profile.updates_only:
        resource = _rated(resource)
    key = "update_region" if "bodySite" in prune(order.resource) and "bodySite" not in resource else "update"
    description = words.patterns["actions"][key].must_fill(study=inline(study.label))
    return _label("change", study, words), [{"type": "update", "description": description, "resource": resource}]


def _label(verb: str, study: Study, words: Words) -> str:
    patterns = words.patterns["suggestions"]
    if study.cpt is None:
        return patterns[f"{verb}_uncoded"].must_fill(study=inline(study.label))
    return patterns[verb].must_fill(study=inline(study.label), code=study.cpt)


def _create(resource: dict[str, Any], study: Study, words: Words) -> dict[str, Any]:
    description = words.patterns["actions"]["create"].must_fill(study=inline(study.label))
    return {"type": "create", "description": description, "resource": resource}


def _delete(order: ImagingOrder, words: Words) -> dict[str, Any]:
    description = words.patterns["actions"]["delete"].must_fill(ordered=inline(order.study.label))
    return {"type": "delete", "description": description, "resourceId": order.reference}


def changed(order: ImagingOrder, study: Study) -> dict[str, Any]:
    """The whole draft as sent with another study's code. A body site of another region goes with the old code."""
    resource: dict[str, Any] = prune(order.resource)
    resource["code"] = code_of(study)
    if set(study.regions) != set(order.regions):
        resource.pop("bodySite", None)
    return resource


def additional(draft: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """A new draft order beside this one, for the same patient, visit, requester and reasons."""
    kept = prune(draft)
    subject = kept.get("subject")
    resource: dict[str, Any] = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order"}
    resource["code"] = code_of(study)
    if isinstance(subject, dict):
        # Without `display`: a patient's name is nothing for a suggestion.
        resource["subject"] = {key: subject[key] for key in _REFERENCE if key in subject}
    resource |= {key: kept[key] for key in _CARRIED if key in kept}
    return resource


def code_of(study: Study) -> dict[str, Any]:
    """The study in each code system it has: the first code listed for a system is the ordinary one."""
    codings: dict[str, dict[str, str]] = {}
    for code in study.codes:
        codings.setdefault(code.system, {"system": code.system, "code": code.code, "display": code.label})
    return {"coding": list(codings.values()), "text": study.label}


def prune(value: Any) -> Any:
    """A copy without empty strings, lists, objects and nulls: FHIR forbids them, half-filled drafts have them."""
    if isinstance(value, Mapping):
        kept = {key: prune(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if not _empty(item)}
    if isinstance(value, list):
        return [item for item in (prune(item) for item in value) if not _empty(item)]
    return value


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _rated(resource: dict[str, Any]) -> dict[str, Any]:
    rating = {
        "url": PAMA_RATING,
        "valueCodeableConcept": {"coding": [{"system": PAMA_SYSTEM, "code": "appropriate"}]},
    }
    given = resource.get("extension")
    extensions = given if isinstance(given, list) else []
    others = [item for item in extensions if not (isinstance(item, dict) and item.get("url") == PAMA_RATING)]
    # The sandbox reads `reasonCode` without looking whether it is there.
    return {**resource, "extension": [*others, rating], "reasonCode": resource.get("reasonCode", [])}


def is_valid(action: Mapping[str, Any]) -> bool:
    """The draft may have been no valid FHIR as sent; then its changed copy is not either, and the text must do."""
    resource = action.get("resource")
    if resource is None or is_plain(resource):
        return True
    # Only odd drafts get here, so that most workers never spend the 0.2 s and 35 MB that these models take.
    from fhir.resources.R4B.servicerequest import ServiceRequest
    from pydantic import ValidationError

    try:
        ServiceRequest.model_validate(resource)
    except ValidationError:
        return False
    return bool(resource.get("subject"))
