"""What a server answered, and when its silence proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.bundle import Failure, read_answer

CONDITION = {"resourceType": "Condition", "id": "c1"}
PRACTITIONER = {"resourceType": "Practitioner", "id": "d1"}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "secret"}]}


def bundle(*resources: Any, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources], **elements}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (bundle(), None),  # no entries: the patient has none
        (bundle(total=0), None),
        (bundle(CONDITION, total=1), None),
        (CONDITION, None),
        ({"resourceType": "Bundle"}, None),
        (bundle(CONDITION, WARNING), None),
        (bundle(CONDITION, ERROR), "operation outcome"),
        (bundle(WARNING), "operation outcome"),  # nothing but an outcome is not "no conditions"
        (ERROR, "operation outcome"),
        ({"resourceType": "Observation"}, "not fhir"),
        ({"cards": []}, "not fhir"),
        ([], "not fhir"),
        ("<html>", "not fhir"),
        (None, "not fhir"),
        (bundle(CONDITION, total=3), "truncated"),
        (bundle(CONDITION, link=[{"relation": "next", "url": "http://a/b"}]), "truncated"),
        (bundle(CONDITION, total=1, link=[{"relation": "self", "url": "http://a/b"}]), None),
        (bundle(CONDITION, total=True), None),
    ],
)
def test_when_an_answer_can_be_relied_on(body: object, reason: str | None) -> None:
    answer = read_answer(body, "Condition").complete

    assert answer.failure == (Failure("Condition", reason) if reason else None)


def test_what_arrived_is_kept_beside_the_failure() -> None:
    assert read_answer(bundle(CONDITION, ERROR), "Condition").resources == (CONDITION,)
    assert read_answer(bundle(CONDITION, total=3), "Condition").complete.resources == (CONDITION,)


def test_included_resources_are_not_matches() -> None:
    included = {"resource": PRACTITIONER, "search": {"mode": "include"}}
    page = {"resourceType": "Bundle", "total": 2, "entry": [{"resource": CONDITION}, included, 7, {"resource": 7}]}

    answer = read_answer(page, "Condition").complete

    assert answer.resources == (CONDITION, PRACTITIONER)
    assert answer.failure == Failure("Condition", "truncated")


def test_entries_are_known_by_their_full_url() -> None:
    page = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": CONDITION}]}

    assert read_answer(page, "Condition").full_urls == {"urn:uuid:1": CONDITION}
