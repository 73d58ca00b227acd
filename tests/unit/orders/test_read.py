"""Reading draft orders: whether, for whom, why and when."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.core.order import ImagingOrder, LeftAlone, NotRecognised
from cds_service.orders.read import NO_SYSTEM, SEVERAL_OPTIONS
from tests.unit.orders.drafts import BILLING, SYSTEMS, concept, doubt, imaging, order, read


@pytest.mark.parametrize(
    ("codes", "options", "study", "by"),
    [
        ("snomed 25267002", "cpt 72148", "mr_lumbar_wo", "billing_options"),
        ("", "cpt 72148", "mr_lumbar_wo", "billing_options"),
        ("snomed 25267002", "cpt 72148, cpt 72148", "mr_lumbar_wo", "billing_options"),
        ("snomed 25267002", "cpt 72148, cpt 99213", "mr_lumbar_wo", "billing_options"),
        ("cpt 72148", "cpt 72158", "mr_lumbar_wo", "coding"),  # the order's own code stands
        ("loinc 24968-0", "cpt 72158", "mr_lumbar_wwo", "billing_options"),
        ("loinc 24968-0", "cpt 72158, cpt 72146", "mr_lumbar_wwo", "billing_options"),  # only one fits the order
        ("loinc 24968-0", "cpt 72148, cpt 72158", "mr_lumbar_wo", "coding"),  # contrast stays open
    ],
)
def test_billing_options_stand_in_for_a_missing_code(codes: str, options: str, study: str, by: str) -> None:
    found = imaging(order(*filter(None, [codes]), options=tuple(options.split(", "))))

    assert (found.study.id, found.recognised_by) == (study, by)


def test_options_that_differ_are_asked_about() -> None:
    assert doubt(order("snomed 25267002", options=("cpt 72148", "cpt 72158"))) == SEVERAL_OPTIONS


def test_open_contrast_stays_open_among_options() -> None:
    assert imaging(order("loinc 24968-0", options=("cpt 72148", "cpt 72158"))).contrast is None


def test_options_for_other_organs_leave_the_order_alone() -> None:
    assert isinstance(read(order("snomed 25267002", options=("cpt 93000",))), LeftAlone)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "completed"},
        {"status": "revoked"},
        {"status": "entered-in-error"},
        {"status": "unknown"},
        {"status": ["draft"]},
        {"doNotPerform": True},
        {"subject": {"reference": "Patient/p2"}},
        {"subject": {"reference": "Group/p1"}},
        {"resourceType": "MedicationRequest"},
        {"resourceType": None},
        {"code": {"coding": [{}]}},
        {"code": {"coding": []}},
        {"code": None},
        {"code": "72148"},
        {"code": concept("cpt 73721")},
        {"code": concept("cpt 62270")},
        {"code": concept("cpt 73721"), "category": [concept("snomed 363679005")]},
    ],
)
def test_left_alone(change: dict[str, Any]) -> None:
    assert isinstance(read({**order("cpt 72148"), **change}), LeftAlone)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "active"},
        {"status": "on-hold"},
        {"status": None},
        {"intent": "plan"},
        {"intent": "original-order"},
        {"doNotPerform": False},
        {"subject": {"reference": "http://ehr.example/fhir/Patient/p1"}},
        {"subject": None},
    ],
)
def test_reviewed(change: dict[str, Any]) -> None:
    assert imaging({**order("cpt 72148"), **change}).study.id == "mr_lumbar_wo"


def test_spine_imaging_without_a_known_code_is_spoken_of() -> None:
    assert "none of its codes" in doubt(order("local MRL", text="MRI lumbar spine"))
    assert doubt({**order(), "code": {"coding": [{"code": "72148"}]}}) == NO_SYSTEM


def test_the_name_of_an_order() -> None:
    unsaved = order("cpt 72148")
    del unsaved["id"]

    assert imaging(order("cpt 72148")).reference == "ServiceRequest/draft-1"
    assert imaging(unsaved).reference == "ServiceRequest"


CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "code": concept("icd M54.50", "snomed 279039007"),
}
INNER = {**CONDITION, "id": "inner"}
THEIRS = {**INNER, "subject": {"reference": "Patient/p2"}}
LUMBAGO = (SYSTEMS["icd"], "M54.50")


@pytest.mark.parametrize(
    ("elements", "codes", "given"),
    [
        ({}, [], False),
        ({"reasonCode": []}, [], False),
        ({"reasonCode": [{"coding": [{}]}]}, [], False),
        ({"reasonCode": [{"text": " "}]}, [], False),
        ({"reasonCode": [{"text": "back pain"}]}, [], True),
        ({"reasonCode": [{"coding": [{"code": "M54.50"}]}]}, [], True),  # given, though without a system
        ({"reasonCode": [concept("icd M54.50"), concept("icd M54.50", "icd G83.4")]}, ["M54.50", "G83.4"], True),
        ({"reasonReference": [{"reference": "Condition/c1"}]}, ["M54.50", "279039007"], True),
        ({"reasonReference": [{"reference": "Condition/elsewhere"}]}, [], True),
        ({"reasonReference": [{"reference": "Observation/o1"}]}, [], True),
        ({"reasonReference": [{"reference": "Condition/refuted"}]}, [], False),
        ({"reasonReference": [{"reference": "#inner"}], "contained": [INNER]}, ["M54.50", "279039007"], True),
        ({"reasonReference": [{"reference": "#inner"}], "contained": [THEIRS]}, [], False),
        ({"reasonReference": "Condition/c1", "reasonCode": "M54.50"}, [], False),
    ],
)
def test_reasons(elements: dict[str, Any], codes: list[str], given: bool) -> None:
    observation = {"resourceType": "Observation", "id": "o1", "code": concept("loinc 1-8")}
    refuted = {**CONDITION, "id": "refuted", "verificationStatus": {"coding": [{"code": "refuted"}]}}

    found = imaging(order("cpt 72148", **elements), CONDITION, observation, refuted)

    assert [code for _, code in found.reasons] == codes
    assert found.has_reason is given


def test_a_reason_keeps_its_system() -> None:
    assert imaging(order("cpt 72148", reasonCode=[concept("icd M54.50")])).reasons == (LUMBAGO,)


@pytest.mark.parametrize(
    ("authored", "review"),
    [
        ("2026-11-03", "2026-11-03"),
        ("2026-11-03T23:00:00-06:00", "2026-11-03"),
        ("2026-11", "2026-11-10"),  # a month not yet over: today at the latest
        ("2026-10", "2026-10-31"),
        ("2025", "2025-12-31"),
        ("2026-12", "2026-12-01"),
        ("2026-02-30", "2026-11-10"),
        (None, "2026-11-10"),
        (20261103, "2026-11-10"),
    ],
)
def test_the_review_date(authored: object, review: str) -> None:
    assert imaging(order("cpt 72148", authoredOn=authored)).review_date == date.fromisoformat(review)


@pytest.mark.parametrize(
    ("quantity", "units"),
    [({"value": 2}, 2.0), ({"value": 0}, 1.0), ({"value": -1}, 1.0), ({"value": "2"}, 1.0), (None, 1.0), ([], 1.0)],
)
def test_units(quantity: object, units: float) -> None:
    assert imaging(order("cpt 76800", quantityQuantity=quantity)).units == units


keys = (
    st.sampled_from(
        ["resourceType", "status", "code", "coding", "system", "text", "bodySite", "orderDetail", "extension", "url"]
    )
    | st.sampled_from(
        [
            "subject",
            "reference",
            "reasonCode",
            "reasonReference",
            "contained",
            "authoredOn",
            "quantityQuantity",
            "value",
        ]
    )
    | st.sampled_from(["category", "id", "display", "valueCodeableConcept", "doNotPerform"])
)
values = st.sampled_from(["ServiceRequest", "draft", "72148", SYSTEMS["cpt"], SYSTEMS["loinc"], "36067-7", BILLING])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=20,
)


@given(changes=st.dictionaries(keys, anything, max_size=5))
def test_no_json_makes_reading_fail(changes: dict[str, Any]) -> None:
    resource = {**order("cpt 72148", "loinc 24968-0"), **changes}

    found = read(json.loads(json.dumps(resource)))

    assert isinstance(found, ImagingOrder | LeftAlone | NotRecognised)
