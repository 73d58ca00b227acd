"""The region of the spine that a resource speaks of: from its code, else from its body site, else unknown.

Regions are the guideline's: cervical, thoracic, lumbar, sacrum_coccyx, pelvis, entire_spine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from cds_service.fhir.codes import FACT_VALUE, ICD9CM, ICD10CM, SNOMED, codes_of, codings
from cds_service.fhir.elements import Resource, mappings

Regions = frozenset[str]
# Regions of an imaging code (CPT, LOINC, SNOMED) by the study catalogue; empty for a code it does not know.
StudyRegions = Callable[[str, str], Iterable[str]]

NOWHERE: Final[Regions] = frozenset()
CERVICAL: Final = frozenset({"cervical"})
THORACIC: Final = frozenset({"thoracic"})
LUMBAR: Final = frozenset({"lumbar"})
SACRUM: Final = frozenset({"sacrum_coccyx"})
PELVIS: Final = frozenset({"pelvis"})
SPINAL: Final = CERVICAL | THORACIC | LUMBAR
NAMES: Final = SPINAL | SACRUM | PELVIS | {"entire_spine"}

# SNOMED CT structures: the spine body sites of the value sets, and two of the DICOM anatomic regions.
BODY_SITES: Final[dict[str, Regions]] = {
    "122494005": CERVICAL,
    "122495006": THORACIC,
    "122496007": LUMBAR,
    "1217257000": CERVICAL | THORACIC,
    "1217256009": THORACIC | LUMBAR,
    "1217253001": LUMBAR | SACRUM,
    "1217254007": SACRUM,
    "54735007": SACRUM,
    "64688005": SACRUM,
    "39723000": PELVIS,  # sacroiliac joint
    "118645006": PELVIS,
    "421060004": frozenset({"entire_spine"}),
}
PELVIS_SITE: Final = "118645006"  # the one site of the table that other organs share

# ICD-10-CM site digit of the dorsopathies.
_SITES: Final[dict[str, Regions]] = {
    "1": CERVICAL,  # occiput, atlas, axis
    "2": CERVICAL,
    "3": CERVICAL | THORACIC,
    "4": THORACIC,
    "5": THORACIC | LUMBAR,
    "6": LUMBAR,
    "7": LUMBAR | SACRUM,
    "8": SACRUM,
}
# M99, biomechanical lesions, counts its sites differently.
_M99_SITES: Final[dict[str, Regions]] = {"1": CERVICAL, "2": THORACIC, "3": LUMBAR, "4": SACRUM, "5": PELVIS}

# Codes whose region does not come from a digit, dots removed, longest prefix first.
_BY_PREFIX: Final[tuple[tuple[str, Regions], ...]] = tuple(
    sorted(
        {
            "M433": CERVICAL,  # atlantoaxial subluxation
            "M434": CERVICAL,
            "M436": CERVICAL,  # torticollis
            "M419": NOWHERE,
            "M429": NOWHERE,
            "M461": PELVIS,  # sacroiliitis
            "M479": NOWHERE,
            "M489": NOWHERE,
            "M50": CERVICAL,
            "M5003": CERVICAL | THORACIC,
            "M5013": CERVICAL | THORACIC,
            "M5023": CERVICAL | THORACIC,
            "M5033": CERVICAL | THORACIC,
            "M5083": CERVICAL | THORACIC,
            "M5093": CERVICAL | THORACIC,
            "M51A": LUMBAR,  # annulus fibrosus defects
            "M51A3": LUMBAR | SACRUM,
            "M51A4": LUMBAR | SACRUM,
            "M51A5": LUMBAR | SACRUM,
            "M519": NOWHERE,
            "M530": CERVICAL,
            "M531": CERVICAL,
            "M533": SACRUM,
            "M539": NOWHERE,
            "M542": CERVICAL,
            "M543": LUMBAR,
            "M544": LUMBAR,
            "M545": LUMBAR,
            "M546": THORACIC,
            "M548": NOWHERE,
            "M549": NOWHERE,
            "S12": CERVICAL,
            "S13": CERVICAL,
            "S14": CERVICAL,
            "S220": THORACIC,
            "S230": THORACIC,
            "S231": THORACIC,
            "S233": THORACIC,
            "S240": THORACIC,
            "S241": THORACIC,
            "S320": LUMBAR,
            "S321": SACRUM,
            "S322": SACRUM,
            "S330": LUMBAR,
            "S331": LUMBAR,
            "S332": SACRUM | PELVIS,
            "S335": LUMBAR,
            "S336": PELVIS,
            "S3401": LUMBAR,
            "S3402": SACRUM,
            "S3410": LUMBAR,
            "S3411": LUMBAR,
            "S3412": LUMBAR,
            "S3413": SACRUM,
            "S343": LUMBAR,
            "S39012": LUMBAR,
        }.items(),
        key=lambda entry: -len(entry[0]),
    )
)
_LONGEST_PREFIX: Final = max(len(prefix) for prefix, _ in _BY_PREFIX)
_PREFIXES: Final = dict(_BY_PREFIX)

# Subcategories with a subdivision before the site: their site digit is the sixth character, not the fifth.
_SIXTH: Final = ("M402", "M411", "M435", "M438", "M470", "M478", "M488", "M532")
# Categories whose fifth (or, above, sixth) character is the site.
_DORSOPATHY: Final = re.compile(r"M(?:4[0-3]|4[6-9]|51|53[28]|54[01])")

_ICD9: Final[dict[str, Regions]] = {
    "723": CERVICAL,
    "7210": CERVICAL,
    "7211": CERVICAL,
    "7212": THORACIC,
    "7213": LUMBAR,
    "72141": THORACIC,
    "72142": LUMBAR,
    "7220": CERVICAL,
    "72210": LUMBAR,
    "72211": THORACIC,
    "7224": CERVICAL,
    "72251": THORACIC,
    "72252": LUMBAR,
    "72271": CERVICAL,
    "72272": THORACIC,
    "72273": LUMBAR,
    "72401": THORACIC,
    "72402": LUMBAR,
    "72403": LUMBAR,
    "7241": THORACIC,
    "7242": LUMBAR,
    "7243": LUMBAR,
    "7246": SACRUM,
    "7247": SACRUM,
    "8470": CERVICAL,
    "8471": THORACIC,
    "8472": LUMBAR,
    "8473": SACRUM,
}


def code_regions(system: str, code: str) -> Regions:
    """The regions that an ICD-10-CM or ICD-9-CM code speaks of."""
    return icd10_regions(code) if system == ICD10CM else icd9_regions(code)


def icd10_regions(code: str) -> Regions:
    """Regions that an ICD-10-CM code names; empty where it names none (or "multiple sites", "unspecified")."""
    plain = code.replace(".", "").strip().upper()
    if plain.startswith("M45"):
        site = plain[4:5] if plain[3:4] == "A" else plain[3:4]
        return _SITES.get(site, NOWHERE)
    if plain.startswith("M99"):
        return _M99_SITES.get(plain[4:5], NOWHERE) if plain[3:4] <= "7" else NOWHERE
    fixed = _longest(plain, _PREFIXES)
    if fixed is not None:
        return fixed
    if _DORSOPATHY.match(plain) is None:
        return NOWHERE
    return _SITES.get(plain[5:6] if plain.startswith(_SIXTH) else plain[4:5], NOWHERE)


def icd9_regions(code: str) -> Regions:
    """Regions that an ICD-9-CM diagnosis names."""
    return _longest(code.replace(".", "").strip(), _ICD9) or NOWHERE


def _longest(code: str, table: dict[str, Regions]) -> Regions | None:
    for length in range(min(len(code), _LONGEST_PREFIX), 2, -1):
        found = table.get(code[:length])
        if found is not None:
            return found
    return None


def site_regions(concept: object) -> Regions:
    """Regions of a `bodySite`: SNOMED CT, or a region named in our own code system."""
    found: Regions = NOWHERE
    for system, code in codings(concept):
        if system == SNOMED:
            found |= BODY_SITES.get(code, NOWHERE)
        elif system == FACT_VALUE and code in NAMES:
            found |= {code}
    return found


def no_study(_system: str, _code: str) -> Iterable[str]:
    return ()


def regions_of(resource: Resource, study_regions: StudyRegions = no_study) -> Regions:
    """Regions that count for a resource: those of its code, else those of its body site. Empty when unknown.

    "entire_spine" comes out as its three levels.
    """
    found: Regions = NOWHERE
    for system, code in codes_of(resource):
        if system == ICD10CM:
            found |= icd10_regions(code)
        elif system == ICD9CM:
            found |= icd9_regions(code)
        else:
            found |= NAMES.intersection(study_regions(system, code))
    if not found:
        found = site_regions(resource.get("bodySite"))
    if not found and resource.get("resourceType") == "ImagingStudy":
        for series in mappings(resource.get("series")):
            found |= site_regions(series.get("bodySite"))
    return (found - {"entire_spine"}) | SPINAL if "entire_spine" in found else found
