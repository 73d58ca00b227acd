"""Who pays for an order, as its coverage says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.fhir.bundle import Failure
from cds_service.fhir.record import PatientRecord
from cds_service.orders import payers_of

DAY = date(2026, 11, 10)
NAIC = "urn:oid:2.16.840.1.113883.6.300"
ACME = {"system": NAIC, "value": "12345"}
BETA = {"system": NAIC, "value": "67890"}


def coverage(own_id: str, *payors: dict[str, Any], **rest: Any) -> dict[str, Any]:
    found = {"resourceType": "Coverage", "id": own_id, "status": "active", "payor": list(payors)}
    return {**found, "beneficiary": {"reference": "Patient/p1"}, **rest}


def organization(own_id: str, *identifiers: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": own_id, "identifier": list(identifiers)}


def payers(order: dict[str, Any], *resources: dict[str, Any], failures: tuple[Failure, ...] = ()) -> Any:
    return payers_of(order, PatientRecord.build("p1", resources, failures), DAY)


ORDER = {"resourceType": "ServiceRequest", "id": "o", "insurance": [{"reference": "Coverage/c1"}]}


@pytest.mark.parametrize(
    "resources",
    [
        [coverage("c1", {"identifier": ACME})],
        [coverage("c1", {"reference": "Organization/acme"}), organization("acme", ACME)],
        [coverage("c1", {"reference": "#acme"}, contained=[organization("acme", ACME)])],
        [coverage("c1", {"identifier": ACME}), coverage("c0", {"identifier": BETA}, order=1)],
    ],
    ids=["identifier", "organization", "contained", "named before others"],
)
def test_the_coverage_that_the_order_names(resources: list[dict[str, Any]]) -> None:
    assert payers(ORDER, *resources) == ((NAIC, "12345"),)


def test_a_coverage_inside_the_order() -> None:
    inside = coverage("c1", {"identifier": ACME})
    order = {**ORDER, "insurance": [{"reference": "#c1"}], "contained": [inside]}

    assert payers(order) == ((NAIC, "12345"),)


def test_a_prior_authorization_names_the_insurer() -> None:
    answer = {"resourceType": "ClaimResponse", "id": "a", "patient": {"reference": "Patient/p1"}}
    order = {**ORDER, "insurance": [{"reference": "ClaimResponse/a"}]}

    assert payers(order, {**answer, "insurer": {"identifier": ACME}}) == ((NAIC, "12345"),)


def test_without_a_named_one_what_covers_the_patient_now_the_first_payer_first() -> None:
    found = payers(
        {"resourceType": "ServiceRequest", "id": "o"},
        coverage("c1", {"identifier": BETA}, order=2),
        coverage("c2", {"identifier": ACME}, order=1),
        coverage("c3", {"identifier": {"system": NAIC, "value": "cancelled"}}, status="cancelled"),
        coverage("c4", {"identifier": {"system": NAIC, "value": "over"}}, period={"end": "2026-11-09"}),
        coverage("c5", {"identifier": {"system": NAIC, "value": "to come"}}, period={"start": "2026-11-11"}),
        coverage("c6", {"identifier": {"system": NAIC, "value": "last"}}, period={"end": "2026-11-10"}),
    )

    assert found == ((NAIC, "12345"), (NAIC, "67890"), (NAIC, "last"))


def test_nobody_is_known_to_pay() -> None:
    order = {"resourceType": "ServiceRequest", "id": "o"}

    assert payers(order) == ()
    assert payers(order, coverage("c1", {"display": "Acme"}, {"identifier": {"value": "1"}})) == ()


def test_what_could_not_be_read_is_not_nobody() -> None:
    assert payers(ORDER) is None
    assert payers({"id": "o"}, failures=(Failure("Coverage", "timeout"),)) is None


def test_the_coverage_of_another_patient_does_not_count() -> None:
    other = coverage("c1", {"identifier": ACME}, beneficiary={"reference": "Patient/p2"})

    assert payers(ORDER, other) is None
    assert payers({**ORDER, "insurance": [{"reference": "#c1"}], "contained": [other]}) == ()


@pytest.mark.parametrize("insurance", [5, "Coverage/c1", {"reference": 5}, [None, {"reference": "#"}], [{}]])
def test_nonsense_is_survived(insurance: Any) -> None:
    order = {"resourceType": "ServiceRequest", "id": "o", "insurance": insurance}

    assert payers(order, coverage("c1", {"identifier": ACME}, order="first", payor=5)) in ((), None)
