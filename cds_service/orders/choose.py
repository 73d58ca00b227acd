"""Which study the codes of an order name. Codes that disagree are never weighed against each other: that is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cds_service.core.order import Study
from cds_service.fhir.codes import CPT
from cds_service.fhir.regions import SACRUM, SPINAL
from cds_service.guidelines.studies import FROM_BODY_SITE, CodeEntry, GenericCode, StudyCatalogue
from cds_service.orders.wording import contrast_in, labels_in, levels_in

Key = tuple[str, str]

# Kinds that are billed, and generally coded, as another modality.
_FAMILY: Final = {"CT-myelography": "CT", "cone-beam CT": "CT", "positional MR": "MR"}
_ADD_ON: Final = "3D"
# A shared code means these studies only when something else on the order says so.
_ONLY_WHEN_NAMED: Final = frozenset({"pet_mri"})
_PET_MRI_PAIR: Final = frozenset({(CPT, "78813"), (CPT, "76498")})
_WORDS_DECIDE: Final = {"CT-myelography": "myelography"}
_GALLIUM: Final = frozenset({"nm_gallium", "spect_gallium", "spect_ct_gallium"})
_ORDER_OF_REGIONS: Final = ("cervical", "thoracic", "lumbar", "pelvis", "sacrum_coccyx", "entire_spine")

DIFFERENT_KIND: Final = "The order carries codes for different kinds of study."
DIFFERENT_REGION: Final = "The order carries codes for different regions."
DIFFERENT_CONTRAST: Final = "The order carries codes that differ on contrast."
SITE_DISAGREES: Final = "The body site of the order is not the region that its code names."
NO_LEVEL: Final = "The order is for the spine, but neither its code nor its body site says which level."


@dataclass(frozen=True, slots=True)
class Choice:
    """The study that was chosen. `named` are all studies that codes of the order name; `by` is what it took."""

    study: Study
    code: str | None
    contrast: str | None
    regions: tuple[str, ...]
    shared: bool
    named: frozenset[str]
    by: str = "coding"


@dataclass(frozen=True, slots=True)
class Doubt:
    """The codes leave open which study is meant. `because` is a sentence for the clinician."""

    because: str


@dataclass(frozen=True, slots=True)
class OrderSays:
    """What the order says beside `code.coding`: regions of its body site, codings and contrast of its order detail."""

    site: frozenset[str]
    spinal_site: bool
    detail: tuple[Key, ...]
    detail_contrast: str | None
    words: str


def choose(codes: Sequence[Key], says: OrderSays, catalogue: StudyCatalogue) -> Choice | Doubt | None:
    """The study named by `codes`; None when the catalogue knows none of them."""
    exact = {key: entries for key in codes if (entries := catalogue.coded(*key))}
    generic = [found for key in codes if (found := catalogue.generic(*key)) is not None]
    if len(exact) > 1:
        exact = {k: entries for k, entries in exact.items() if entries[0].study.modality != _ADD_ON} or exact
    if not exact and generic:
        exact = dict(_detail_studies(says.detail, generic, catalogue))
    choice: Choice | Doubt | None = None
    if exact:
        choice = _from_exact(exact, says, catalogue)
        if isinstance(choice, Choice) and (doubt := _against_generic(choice, generic)):
            return doubt
    elif generic:
        choice = _from_generic(generic, says, catalogue)
    return _at_site(choice, says) if isinstance(choice, Choice) else choice


def _from_exact(exact: dict[Key, tuple[CodeEntry, ...]], says: OrderSays, catalogue: StudyCatalogue) -> Choice | Doubt:
    """One study of those that exact codes name."""
    by_code = [{entry.study.id: entry for entry in entries} for entries in exact.values()]
    common = [study for study in by_code[0] if all(study in entries for entries in by_code)]
    by = "coding"
    if set(exact) >= _PET_MRI_PAIR:
        chosen = [entries["pet_mri"] for entries in by_code if "pet_mri" in entries]
    elif common:
        study, by = _among(common, by_code[0], says, catalogue)
        chosen = [entries[study] for entries in by_code]
    else:
        chosen = [_ordinary(entries) for entries in by_code]
        composite = _composite(chosen)
        if composite is not None:
            chosen = [composite]
        elif doubt := _disagreement([entry.study for entry in chosen]):
            return doubt
    lead = _lead(chosen, exact)
    regions = _narrowed(chosen, lead.study, says)
    contrast = _contrast(chosen, lead.study)
    if regions is None:
        return Doubt(DIFFERENT_REGION)
    if isinstance(contrast, Doubt):
        return contrast
    return Choice(
        lead.study,
        _cpt_of(exact, lead.study) or lead.study.cpt,
        contrast,
        regions,
        all(entry.shared and entry.regions is None for entry in chosen),
        frozenset(entry.study.id for entry in chosen),
        by,
    )


def _among(
    common: list[str], entries: dict[str, CodeEntry], says: OrderSays, catalogue: StudyCatalogue
) -> tuple[str, str]:
    """One of several studies that share their codes, and what it took to tell: coded detail, else words."""
    if len(common) == 1:
        return common[0], "coding"
    in_detail = {entry.study.id for key in says.detail for entry in catalogue.coded(*key)}
    for study in common:
        if study in in_detail:
            return study, "coding"
    labels = labels_in(says.words)
    for study in common:
        myelography = entries[study].study.modality == "CT-myelography"
        if myelography and says.detail_contrast == "intrathecal":
            return study, "coding"
        if (myelography and "myelography" in labels) or (study in _GALLIUM and "gallium" in labels):
            return study, "text"
    return next((study for study in common if study not in _ONLY_WHEN_NAMED), common[0]), "coding"


def _ordinary(entries: dict[str, CodeEntry]) -> CodeEntry:
    return next(entry for study, entry in entries.items() if study not in _ONLY_WHEN_NAMED or len(entries) == 1)


def _composite(entries: list[CodeEntry]) -> CodeEntry | None:
    """The entry that is a set of studies, if all others are among its components."""
    for entry in entries:
        parts = {entry.study.id, *entry.study.components}
        if entry.study.components and all(other.study.id in parts for other in entries):
            return entry
    return None


def _disagreement(studies: list[Study]) -> Doubt | None:
    first = studies[0]
    for other in studies[1:]:
        if _family(first.modality) != _family(other.modality):
            return Doubt(DIFFERENT_KIND)
        if not meet(first.regions, other.regions):
            return Doubt(DIFFERENT_REGION)
        if first.contrast != other.contrast:
            return Doubt(DIFFERENT_CONTRAST)
    return None


def _lead(chosen: list[CodeEntry], exact: dict[Key, tuple[CodeEntry, ...]]) -> CodeEntry:
    """CPT picks the row of the guideline's code table; other codes only add detail to it."""
    by_cpt = {entry.study.id for (system, _), entries in exact.items() if system == CPT for entry in entries}
    return next((entry for entry in chosen if entry.study.id in by_cpt), chosen[0])


def _narrowed(chosen: list[CodeEntry], study: Study, says: OrderSays) -> tuple[str, ...] | None:
    """The regions of the study, as far as the codes narrow them; None when they narrow to different ones."""
    narrow = [entry.regions for entry in chosen if entry.regions and entry.regions != (FROM_BODY_SITE,)]
    if narrow:
        return tuple(region for region in narrow[0] if all(region in other for other in narrow)) or None
    if any(entry.regions == (FROM_BODY_SITE,) for entry in chosen):
        levels = says.site or levels_in(says.words)
        return in_order(levels.intersection(study.regions)) or study.regions
    return study.regions


def _contrast(chosen: list[CodeEntry], study: Study) -> str | Doubt | None:
    """The contrast of the study, unless a code says something else in detail."""
    detail = {entry.contrast for entry in chosen if entry.contrast != entry.study.contrast}
    stated = detail - {None}
    if len(stated) > 1:
        return Doubt(DIFFERENT_CONTRAST)
    if stated:
        return stated.pop()
    return None if detail and len(chosen) == 1 else study.contrast


def _cpt_of(exact: dict[Key, tuple[CodeEntry, ...]], study: Study) -> str | None:
    return next(
        (
            code
            for (system, code), entries in exact.items()
            if system == CPT and any(entry.study.id == study.id for entry in entries)
        ),
        None,
    )


def _detail_studies(
    detail: Iterable[Key], generic: list[GenericCode], catalogue: StudyCatalogue
) -> Iterator[tuple[Key, tuple[CodeEntry, ...]]]:
    """Exact codes of the order detail that fit what the generic codes say."""
    for key in detail:
        fitting = tuple(
            entry
            for entry in catalogue.coded(*key)
            if all(
                _family(entry.study.modality) == _family(said.modality)
                and (said.regions == (FROM_BODY_SITE,) or meet(entry.regions or entry.study.regions, said.regions))
                for said in generic
            )
        )
        if fitting:
            yield key, fitting


def _against_generic(choice: Choice, generic: list[GenericCode]) -> Doubt | None:
    for said in generic:
        if _family(said.modality) != _family(choice.study.modality):
            return Doubt(DIFFERENT_KIND)
        if said.regions != (FROM_BODY_SITE,) and not meet(said.regions, choice.regions):
            return Doubt(DIFFERENT_REGION)
        if said.contrast and choice.contrast and said.contrast != choice.contrast:
            return Doubt(DIFFERENT_CONTRAST)
    return None


def _from_generic(generic: list[GenericCode], says: OrderSays, catalogue: StudyCatalogue) -> Choice | Doubt | None:
    """The study of the modality and regions that generic codes give. Contrast stays open unless something says it."""
    first = generic[0]
    if any(other.modality != first.modality for other in generic):
        return Doubt(DIFFERENT_KIND)
    regions, by = _generic_regions(generic, says)
    if isinstance(regions, Doubt):
        return regions
    if not regions:
        return None if first.modality == "XR" else Doubt(NO_LEVEL)
    stated = {said.contrast for said in generic} - {None}
    if len(stated) > 1:
        return Doubt(DIFFERENT_CONTRAST)
    contrast = stated.pop() if stated else says.detail_contrast
    if contrast is None and (contrast := contrast_in(says.words)) is not None:
        by = "text"
    study = _find(catalogue, first.modality, regions, contrast)
    if study is None:
        return Doubt(NO_LEVEL)
    if study.contrast == "n/a":
        contrast = study.contrast
    code = study.cpt if contrast == study.contrast else None
    spinal_part = "sacrum_coccyx" in regions or not study.shared
    return Choice(study, code, contrast, regions, not spinal_part, frozenset({study.id}), by)


def _generic_regions(generic: list[GenericCode], says: OrderSays) -> tuple[tuple[str, ...] | Doubt, str]:
    given = [said.regions for said in generic if said.regions != (FROM_BODY_SITE,)]
    if given:
        if any(not meet(given[0], other) for other in given[1:]):
            return Doubt(DIFFERENT_REGION), "coding"
        return min(given, key=len), "coding"
    if says.site:
        return in_order(says.site), "coding"
    return in_order(levels_in(says.words)), "text"


def _find(catalogue: StudyCatalogue, modality: str, regions: tuple[str, ...], contrast: str | None) -> Study | None:
    """The study of these regions, else that of the first of them. Open contrast takes the ordinary study."""
    wanted = frozenset(regions)
    if "entire_spine" in wanted and modality in ("MR", "CT"):
        wanted = SPINAL
    if contrast == "intrathecal":
        modality = "CT-myelography" if modality == "CT" else modality
    for level in (contrast,) if contrast else ("without", "n/a"):
        for looked_for in (wanted, frozenset(regions[:1])):
            found = catalogue.find(modality, looked_for, level)
            if found is not None and (set(found.regions) == looked_for or not found.components):
                return found
    return None


def _at_site(choice: Choice, says: OrderSays) -> Choice | Doubt:
    """The choice seen with the body site: it narrows a study of several regions, and must not contradict."""
    if not says.site or "whole_body" in choice.regions:
        return choice
    if not meet(choice.regions, says.site):
        return Doubt(SITE_DISAGREES)
    regions = choice.regions
    if len(regions) > 1 or "entire_spine" in regions:
        narrowed = in_order(says.site & _levels(regions))
        if narrowed and not choice.study.components:
            regions = narrowed
    return Choice(
        choice.study,
        choice.code,
        choice.contrast,
        regions,
        choice.shared and not says.spinal_site,
        choice.named,
        choice.by,
    )


def _family(modality: str) -> str:
    return _FAMILY.get(modality, modality)


def meet(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two sets of regions have one in common; the entire spine has its levels, the whole body has all."""
    first, second = _levels(one), _levels(other)
    return bool(first & second) or "whole_body" in first or "whole_body" in second


def _levels(regions: Iterable[str]) -> frozenset[str]:
    """Regions with the entire spine taken apart, down to the sacrum: that is where an infant's dimple is."""
    found = frozenset(regions)
    return found | SPINAL | SACRUM if "entire_spine" in found else found


def in_order(regions: Iterable[str]) -> tuple[str, ...]:
    """Regions from head to tail."""
    found = set(regions)
    return tuple(region for region in _ORDER_OF_REGIONS if region in found)
