"""What the words of an order may be used for. They are read last, and a hit only labels, asks or breaks a silence.

Read are `code.text` and `orderDetail.text`. A `display` is read only beside a code that nobody can look up (a local
one), and only to notice that something looks like spine imaging.
"""

from __future__ import annotations

import re
from typing import Final

from cds_service.fhir.codes import CPT, HCPCS, LOINC, SNOMED, code_values, codings, normal_system
from cds_service.fhir.elements import Resource, mapping, mappings, text
from cds_service.fhir.regions import PELVIS, site_regions

STANDARD: Final = frozenset({CPT, HCPCS, LOINC, SNOMED})

# Labels for kinds of study; where an order flag means the same, the label is its name.
_LABELS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (label, re.compile(pattern, re.IGNORECASE))
    for label, pattern in (
        ("positional_mri", r"\b(?:positional|upright|standing|weight[\s-]?bearing|kinetic|dynamic)\b"),
        ("cone_beam_ct", r"\bcone[\s-]?beam\b|\bCBCT\b"),
        ("spectroscopy", r"\bspectroscop"),
        ("myelography", r"\bmyelogra|\bintrathecal"),
        ("post_discography_ct", r"\bdis[ck]ogra"),
        ("gallium", r"\bgallium\b|\bGa[\s-]?67\b"),
        ("three_phase", r"\b(?:three|3)[\s-]?phase\b"),
        ("render_3d", r"\b3[\s-]?D\b"),
        ("whole_body_mri", r"\bwhole[\s-]?body\b"),
        ("quantitative_mri", r"\bquantitative\b"),
        ("pet_mri", r"\bPET\s*[/-]\s*MRI?\b"),
    )
)

# One search tells that none of them fits, as with nearly every order.
_ANY_LABEL: Final = re.compile("|".join(pattern.pattern for _, pattern in _LABELS), re.IGNORECASE)

_CONTRAST_WORD: Final = r"(?:iv\s+|intravenous\s+)?(?:contrast|gad\w*)"
_AND: Final = r"\s*(?:and|&|\+|/|then|followed\s+by)?\s*"
_BOTH: Final = re.compile(
    rf"\b(?:without|w/?o)\b(?:\s*{_CONTRAST_WORD})?{_AND}\b(?:with\b|w/|w\b)(?!/?o)"
    rf"|\b(?:with|w)\b/?(?:\s*{_CONTRAST_WORD})?{_AND}\b(?:without|w/?o)\b",
    re.IGNORECASE,
)
_WITHOUT: Final = re.compile(
    rf"\b(?:without|w/?o|no)\s+{_CONTRAST_WORD}|\bnon[\s-]?contrast|\bunenhanced\b", re.IGNORECASE
)
_WITH: Final = re.compile(rf"\b(?:with\s+|w/\s*|w\s+){_CONTRAST_WORD}|\bcontrast[\s-]enhanced\b", re.IGNORECASE)

_LEVELS: Final[tuple[tuple[frozenset[str], re.Pattern[str]], ...]] = tuple(
    (frozenset(regions), re.compile(pattern, re.IGNORECASE))
    for regions, pattern in (
        (("cervical",), r"\bc(?:ervical)?[\s-]?spine\b|\bcervical\b"),
        (("thoracic",), r"\bt(?:horacic)?[\s-]?spine\b|\bthoracic\b|\bdorsal spine\b"),
        (("lumbar",), r"\bl(?:umbar)?[\s-]?spine\b|\blumbar\b|\bls[\s-]?spine\b"),
        (("lumbar", "sacrum_coccyx"), r"\blumbo-?sacral\b"),
        (("sacrum_coccyx",), r"\bsacrum\b|\bcoccyx\b"),
    )
)

_SPINE: Final = re.compile(
    r"\b(?:spine|spinal|[ctl]-?spine|ls-?spine|vertebra\w*|myelogra\w*|lumbar|lumbo-?sacral|sacral|sacrum|sacro-?iliac"
    r"|si joints?|coccy\w*|back|neck"
    r"|cervical(?!\s+(?:length|cancer|cytolog|lymph|node|smear|biops|screen|cerclage))"
    r"|thoracic(?!\s+(?:aort|outlet|surg|duct)))\b",
    re.IGNORECASE,
)
_IMAGING: Final = re.compile(
    r"\b(?:MRI?|MRA|CTA?|CAT scan|PET|SPECT|XR|X-?rays?|radiograph\w*|ultrasound|US|sonogra\w*|scan|scintigra\w*"
    r"|bone scan|tomogra\w*|magnetic resonance|fluorosc\w*|angiogra\w*|myelogra\w*|views?|imaging)\b",
    re.IGNORECASE,
)
_TREATMENT: Final = re.compile(
    r"\b(?:therap\w*|physio\w*|rehab\w*|chiropract\w*|manipulation|acupunct\w*|massage|exercises?|inject\w*|block|ablation"
    r"|surg\w*|fusion|laminectomy|decompression|puncture|tap|brace|orthos\w*|support|consult\w*|referr?al|evaluat\w*"
    r"|educat\w*|visit|epidural|stimulator|traction|biops\w*|pillow)\b",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(
    r"\b(?:knees?|hips?|shoulders?|elbows?|wrists?|hands?|fingers?|foot|feet|ankles?|toes?|leg|arm|femur|tibia|humerus"
    r"|chest|lungs?|ribs?|heart|cardiac|coronary|abdom\w*|liver|renal|kidneys?|pelvi\w*|bladder|prostate|uter\w*|breasts?"
    r"|mammogra\w*|head|brain|skull|sinus\w*|orbits?|face|facial|jaw|dental|carotid|thyroid|obstetric\w*|fetal|vascular"
    r"|aort\w*|venous|doppler|extremit\w*|scrot\w*|testic\w*)\b",
    re.IGNORECASE,
)
# Codes of an imaging category: SNOMED CT "imaging", and the imaging sections of HL7 table 0074.
_IMAGING_CATEGORIES: Final = frozenset({"363679005", "imaging", "rad", "rx", "ct", "nmr", "nms", "rus", "vus", "xrc"})


def words_of(order: Resource) -> str:
    """`code.text` and the texts of `orderDetail`, one a line."""
    said = [text(mapping(order.get("code")).get("text"))]
    said += [text(detail.get("text")) for detail in mappings(order.get("orderDetail"))]
    return "\n".join(part for part in said if part)


def labels_in(words: str) -> frozenset[str]:
    """Kinds of study that the words name."""
    if not words or _ANY_LABEL.search(words) is None:
        return frozenset()
    return frozenset(label for label, pattern in _LABELS if pattern.search(words))


def contrast_in(words: str) -> str | None:
    """ "without", "with", "without_and_with" or "intrathecal" when the words say so plainly."""
    if not words:
        return None
    if "myelography" in labels_in(words):
        return "intrathecal"
    if _BOTH.search(words):
        return "without_and_with"
    without, given = _WITHOUT.search(words), _WITH.search(words)
    if without and given:
        return None
    return "without" if without else "with" if given else None


def levels_in(words: str) -> frozenset[str]:
    found = [regions for regions, pattern in _LEVELS if pattern.search(words)]
    return frozenset().union(*found)


def unrecognised(order: Resource) -> str | None:
    """Why an order that names no study we know should be spoken of all the same; None to leave it alone."""
    concept = mapping(order.get("code"))
    words = "\n".join(filter(None, (words_of(order), _local_displays(concept))))
    standard = any(system in STANDARD for system, _ in codings(concept))
    category = not _IMAGING_CATEGORIES.isdisjoint(code_values(order.get("category")))
    imaging = category or _IMAGING.search(words) is not None
    site = site_regions(order.get("bodySite"))
    spine = _SPINE.search(words) is not None
    if imaging and (spine or site - PELVIS):
        return "The order looks like spine imaging, but none of its codes names a study that this service knows."
    if spine and not standard and _TREATMENT.search(words) is None:
        return "The order speaks of the spine, but it carries no code of a study that this service knows."
    elsewhere = _ELSEWHERE.search(words) is not None or (bool(order.get("bodySite")) and not site)
    if category and not standard and not elsewhere and (words or _has_code(concept)):
        return "The order is for imaging, but its code is not one that this service can look up."
    return None


def _local_displays(concept: Resource) -> str:
    return "\n".join(
        display
        for coding in mappings(concept.get("coding"))
        if normal_system(coding.get("system")) not in STANDARD and (display := text(coding.get("display")))
    )


def _has_code(concept: Resource) -> bool:
    return any(text(coding.get("code")) for coding in mappings(concept.get("coding")))
