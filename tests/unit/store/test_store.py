"""What the store keeps, and what it says about itself."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from cds_service.store.rows import Basis, Feedback, IssuedCard, KeptSilence
from cds_service.store.schema import metadata
from cds_service.store.store import Store
from cds_service.store.writer import Writer
from tests.serving import a_store

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
BASIS = Basis("not_supported", ("SP-4.1/prereq-xray",), (("adult-spine-2026", "v2.0.2026"),))


def rows(store: Store, table: str) -> list[dict[str, Any]]:
    """The whole table, once everything that waits has been written."""
    store.writer.write([], timeout=5)
    with store.engine.connect() as connection:
        found = connection.execute(select(metadata.tables[table]))
        return [dict(row._mapping) for row in found]


def test_cards_and_silences_are_kept_with_what_they_rest_on(tmp_path: Path) -> None:
    store = a_store(tmp_path)

    store.keep_issued(
        [IssuedCard("u", "q", AT, "svc", "xray_first", BASIS), KeptSilence("q", AT, "svc", "fits", BASIS)]
    )

    (card,), (silence,) = rows(store, "issued_cards"), rows(store, "kept_silences")
    for row in (card, silence):
        assert row["consultation"] == "q"
        assert row["determination"] == "not_supported"
        assert row["criteria"] == ["SP-4.1/prereq-xray"]
        assert row["guidelines"] == [{"id": "adult-spine-2026", "version": "v2.0.2026"}]
    assert (card["card"], card["kind"], silence["reason"]) == ("u", "xray_first", "fits")
    store.close()


def test_feedback_is_on_disk_when_acknowledged_and_once(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    report = Feedback("u", "overridden", "t", (), "red-flag", "urn:r", "a comment")

    assert store.keep_feedback("svc", [report, report], AT, timeout=5)
    assert store.keep_feedback("svc", [report], AT, timeout=5)

    (row,) = rows(store, "feedback")
    assert (row["reason_code"], row["user_comment"], row["service"]) == ("red-flag", "a comment", "svc")
    store.close()


def test_a_store_in_order_has_no_problem_and_a_closed_one_says_so(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assert store.problem() is None

    store.close()
    assert store.problem() == "the writer has stopped"


def test_a_missing_table_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with store.engine.begin() as connection:
        connection.execute(text("drop table issued_cards"))

    store.keep_issued([IssuedCard("u", "q", AT, "svc", "k", BASIS)])
    store.writer.write([], timeout=5)

    assert store.problem() == "the schema is not the current one"
    assert store.writer.lost == 1
    store.close()


def test_a_changed_detail_is_another_report() -> None:
    first = Feedback("u", "overridden", "t")

    assert first.digest != replace(first, comment="x").digest
    assert first.digest != replace(first, accepted_suggestions=("s",)).digest


@pytest.mark.postgres
def test_postgresql_keeps_the_same_things_and_once(postgres: Engine) -> None:
    store = Store(postgres, Writer(postgres))
    report = Feedback("u", "accepted", "t", ("s\0",), "code\0", "urn:\0", "a comment with a \0 in it")
    store.keep_issued([IssuedCard("u", "q", AT, "svc", "k", BASIS), KeptSilence("q", AT, "svc", "fits", BASIS)])
    assert store.keep_feedback("svc", [report, report], AT, timeout=5)
    assert store.keep_feedback("svc", [report], AT, timeout=5)

    assert [len(rows(store, table)) for table in ("issued_cards", "kept_silences", "feedback")] == [1, 1, 1]
    assert store.problem() is None
    store.close()
