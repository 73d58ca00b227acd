"""What we offer at `/cds-services`. Clients configure themselves from it once: ids and prefetch keys never change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cds_service.hooks.chart_keys import keys_for
from cds_service.hooks.request_schema import ORDER_SELECT, ORDER_SIGN

# The CDS Hooks specification we implement. Clients of the 3.0 ballot read it; clients of 2.0 ignore it.
SPECIFICATION: Final = "2.0.1"


@dataclass(frozen=True, slots=True)
class OfferedService:
    id: str
    hook: str
    title: str
    description: str


USAGE: Final = (
    "FHIR R4. Works from prefetch alone; reads what is missing from fhirServer when that server is on our list. "
    "Send draft ServiceRequests coded in CPT, LOINC or SNOMED CT. For information only: the criteria have not been "
    "clinically approved."
)

# Two ids, one for each hook: some clients keep services by address, and one address for both would lose one of them.
SERVICES: Final = (
    OfferedService(
        "spine-imaging-order-select",
        ORDER_SELECT,
        "Spine imaging review while ordering",
        "Compares the selected spine imaging orders with dated, cited imaging criteria and says which facts decide, "
        "what is not on record, and which study fits better. Says nothing when the order fits.",
    ),
    OfferedService(
        "spine-imaging-order-sign",
        ORDER_SIGN,
        "Spine imaging review before signing",
        "Compares every spine imaging order about to be signed with dated, cited imaging criteria and says which facts "
        "decide, what is not on record, and which study fits better. Says nothing when the order fits.",
    ),
)

BY_ID: Final = {service.id: service for service in SERVICES}
BY_HOOK: Final = {service.hook: service for service in SERVICES}


def describe(resource_types: Iterable[str]) -> dict[str, Any]:
    """The discovery document. `resource_types` are all types that facts read; those with a key are asked for."""
    prefetch = {row.key: row.template for row in keys_for(resource_types)}
    return {
        "services": [
            {
                "hook": service.hook,
                "id": service.id,
                "title": service.title,
                "description": service.description,
                "usageRequirements": USAGE,
                "version": SPECIFICATION,
                "prefetch": prefetch,
            }
            for service in SERVICES
        ]
    }
