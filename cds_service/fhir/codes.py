"""Code systems under all their names, and the codings of a concept in one spelling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9CM: Final = "http://hl7.org/fhir/sid/icd-9-cm"
CPT: Final = "http://www.ama-assn.org/go/cpt"
HCPCS: Final = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC: Final = "http://hl7.org/fhir/sid/ndc"
ATC: Final = "http://www.whocc.no/atc"
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NUCC: Final = "http://nucc.org/provider-taxonomy"
DIAGNOSTIC_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
DEVICE_SAFETY: Final = "urn:oid:2.16.840.1.113883.3.26.1.1"
FACT: Final = "urn:spine-imaging-review:fact"
FACT_VALUE: Final = "urn:spine-imaging-review:fact-value"

# Other names seen in charts. OIDs are listed bare: "urn:oid:" is taken off before the look-up.
_OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    ICD10CM: ("2.16.840.1.113883.6.90", "http://terminology.hl7.org/CodeSystem/icd10cm"),
    ICD9CM: ("2.16.840.1.113883.6.103", "http://terminology.hl7.org/CodeSystem/icd9cm"),
    CPT: ("2.16.840.1.113883.6.12", "http://ama-assn.org/go/cpt"),
    HCPCS: (
        "2.16.840.1.113883.6.285",
        "2.16.840.1.113883.6.14",
        "http://www.nlm.nih.gov/research/umls/hcpcs",
        "http://terminology.hl7.org/CodeSystem/hcpcs",
    ),
    LOINC: ("2.16.840.1.113883.6.1", "http://www.loinc.org"),
    SNOMED: ("2.16.840.1.113883.6.96", "http://snomed.info/id", "http://www.snomed.info/sct"),
    RXNORM: ("2.16.840.1.113883.6.88",),
    NDC: ("2.16.840.1.113883.6.69",),
    ATC: ("2.16.840.1.113883.6.73", "http://www.whocc.no/atcddd"),
    DICOM: ("1.2.840.10008.2.16.4", "http://dicom.nema.org/resources/ontology/dcm"),
    ACT_CODE: ("2.16.840.1.113883.5.4", "http://hl7.org/fhir/v3/ActCode"),
    NUCC: ("2.16.840.1.113883.6.101", "http://www.nucc.org/provider-taxonomy"),
    DIAGNOSTIC_SERVICE: ("2.16.840.1.113883.12.74", "http://hl7.org/fhir/v2/0074"),
    DEVICE_SAFETY: (
        "2.16.840.1.113883.3.26.1.1",
        "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
        "http://hl7.org/fhir/ValueSet/device-safety",
    ),
    FACT: (),
    FACT_VALUE: (),
}
_CASE_SENSITIVE: Final = (FACT, FACT_VALUE)


class CodeSet(Protocol):
    """What this package asks of a value set: is (canonical system, code in capitals) a member?"""

    def __contains__(self, key: object, /) -> bool: ...


def _plain(uri: str) -> str:
    """A URI without the differences that do not matter: scheme, case, trailing slash, version, "urn:oid:"."""
    uri = uri.strip().partition("|")[0].rstrip("/#").lower()
    return uri.replace("https://", "http://", 1).removeprefix("urn:oid:")


_CANONICAL: Final[dict[str, str]] = {
    _plain(name): canonical for canonical, names in _OTHER_NAMES.items() for name in (canonical, *names)
}
_EXACT: Final[dict[str, str]] = {canonical: canonical for canonical in _OTHER_NAMES}


def normal_system(uri: object) -> str | None:
    """The canonical URI of a code system; an unknown one as written; None when there is none.

    SNOMED CT editions and versions (http://snomed.info/sct/731000124108/...) are all SNOMED CT.
    """
    if not isinstance(uri, str):
        return None
    known = _EXACT.get(uri)
    if known is not None:
        return known
    plain = _plain(uri)
    known = _CANONICAL.get(plain)
    if known is not None:
        return known
    return SNOMED if plain.startswith("http://snomed.info/sct/") else uri.strip() or None


def read_coding(coding: object) -> tuple[str, str] | None:
    """(canonical system, code) of a Coding; None without both. Codes are in capitals, our own fact codes as written.

    A CPT code sent under HCPCS is CPT, which is level I of HCPCS.
    """
    if not isinstance(coding, dict):
        return None
    system, code = coding.get("system"), coding.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        return None
    return _read(system, code)


# Charts repeat the same few thousand codes. Only short ones are kept, so that a request cannot fill the memory.
_KNOWN: Final[dict[tuple[str, str], tuple[str, str] | None]] = {}
_MOST_KNOWN: Final = 16384
_LONGEST_KNOWN: Final = 200


def _read(uri: str, written: str) -> tuple[str, str] | None:
    key = (uri, written)
    try:
        return _KNOWN[key]
    except KeyError:  # and not `in` before it: another thread may be clearing it
        found = _normal(uri, written)
    if len(uri) + len(written) < _LONGEST_KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = found
    return found


def _normal(uri: str, written: str) -> tuple[str, str] | None:
    system, code = normal_system(uri), written.strip()
    if system is None or not code:
        return None
    if system not in _CASE_SENSITIVE:
        code = code.upper()
    if system == HCPCS and len(code) == 5 and code[:4].isdigit() and (code[4].isdigit() or code[4] in "TF"):
        system = CPT
    return system, code


def codings(concept: object) -> Sequence[tuple[str, str]]:
    """(canonical system, code) of every coding of a CodeableConcept, of a list of them, or of a bare Coding."""
    if concept is None:
        return ()
    found: list[tuple[str, str]] = []
    _collect(concept, found)
    return found


def _collect(concept: object, found: list[tuple[str, str]]) -> None:
    for item in concept if isinstance(concept, list) else (concept,):
        if isinstance(item, dict):
            listed = item.get("coding")
            for coding in listed if isinstance(listed, list) else (listed or item,):
                # The innermost loop of reading a chart. Nearly every coding has been seen before and is taken from
                # `_KNOWN` in one step; an odd one (of another type, without a system) ends here and is looked at.
                try:
                    read = _KNOWN[coding["system"], coding["code"]]
                except (KeyError, TypeError, IndexError):
                    read = read_coding(coding)
                if read is not None:
                    found.append(read)


def out_of_shape(concept: object) -> bool:
    """Whether something stands in the place of a concept that is none, so that nobody can tell what it says.

    Text without a code, and a code without its system, are well-formed. One coding that can be read is enough.
    """
    if concept is None or concept in ("", [], {}) or codings(concept):
        return False
    return any(map(_is_odd, concept if isinstance(concept, list) else (concept,)))


def _is_odd(item: object) -> bool:
    if not isinstance(item, dict):
        return item is not None
    listed = item.get("coding")
    for coding in listed if isinstance(listed, list) else (listed or item,):
        if not isinstance(coding, dict):
            if coding is not None:
                return True
        elif not all(isinstance(coding.get(part), str | None) for part in ("system", "code")):
            return True
    return False


# Where a resource says what it is about. Types not named here say it in `code`.
_CODED_IN: Final[dict[str, tuple[str, ...]]] = {
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "MedicationAdministration": ("medicationCodeableConcept",),
    "MedicationDispense": ("medicationCodeableConcept",),
    "Device": ("type",),
    "Encounter": ("type", "class"),
    "ImagingStudy": ("procedureCode",),
    "Immunization": ("vaccineCode",),
    "Goal": ("description",),
    "CarePlan": ("category",),
    "Communication": ("topic", "reasonCode"),
    "Appointment": ("serviceType", "appointmentType"),
    "DocumentReference": ("type",),
}
_CODE: Final = ("code",)


def coded_in(resource_type: str) -> tuple[str, ...]:
    """The elements in which a resource of this type says what it is about."""
    return _CODED_IN.get(resource_type, _CODE)


def codes_of(resource: dict[str, object]) -> Sequence[tuple[str, str]]:
    """The codings that say what a resource is about: `code`, or its like in types that call it otherwise."""
    kind = resource.get("resourceType")
    found: list[tuple[str, str]] = []
    for element in _CODED_IN.get(kind, _CODE) if isinstance(kind, str) else _CODE:
        concept = resource.get(element)
        if concept is not None:
            _collect(concept, found)
    return found


def codes_of_each(resource_type: str, resources: Sequence[dict[str, Any]]) -> list[Sequence[tuple[str, str]]]:
    """`codes_of` each of these resources of one type, at a fraction of the cost: charts are read by this loop."""
    element, *others = _CODED_IN.get(resource_type, _CODE)
    if others:
        return [codes_of(resource) for resource in resources]
    found: list[Sequence[tuple[str, str]]] = []
    for resource in resources:
        try:
            (coding,) = resource[element]["coding"]  # one coding, known from before: three resources in four
            known = _KNOWN[coding["system"], coding["code"]]
        except (KeyError, TypeError, ValueError):
            known = None
        found.append((known,) if known is not None else codes_of(resource))
    return found


def code_values(concept: object) -> Iterator[str]:
    """The bare codes of a status concept in lower case, whatever system they claim ("active", "refuted")."""
    for item in concept if isinstance(concept, list) else (concept,):
        if isinstance(item, str):
            yield item.strip().lower()
        elif isinstance(item, dict):
            listed = item.get("coding")
            for coding in listed if isinstance(listed, list) else (listed or item,):
                code = coding.get("code") if isinstance(coding, dict) else None
                if isinstance(code, str):
                    yield code.strip().lower()
