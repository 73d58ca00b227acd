"""What can be ordered and for which reasons, as the order-entry screen searches them."""

from __future__ import annotations

from typing import Any, Final

from cds_service.card_builder.suggestions import code_of
from cds_service.guidelines.load import Guidelines

ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"

# Studies that nobody orders by themselves from a list: parts of other studies, and guidance.
_NOT_LISTED: Final = frozenset({"3D", "procedure"})


def orderable(guidelines: Guidelines) -> dict[str, list[dict[str, Any]]]:
    """`studies` and `reasons`, each with a `label` to search and the FHIR `code` of an order."""
    return {"studies": _studies(guidelines), "reasons": _reasons(guidelines)}


def _studies(guidelines: Guidelines) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for study in guidelines.studies.studies.values():
        if study.cpt is not None and study.cpt not in found and study.modality not in _NOT_LISTED:
            found[study.cpt] = {"label": study.label, "code": code_of(study), "short": study.cpt}
    return list(found.values())


def _reasons(guidelines: Guidelines) -> list[dict[str, Any]]:
    """Every diagnosis that some value set names, under the first label it has there."""
    found: dict[str, dict[str, Any]] = {}
    for value_set in guidelines.value_sets.values():
        for member in value_set.members:
            if member.system == ICD10CM and "." in member.code and member.code not in found:
                coding = {"system": member.system, "code": member.code, "display": member.label}
                code = {"coding": [coding], "text": member.label}
                found[member.code] = {"label": member.label, "code": code, "short": member.code}
    return sorted(found.values(), key=lambda reason: (reason["label"].lower(), reason["short"]))
