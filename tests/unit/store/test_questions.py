"""What a card asked can be looked up by its uuid."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from cds_service.store.questions import asked_by
from cds_service.store.rows import Basis, IssuedCard
from tests.serving import a_store


def test_a_card_is_known_by_its_uuid(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    basis = Basis("needs_information", asks=("plain_xray_available(lumbar)", "indication"))
    store.keep_issued([IssuedCard("u", "q", datetime(2026, 11, 20, tzinfo=UTC), "svc", "k", basis, 4.5)])
    store.writer.write([], timeout=5)
    assert asked_by("u", store.engine) == ("plain_xray_available(lumbar)", "indication")
    assert asked_by("another", store.engine) == ()
    store.close()


def test_a_store_that_fails_knows_nothing() -> None:
    assert asked_by("u", create_engine("sqlite://")) == ()
