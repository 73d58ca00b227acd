"""Which of a template's override reasons make sense on one card."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Final

from cds_service.card_builder.templates import Template, When
from cds_service.core.order import ImagingOrder, Study

UNRECOGNISED: Final = frozenset({When.CODE})

_WITH_CONTRAST: Final = frozenset({"with", "without_and_with"})


def circumstances(order: ImagingOrder, named: Study | None) -> AbstractSet[When]:
    """What holds of a card that names this study, or none, to order."""
    if named is None:
        return {When.UNITS} if order.units > 1 else set()
    found = {
        When.LEVEL: set(named.regions) != set(order.regions),
        When.MRI: named.modality == "MR" != order.study.modality,
        When.MORE_CONTRAST: order.contrast == "without" and named.contrast in _WITH_CONTRAST,
        When.LESS_CONTRAST: order.contrast in _WITH_CONTRAST and named.contrast == "without",
    }
    return {When.STUDY, When.CODE, *(when for when, holds in found.items() if holds)}


def override_reasons(template: Template, holds: AbstractSet[When]) -> list[dict[str, Any]]:
    """The reasons as a CDS Hooks card lists them."""
    return [
        {"code": reason.code, "system": reason.system, "display": reason.display}
        for reason in template.overrides
        if reason.when is None or reason.when in holds
    ]
