"""Reading one draft order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from cds_service.core.order import ImagingOrder, LeftAlone, NotRecognised, Recognition
from cds_service.fhir.codes import CPT, FACT, FACT_VALUE, SNOMED, codes_of, codings, normal_system
from cds_service.fhir.dates import read_date
from cds_service.fhir.elements import Resource, identity, mapping, mappings, reference, text
from cds_service.fhir.record import names_patient
from cds_service.fhir.regions import PELVIS_SITE, site_regions
from cds_service.fhir.status import Verification, verification
from cds_service.fhir.units import number
from cds_service.guidelines.studies import StudyCatalogue
from cds_service.orders.choose import Choice, Doubt, OrderSays, choose
from cds_service.orders.wording import labels_in, unrecognised, words_of

Resolve = Callable[[str, Resource | None], Resource | None]

BILLING_OPTIONS: Final = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
SEVERAL_OPTIONS: Final = "The order lists several billing codes that name different studies."
NO_SYSTEM: Final = "The code of the order comes without its code system."

_REVIEWED_STATUS: Final = frozenset({"draft", "active", "on-hold"})
_CONTRASTS: Final = frozenset({"without", "with", "without_and_with", "intrathecal"})
# Arguments of the fact order_flag, as an order detail may state them in our own code system.
FLAGS: Final = frozenset(
    {
        "approved_clinical_trial",
        "completing_noncontrast_study",
        "cone_beam_ct",
        "csf_flow_study",
        "ct_to_avoid_sedation",
        "discography_approved",
        "mri_and_ct_together",
        "pet_criteria_met",
        "pet_ct_unavailable",
        "pet_mri",
        "positional_mri",
        "post_discography_ct",
        "quantitative_mri",
        "si_joint_imaging_together",
        "unlisted_code",
        "us_superficial_mass",
        "whole_body_mri",
    }
)
# Studies whose code alone raises a flag.
_STUDY_FLAGS: Final = {
    "positional_mri_spine": "positional_mri",
    "cone_beam_ct_cervical": "cone_beam_ct",
    "ct_lumbar_post_discography": "post_discography_ct",
    "mr_whole_body": "whole_body_mri",
    "pet_mri": "pet_mri",
}
_UNLISTED: Final = frozenset({"76497", "76498"})
_FLAG_SHAPE: Final = re.compile(r"order_flag\((\w+)\)|(\w+)")


def read_order(
    resource: Resource, *, catalogue: StudyCatalogue, today: date, patient_id: str, resolve: Resolve
) -> Recognition:
    """What a draft order asks for.

    `today` is the day of review for an order that does not say when it was written; `resolve` follows references
    (`PatientRecord.resolve`). Nothing in the resource makes this raise.
    """
    name = identity(resource)
    because = _left_alone(resource, patient_id)
    if because:
        return LeftAlone(name, because)
    choice, by = _study(resource, catalogue)
    if choice is None:
        because = unrecognised(resource) or _without_system(resource, catalogue)
        return NotRecognised(name, because, resource) if because else LeftAlone(name, "not a spine imaging study")
    if isinstance(choice, Doubt):
        return NotRecognised(name, choice.because, resource)
    if choice.study.modality == "procedure":
        return LeftAlone(name, "not an imaging study")
    reasons, has_reason = _reasons(resource, patient_id, resolve)
    return ImagingOrder(
        reference=name,
        study=choice.study,
        code=choice.code,
        contrast=choice.contrast,
        regions=choice.regions,
        review_date=review_date(resource, today),
        units=_units(resource),
        reasons=reasons,
        has_reason=has_reason,
        flags=_flags(resource, choice, catalogue),
        recognised_by=by,
        resource=resource,
        shared=choice.shared,
        labels=labels_in(words_of(resource)),
    )


def with_reasons(order: Recognition, patient_id: str, resolve: Resolve) -> Recognition:
    """The same order, with the reasons that it refers to looked up by `resolve`."""
    if not isinstance(order, ImagingOrder) or "reasonReference" not in order.resource:
        return order
    reasons, has_reason = _reasons(order.resource, patient_id, resolve)
    if reasons == order.reasons and has_reason == order.has_reason:
        return order
    return replace(order, reasons=reasons, has_reason=has_reason)


def review_date(resource: Resource, today: date) -> date:
    """The day on which an order is judged: when it was written, else `today`.

    Of a partial date ("2026-11"), the day nearest to `today`: the most recent one it can mean, yet never a day to come
    unless the whole month lies ahead.
    """
    written = read_date(resource.get("authoredOn"))
    return written.nearest(today) if written else today


def _left_alone(resource: Resource, patient_id: str) -> str | None:
    if resource.get("resourceType") != "ServiceRequest":
        return "not a service request"
    status = resource.get("status")
    if status is not None and (not isinstance(status, str) or status not in _REVIEWED_STATUS):
        return "its status is neither draft, active nor on-hold"
    if resource.get("doNotPerform") is True:
        return "it asks for something not to be done"
    if not names_patient(resource.get("subject"), patient_id):
        return "it is for another patient"
    return None


def _study(resource: Resource, catalogue: StudyCatalogue) -> tuple[Choice | Doubt | None, str]:
    """The study, and what named it: "coding", "billing_options" or "text"."""
    concept = mapping(resource.get("code"))
    says = _beside_code(resource)
    codes = tuple(dict.fromkeys(codings(concept)))
    choice = choose(codes, says, catalogue)
    if any(catalogue.coded(*key) for key in codes):
        return choice, choice.by if isinstance(choice, Choice) else "coding"
    options = _billed(codes, concept, says, catalogue)
    if not options:
        return choice, choice.by if isinstance(choice, Choice) else "coding"
    if len(options) == 1:
        return options[0], "billing_options"
    # Codes that agree with the options but for contrast leave that open, to be asked; nothing else may be left open.
    return (choice, choice.by) if isinstance(choice, Choice) else (Doubt(SEVERAL_OPTIONS), "billing_options")


def _billed(
    codes: tuple[tuple[str, str], ...], concept: Resource, says: OrderSays, catalogue: StudyCatalogue
) -> list[Choice | Doubt]:
    """What each billing option means together with the generic codes, alike ones once."""
    found: dict[str, Choice | Doubt] = {}
    for key in _billing_options(concept):
        meaning = choose((*codes, key), says, catalogue) if catalogue.coded(*key) else None
        if meaning is not None:
            found[meaning.study.id if isinstance(meaning, Choice) else meaning.because] = meaning
    fitting: list[Choice | Doubt] = [meaning for meaning in found.values() if isinstance(meaning, Choice)]
    return fitting or list(found.values())


def _billing_options(concept: Resource) -> Iterator[tuple[str, str]]:
    """The codes of the billing options of Da Vinci CRD: one CodeableConcept an extension, the extension repeated."""
    for extension in mappings(concept.get("extension")):
        if extension.get("url") == BILLING_OPTIONS:
            yield from codings(extension.get("valueCodeableConcept"))
            yield from codings(extension.get("valueCoding"))


def _beside_code(resource: Resource) -> OrderSays:
    detail = tuple(codings(resource.get("orderDetail")))
    contrasts = {code for system, code in detail if system == FACT_VALUE and code in _CONTRASTS}
    site = resource.get("bodySite")
    spinal = any(system != SNOMED or code != PELVIS_SITE for system, code in codings(site))
    regions = site_regions(site)
    return OrderSays(
        site=regions,
        spinal_site=bool(regions) and spinal,
        detail=detail,
        detail_contrast=contrasts.pop() if len(contrasts) == 1 else None,
        words=words_of(resource),
    )


def _without_system(resource: Resource, catalogue: StudyCatalogue) -> str | None:
    """A known CPT code without a system is not matched, but it is not passed over in silence either."""
    for coding in mappings(mapping(resource.get("code")).get("coding")):
        code = text(coding.get("code"))
        if code and normal_system(coding.get("system")) is None and catalogue.coded(CPT, code.upper()):
            return NO_SYSTEM
    return None


def _flags(resource: Resource, choice: Choice, catalogue: StudyCatalogue) -> frozenset[str]:
    """Special attributes that codes state: the code of the study, or a coded order detail. Never words."""
    found = {_STUDY_FLAGS[study] for study in choice.named if study in _STUDY_FLAGS}
    concept = mapping(resource.get("code"))
    if any(system == CPT and code in _UNLISTED for system, code in (*codings(concept), *_billing_options(concept))):
        found.add("unlisted_code")
    for system, code in codings(resource.get("orderDetail")):
        if system in (FACT, FACT_VALUE):
            shape = _FLAG_SHAPE.fullmatch(code)
            flag = (shape[1] or shape[2]) if shape else None
            if flag in FLAGS:
                found.add(flag)
            continue
        entries = catalogue.coded(system, code)
        if len(entries) == 1 and entries[0].study.id in _STUDY_FLAGS:
            found.add(_STUDY_FLAGS[entries[0].study.id])
    return frozenset(found)


def _units(resource: Resource) -> float:
    """How many are ordered; 1 when the order does not say."""
    count = number(mapping(resource.get("quantityQuantity")).get("value"))
    return count if count is not None and count > 0 else 1.0


def _reasons(resource: Resource, patient_id: str, resolve: Resolve) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Codes of the reasons, and whether any reason is given at all, if only in words."""
    codes: dict[tuple[str, str], None] = {}
    given = False
    for concept in mappings(resource.get("reasonCode")):
        codes.update(dict.fromkeys(codings(concept)))
        given = given or text(concept.get("text")) is not None or any(_coded(concept))
    for pointer in filter(None, map(reference, mappings(resource.get("reasonReference")))):
        target = resolve(pointer, resource)
        if target is None:
            given = True
        elif _holds(target, patient_id):
            given = True
            if target.get("resourceType") == "Condition":
                codes.update(dict.fromkeys(codes_of(target)))
    return tuple(codes), given or bool(codes)


def _coded(concept: Resource) -> Iterator[bool]:
    for coding in mappings(concept.get("coding")):
        yield text(coding.get("code")) is not None or text(coding.get("display")) is not None


def _holds(reason: Resource, patient_id: str) -> bool:
    """Whether a referenced reason is this patient's and has not been ruled out."""
    if verification(reason) in (Verification.REFUTED, Verification.ENTERED_IN_ERROR):
        return False
    if reason.get("status") == "entered-in-error":
        return False
    return names_patient(reason.get("subject") or reason.get("patient"), patient_id)
