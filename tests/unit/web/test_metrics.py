"""Every number an operator is promised, after requests of which we know what they add up to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hook_requests import BACK_PAIN, CPT, a_request, an_order, full_prefetch, replaced, without
from tests.serving import SIGN, Serving, serving
from tests.stub_fhir import StubFhir, stub_fhir

SERVICE = SIGN.rpartition("/")[2]
FEEDBACK = {
    "feedback": [
        {
            "card": "1981d7cb-a2cc-4872-a0ef-b16b93836f9e",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T17:40:19Z",
        }
    ]
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def fhir() -> Iterator[StubFhir]:
    with stub_fhir() as running:
        yield running


def numbers(service: Serving, name: str) -> dict[str, float]:
    """Labels as text -> value, of one metric."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", service.client.get("/metrics").text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_the_time_of_a_hook_is_split_into_its_stages(service: Serving) -> None:
    service.post(SIGN, a_request())

    assert numbers(service, "cds_stage_seconds_count") == {
        f'stage="{stage}"': 1.0 for stage in ("cards", "chart", "orders", "review")
    }
    whole = sum(numbers(service, "cds_request_seconds_sum").values())
    assert 0 < sum(numbers(service, "cds_stage_seconds_sum").values()) <= whole


@pytest.mark.parametrize(
    ("code", "understood"),
    [
        ({"coding": [{"system": CPT, "code": "72148"}]}, "reviewed"),
        ({"coding": [{"system": CPT, "code": "73721"}]}, "left_alone"),
        ({"coding": [{"system": "urn:local", "code": "MRSPINE"}], "text": "MRI spine"}, "not_recognised"),
    ],
)
def test_how_many_orders_we_know(service: Serving, code: dict[str, object], understood: str) -> None:
    service.post(SIGN, a_request(an_order() | {"code": code}))

    assert numbers(service, "cds_orders_total") == {f'order="{understood}",service="{SERVICE}"': 1.0}


def test_determinations_and_what_they_lacked(service: Serving) -> None:
    long_ago = BACK_PAIN | {"onsetDateTime": "2026-01-01"}
    answer = service.post(SIGN, a_request(prefetch=full_prefetch(long_ago))).json
    review = answer["extension"]["org.spine-imaging-cds.reviews"][0]

    assert numbers(service, "cds_determinations_total") == {
        f'determination="{review["determination"]}",service="{SERVICE}"': 1.0
    }
    asked = {ref.partition("(")[0] for ref in review["asks_for"]}
    assert asked
    assert set(numbers(service, "cds_unknown_total")) == {f'what="{fact}",why="not_documented"' for fact in asked}


def test_what_was_not_read_and_what_was_not_understood(service: Serving, fhir: StubFhir) -> None:
    fhir.answer = lambda kind, ident: (500, b"") if kind == "Condition" else None
    request = without(a_request(fhirServer=fhir.base_url), "prefetch.conditions")
    service.post(SIGN, request)

    assert numbers(service, "cds_fhir_fetches_total")['outcome="http 500",resource_type="Condition"'] == 1.0
    assert numbers(service, "cds_unknown_total")['what="Condition",why="not_retrieved"'] == 1.0


def test_problems_and_medicines_that_nobody_understood(service: Serving) -> None:
    local = BACK_PAIN | {"id": "c2", "code": {"coding": [{"system": "urn:oid:1.2.3", "code": "LBP"}]}}
    words = BACK_PAIN | {"id": "c3", "code": {"text": "low back pain"}}
    service.post(SIGN, a_request(prefetch=full_prefetch(BACK_PAIN, local, words)))

    assert numbers(service, "cds_unmapped_total") == {'resource_type="Condition"': 1.0}


def test_what_was_fetched_well(service: Serving, fhir: StubFhir) -> None:
    fhir.resources = [BACK_PAIN]
    service.post(SIGN, without(a_request(fhirServer=fhir.base_url), "prefetch.conditions"))

    assert numbers(service, "cds_fhir_fetches_total")['outcome="ok",resource_type="Condition"'] == 1.0


def test_feedback_kept_and_refused(service: Serving) -> None:
    service.post(f"{SIGN}/feedback", FEEDBACK)
    service.post(f"{SIGN}/feedback", replaced(FEEDBACK, "feedback.0.outcome", "ignored"))
    with service.store.engine.begin() as connection:
        connection.exec_driver_sql("drop table feedback")
    refused = service.post(f"{SIGN}/feedback", FEEDBACK)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert numbers(service, "cds_feedback_total") == {f'outcome="overridden",service="{SERVICE}"': 1.0}
    assert numbers(service, "cds_feedback_refused_total") == {
        f'reason="invalid",service="{SERVICE}"': 1.0,
        f'reason="store",service="{SERVICE}"': 1.0,
    }


def test_what_became_of_the_rows(service: Serving) -> None:
    service.post(SIGN, a_request())
    service.rows("issued_cards")
    with service.store.engine.begin() as connection:
        connection.exec_driver_sql("drop table issued_cards")
    service.post(SIGN, a_request())
    service.store.writer.write([], timeout=5)

    counted = [numbers(service, f"cds_store_rows_{state}_total")[""] for state in ("offered", "stored", "lost")]
    assert counted == [2.0, 1.0, 1.0]
    assert numbers(service, "cds_store_backlog") == {"": 0.0}


def test_labels_never_come_from_a_request(service: Serving) -> None:
    sentinel = "sentinel"
    request = replaced(a_request(), "prefetch.conditions.entry.0.resource.resourceType", sentinel)
    service.post(SIGN, request, **{"X-Request-Id": sentinel})
    service.post(f"/cds-services/{sentinel}", request)
    service.post(f"/cds-services/{sentinel}/feedback", FEEDBACK)
    service.post(f"{SIGN}/feedback", replaced(FEEDBACK, "feedback.0.outcome", sentinel))
    service.client.get(f"/{sentinel}?patient={sentinel}")

    assert sentinel not in service.client.get("/metrics").text
