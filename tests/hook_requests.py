"""Hook requests for tests: a complete one, to be changed member by member."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from cds_service.hooks.chart_keys import TABLE
from tests.stub_fhir import bundle

CPT = "http://www.ama-assn.org/go/cpt"
SNOMED = "http://snomed.info/sct"
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-02-03", "gender": "female"}
BACK_PAIN = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"coding": [{"system": SNOMED, "code": "279039007"}]},
    "onsetDateTime": "2026-11-01",
}


def an_order(ident: str = "mri", code: str = "72148", **members: Any) -> dict[str, Any]:
    """A lumbar MRI without contrast, unless told otherwise."""
    return {
        "resourceType": "ServiceRequest",
        "id": ident,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-20",
        "code": {"coding": [{"system": CPT, "code": code}]},
        **members,
    }


def full_prefetch(*resources: dict[str, Any]) -> dict[str, Any]:
    """Every key of ours: the patient, and a Bundle of these resources by type."""
    prefetch: dict[str, Any] = {}
    for row in TABLE:
        found = [resource for resource in resources if resource["resourceType"] == row.resource_type]
        prefetch[row.key] = PATIENT if row.key == "patient" else bundle(*found)
    return deepcopy(prefetch)


def a_request(*orders: dict[str, Any], hook: str = "order-sign", **members: Any) -> dict[str, Any]:
    """A valid request with a complete prefetch of one Condition. `members` replace top-level members; None removes."""
    orders = orders or (an_order(),)
    context: dict[str, Any] = {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order} for order in orders]},
    }
    if hook == "order-select":
        context["selections"] = [f"{order['resourceType']}/{order['id']}" for order in orders]
    request = {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": full_prefetch(BACK_PAIN),
        **members,
    }
    return {name: value for name, value in request.items() if value is not None}


def without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy without the member at a dotted path."""
    return replaced(value, path, _GONE)


def replaced(value: dict[str, Any], path: str, member: Any) -> dict[str, Any]:
    """A copy with another member at a dotted path."""
    copy = deepcopy(value)
    *outer, last = path.split(".")
    inner: Any = copy
    for name in outer:
        inner = inner[int(name) if name.isdigit() else name]
    if member is _GONE:
        del inner[last]
    else:
        inner[last] = member
    return copy


_GONE = object()
