"""A number that the guidelines leave open, from the configuration to the card."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from cds_service.config import load
from cds_service.hooks.consult import respond
from cds_service.hooks.request import read_request
from cds_service.hooks.response import REVIEWS
from cds_service.web.desk import make_desk
from tests.hook_requests import a_request, an_order, full_prefetch

SUSPICION = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M46.46"}]}
PREDNISONE = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "8640"}]
    },
    "authoredOn": "2026-07-31",
    "dosageInstruction": [{"route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]}}],
}


def answered(tmp_path: Path, settings: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """MRI without contrast for a suspected infection, 112 days after prednisone was begun."""
    file = tmp_path / "cds.toml"
    file.write_text(settings)
    draft = an_order("mri", "72148", reasonCode=[SUSPICION])
    request = a_request(draft, prefetch=full_prefetch(PREDNISONE))
    desk = replace(make_desk(load({"SPINE_CDS_CONFIG": str(file)})), now=lambda: datetime(2026, 11, 20, tzinfo=UTC))
    body = orjson.loads(respond(read_request(orjson.dumps(request)), "spine-imaging-order-sign", desk).body)
    return body["extension"][REVIEWS][0], body["cards"]


def test_the_card_says_which_number_made_a_course_long_term(tmp_path: Path) -> None:
    review, (card, *_) = answered(tmp_path, "")

    assert review["determination"] == "supported"
    assert "112 days on record (long-term here means 90 days or more; a setting) (medication order)" in card["detail"]


@pytest.mark.parametrize(("days", "counts"), [(112, True), (113, False)])
def test_the_number_is_configured(tmp_path: Path, days: int, counts: bool) -> None:
    review, cards = answered(tmp_path, f"[facts]\nlong_term_steroid_days = {days}\n")

    assert ("long_term_glucocorticoids" in {item["fact"] for item in review["evidence"]}) is counts
    shown = any(f"long-term here means {days} days or more" in card["detail"] for card in cards)
    assert shown is counts
