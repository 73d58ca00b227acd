"""Orders are judged by the edition of their day and by the policy set of their payer, from the request to the card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.config import Settings
from cds_service.guidelines.load import DATA, Guidelines, load
from cds_service.hooks.consult import Desk, respond
from cds_service.hooks.request import read_request
from cds_service.hooks.response import REVIEWS
from cds_service.web.desk import make_desk
from tests.hook_requests import a_request, an_order, full_prefetch
from tests.stub_fhir import StubFhir, stub_fhir

OLD, NEW = "adult-spine-2026", "adult-spine-2027"
CERVICAL_MRI = "72141"
NAIC = "urn:oid:2.16.840.1.113883.6.300"
SYRINX = {
    "known_syrinx": True,
    "in_person_evaluation": True,
    "prior_advanced_imaging(cervical)": True,
    "months_since_prior_imaging(cervical)": 10,
}
NEW_EDITION = """
- id: adult-spine-2027
  title: Adult spine imaging
  version: v1.0.2027
  folder: adult_spine_2027
  in_force: {from: '2027-09-01'}
"""
ACME_SET = f"""
- id: acme-2026
  title: Acme judges by the summary alone
  documents: [spine-summary]
  in_force: {{from: '2026-01-01', to: '2026-12-31'}}
  payers: [{{system: '{NAIC}', value: '12345'}}]
"""


def copied(folder: Path) -> Path:
    root = folder / "guidelines"
    shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.cases.yaml"))
    return root


def changed(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Guidelines:
    """The edition of 2026 images a known syrinx again after twelve months, that of 2027 after nine."""
    root = copied(tmp_path_factory.mktemp("editions"))
    shutil.copytree(root / "adult_spine_2026", root / "adult_spine_2027")
    for path in (root / "adult_spine_2027").iterdir():
        path.write_text(path.read_text().replace(OLD, NEW))
    changed(
        root / "adult_spine_2027" / "sp_13_2_syringomyelia_follow_up.yaml", "at_least: 12 months", "at_least: 9 months"
    )
    documents = root / "documents.yaml"
    documents.write_text(documents.read_text() + NEW_EDITION)
    return load(root)


@pytest.fixture(scope="module")
def with_acme(tmp_path_factory: pytest.TempPathFactory) -> Guidelines:
    root = copied(tmp_path_factory.mktemp("policies"))
    sets = root / "policy_sets.yaml"
    sets.write_text(sets.read_text() + ACME_SET)
    return load(root)


@pytest.fixture
def server() -> Iterator[StubFhir]:
    with stub_fhir() as stub:
        yield stub


def stated(day: str, facts: dict[str, Any]) -> dict[str, Any]:
    answers = [
        {"linkId": ref, "answer": [{"valueBoolean" if isinstance(value, bool) else "valueInteger": value}]}
        for ref, value in facts.items()
    ]
    own = {"resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed", "authored": f"{day}T08:00:00Z"}
    return {**own, "subject": {"reference": "Patient/p1"}, "item": answers}


def answered(guidelines: Guidelines, day: str, fhir: str | None = None, **order: Any) -> tuple[dict[str, Any], Any]:
    """The review and the cards for a cervical MRI of this day, ten months after the last one."""
    draft = an_order("mri", CERVICAL_MRI, **{"authoredOn": day, **order})
    request = a_request(draft, prefetch=full_prefetch(stated(day, SYRINX)), fhirServer=fhir)
    desk: Desk = replace(
        make_desk(Settings()), guidelines=guidelines, now=lambda: datetime.fromisoformat(day).replace(tzinfo=UTC)
    )
    body = orjson.loads(respond(read_request(orjson.dumps(request)), "spine-imaging-order-sign", desk).body)
    return body["extension"][REVIEWS][0], body["cards"]


class TestEditions:
    @pytest.mark.parametrize(
        ("day", "determination", "edition"),
        [
            ("2026-11-20", "not_supported", OLD),
            ("2027-08-31", "not_supported", OLD),
            ("2027-09-01", "supported", NEW),
            ("2027-11-20", "supported", NEW),
        ],
    )
    def test_the_edition_in_force_on_the_day_of_the_order_judges(
        self, both: Guidelines, day: str, determination: str, edition: str
    ) -> None:
        review, cards = answered(both, day)

        assert review["determination"] == determination
        assert edition in {guideline["id"] for guideline in review["guidelines"]}
        assert "edition_note" not in review
        version = next(guideline["version"] for guideline in review["guidelines"] if guideline["id"] == edition)
        assert f"({version})" in cards[0]["detail"]

    def test_before_the_first_known_edition_the_first_judges_and_the_review_and_card_say_so(
        self, both: Guidelines
    ) -> None:
        review, cards = answered(both, "2026-08-31")

        assert review["determination"] == "not_supported"
        assert [guideline["id"] for guideline in review["guidelines"]] == [OLD]
        assert "2026-08-31" in review["edition_note"]
        assert "v2.0.2026" in review["edition_note"]
        assert "2026-08-31" in cards[0]["detail"]
        assert cards[0]["extension"][REVIEWS][0]["edition_note"] == review["edition_note"]

    def test_after_the_last_edition_the_last_judges_and_the_review_says_so(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        root = copied(tmp_path_factory.mktemp("ended"))
        changed(root / "documents.yaml", "in_force: {from: '2026-09-01'}", "in_force: {to: '2027-08-31'}")
        review, _ = answered(load(root), "2027-09-01")

        assert review["guidelines"] == [{"id": OLD, "version": "v2.0.2026"}]
        assert "the last one: Adult spine imaging v2.0.2026" in review["edition_note"]

    def test_a_document_gives_way_to_the_new_edition_too(self, both: Guidelines) -> None:
        """Otherwise the summary would begin to refuse studies on the day on which a new edition takes force."""
        for study in both.studies.with_key(CERVICAL_MRI):
            for day in (date(2026, 12, 1), date(2027, 12, 1)):
                assert "spine-summary" in both.plan(study, day, "any").yielding  # type: ignore[arg-type]


PAYOR = {"identifier": {"system": NAIC, "value": "12345"}}
COVERAGE = {
    "resourceType": "Coverage",
    "id": "c1",
    "status": "active",
    "beneficiary": {"reference": "Patient/p1"},
    "payor": [{"reference": "Organization/acme"}],
}
ACME = {"resourceType": "Organization", "id": "acme", "identifier": [PAYOR["identifier"]]}


def insured(**coverage: Any) -> dict[str, Any]:
    """Members of an order that carries its coverage."""
    contained = [{**COVERAGE, "payor": [PAYOR], **coverage}]
    return {"contained": contained, "insurance": [{"reference": "#c1"}]}


class TestPolicySets:
    def test_with_one_set_nobody_asks_who_pays(self, server: StubFhir) -> None:
        review, _ = answered(load(), "2026-11-20", server.base_url, **insured())

        assert review["policy"] == {"id": "all-documents", "because": "only_one"}
        assert "/fhir/Coverage" not in server.asked

    def test_the_set_of_the_payer_judges(self, with_acme: Guidelines) -> None:
        review, _ = answered(with_acme, "2026-11-20", **insured())

        assert review["policy"] == {"id": "acme-2026", "because": "payer"}
        assert [guideline["id"] for guideline in review["guidelines"]] == ["spine-summary"]

    def test_another_payer_is_judged_by_every_document(self, with_acme: Guidelines) -> None:
        other = {"identifier": {"system": NAIC, "value": "67890"}}
        review, _ = answered(with_acme, "2026-11-20", **insured(payor=[other]))

        assert review["policy"] == {"id": "all-documents", "because": "no_set_for_payer"}
        assert OLD in {guideline["id"] for guideline in review["guidelines"]}

    def test_a_set_judges_only_orders_of_its_days(self, with_acme: Guidelines) -> None:
        review, _ = answered(with_acme, "2027-01-01", **insured())

        assert review["policy"] == {"id": "all-documents", "because": "not_in_force"}

    def test_the_coverage_is_read_from_the_record_with_its_payor(self, with_acme: Guidelines, server: StubFhir) -> None:
        server.resources = [COVERAGE, ACME]
        server.answer = lambda kind, ident: (200, searched(*server.resources)) if kind == "Coverage" else None
        review, _ = answered(with_acme, "2026-11-20", server.base_url)

        assert review["policy"] == {"id": "acme-2026", "because": "payer"}
        (search,) = [seen for seen in server.seen if seen.path == "/fhir/Coverage"]
        assert "_include=Coverage%3Apayor" in search.query or "_include=Coverage:payor" in search.query

    @pytest.mark.parametrize(
        ("status", "because"), [(200, "payer_unknown"), (500, "payer_not_read")], ids=["nobody pays", "not read"]
    )
    def test_without_a_known_payer_the_default_set_judges_and_the_review_says_why(
        self, with_acme: Guidelines, server: StubFhir, status: int, because: str
    ) -> None:
        server.answer = lambda kind, ident: (status, searched()) if kind == "Coverage" else None
        review, _ = answered(with_acme, "2026-11-20", server.base_url)

        assert review["policy"] == {"id": "all-documents", "because": because}


def searched(*resources: dict[str, Any]) -> bytes:
    entries = [
        {"resource": found, "search": {"mode": "match" if found["resourceType"] == "Coverage" else "include"}}
        for found in resources
    ]
    return orjson.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries})
