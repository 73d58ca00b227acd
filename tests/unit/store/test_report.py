"""The report counts what the store holds, and reads nothing that could name anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from cds_service.store.report import Report, StoreAway, Uptake, report
from cds_service.store.rows import NO_ORDER, Basis, Feedback, IssuedCard, KeptSilence
from cds_service.store.store import Store
from tests.serving import a_store

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12).astimezone()
XRAY = Basis("needs_information", ("SP-4.1/prereq-xray", "SP-4.1/mri"), (), ("plain_xray_available(thoracic)",))
REFUSED = Basis("not_supported", ("SP-4.1/mri",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = a_store(tmp_path)
    store.keep_issued([
        IssuedCard("one", "q1", NOON, "sign", "xray_first", XRAY, 4.0),
        IssuedCard("link", "q1", NOON, "sign", "answer_questions", XRAY, 4.0),
        IssuedCard("two", "q2", NOON, "sign", "xray_first", XRAY, 10.0),
        IssuedCard("three", "q3", NOON - timedelta(1), "sign", "not_supported", REFUSED, 6.0),
        IssuedCard("what", "q4", NOON, "sign", "not_recognised", Basis(), 2.0),
        KeptSilence("q5", NOON, "select", "the order fits", Basis("supported", ("SP-5.1/mri",)), 8.0),
        KeptSilence("q5", NOON, "select", "not imaging", Basis(), 8.0),
        KeptSilence("q6", NOON, "select", "no section", Basis("no_guideline"), None),
        KeptSilence("q8", NOON, "select", NO_ORDER, Basis(), None),
        IssuedCard("old", "q7", NOON - timedelta(40), "sign", "xray_first", XRAY, 999.0),
    ])  # fmt: skip
    said = [
        Feedback("one", "accepted", "t1", ("s",)),
        Feedback("one", "overridden", "t2", (), "code", "urn:r", None),
        Feedback("two", "overridden", "t3", (), "code", "urn:r", "Mrs Smith's hip"),
        Feedback("three", "overridden", "t4", (), None, None, "free text"),
        Feedback("unknown card", "overridden", "t5", (), "code", "urn:r"),
    ]
    assert store.keep_feedback("sign", said, NOON, timeout=5)
    yield store
    store.close()


@pytest.fixture
def found(store: Store) -> Report:
    return report(store.engine, TODAY - timedelta(6), TODAY)


def test_orders_are_counted_once_and_others_are_left_out(found: Report) -> None:
    assert found.determinations == {
        "needs_information": 2, "not_supported": 1, "not_recognised": 1, "supported": 1, "no_guideline": 1,
    }  # fmt: skip
    assert (found.orders, found.matched, found.left_alone) == (6, 4, 1)


def test_links_are_no_cards_of_their_own(found: Report) -> None:
    assert (found.cards, found.links) == (4, 1)
    assert found.cards_per_hundred == pytest.approx(66.67, abs=0.01)


def test_an_accepted_card_stays_accepted(found: Report) -> None:
    assert found.kinds["xray_first"] == Uptake(shown=2, accepted=1, overridden=1)
    assert found.criteria["SP-4.1/mri"] == Uptake(shown=3, accepted=1, overridden=2)
    assert found.answered == Uptake(shown=4, accepted=1, overridden=2)
    assert found.answered.unanswered == 1


def test_reasons_and_comments_are_counted_and_comments_not_read(found: Report) -> None:
    assert found.reasons == {("urn:r", "code"): 2}
    assert found.comments == 2
    assert "Smith" not in repr(found)


def test_missing_facts_are_counted_by_order(found: Report) -> None:
    assert found.asked == {"plain_xray_available(thoracic)": 2}
    assert found.waiting == 2


def test_days_without_orders_are_there_too(found: Report) -> None:
    days = {day: (count.orders, count.cards) for day, count in found.days.items()}
    assert len(days) == 7
    assert days[TODAY] == (5, 3)
    assert days[TODAY - timedelta(1)] == (1, 1)
    assert days[TODAY - timedelta(2)] == (0, 0)


def test_one_time_is_counted_for_each_response(found: Report) -> None:
    assert found.milliseconds == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert [found.percentile(share) for share in (0.5, 0.95, 1.0)] == [4.0, 10.0, 10.0]


def test_only_the_days_that_were_asked_for_count(store: Store) -> None:
    assert report(store.engine, TODAY - timedelta(60), TODAY - timedelta(30)).orders == 1
    empty = report(store.engine, TODAY + timedelta(1), TODAY + timedelta(2))
    assert (empty.orders, empty.cards_per_hundred, empty.percentile(0.5)) == (0, None, None)


def test_a_store_that_is_away_is_said_so() -> None:
    engine = create_engine("sqlite://")
    with pytest.raises(StoreAway):
        report(engine, TODAY, TODAY)
    engine.dispose()
