"""What is valid at a glance is valid for the models of FHIR, whatever a client puts into a draft."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.card_builder.plain_order import is_plain

PLAIN: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "priority": "routine",
    "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}],
    "code": {
        "coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "72148", "display": "MRI"}],
        "text": "MRI",
    },
    "subject": {"reference": "Patient/p1", "display": "Corin Testwood"},
    "encounter": {"reference": "Encounter/e1"},
    "requester": {"reference": "Practitioner/1"},
    "performer": [{"reference": "Organization/1"}],
    "insurance": [{"reference": "Coverage/1"}],
    "bodySite": [{"text": "lower back"}],
    "orderDetail": [{"text": "supine"}],
    "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}]}],
    "reasonReference": [{"reference": "Condition/c1"}],
    "authoredOn": "2026-11-10",
    "occurrenceDateTime": "2026-11-12",
}
LEAF = st.sampled_from(
    ["", " ", "a", "a b", " a", "a\n", "Ä", "\u200b", "2026-02-30", "2026-02-03", "2026-2-3", "x" * 65, "urn:x y", None,
     1, True, 1.5]
) | st.text(max_size=6)  # fmt: skip
ODD = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["coding", "text", "system", "code", "display", "reference", "type"]), inner)
    ),
    max_leaves=6,
)


def test_the_order_that_clients_send_is_plain() -> None:
    assert is_plain(PLAIN)
    assert ServiceRequest.model_validate(PLAIN)


@settings(deadline=None, max_examples=600)
@given(changes=st.dictionaries(st.sampled_from([*PLAIN, "note", "extension"]), ODD, min_size=1, max_size=2))
def test_what_is_plain_is_valid(changes: dict[str, Any]) -> None:
    draft = PLAIN | changes
    if is_plain(draft):
        assert ServiceRequest.model_validate(draft)


@pytest.mark.parametrize("name", ["resourceType", "status", "intent", "subject"])
def test_a_draft_without_what_fhir_requires_is_not_plain(name: str) -> None:
    assert not is_plain({key: value for key, value in PLAIN.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("authoredOn", "2026-02-30"), ("code", {}), ("performer", []), ("status", ""), ("extension", []), ("id", "a b"),
     ("subject", {"reference": ""}), ("reasonCode", [{"coding": [{"code": "M54 50"}]}]), ("category", {"text": "a"})],
)  # fmt: skip
def test_anything_odd_is_shown_to_the_models(name: str, value: Any) -> None:
    assert not is_plain(PLAIN | {name: value})
