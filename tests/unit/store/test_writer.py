"""The writer commits in order and in groups, waits for a busy database, and counts what it loses."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from cds_service.store.database import open_database
from cds_service.store.faults import Fault
from cds_service.store.schema import feedback
from cds_service.store.writer import Row, Writer
from tests.serving import a_database


def a_row(digest: str, **values: Any) -> Row:
    return feedback, {
        "digest": digest,
        "card": "c",
        "service": "s",
        "outcome": "accepted",
        "outcome_timestamp": "t",
        "accepted_suggestions": [],
        "reason_code": None,
        "reason_system": None,
        "user_comment": None,
        "received_at": datetime(2026, 11, 20, tzinfo=UTC),
        **values,
    }


def digests(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [row.digest for row in connection.execute(text("select digest from feedback order by rowid"))]


def broken(engine: Engine) -> Engine:
    with engine.begin() as connection:
        connection.execute(text("drop table feedback"))
    return engine


def test_what_is_written_is_there_when_write_returns(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine)

    assert writer.write([a_row("a"), a_row("b")], timeout=5)
    assert digests(engine) == ["a", "b"]
    writer.close()


def test_what_is_offered_is_there_after_closing(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine)

    assert all(writer.offer([a_row(str(number))]) for number in range(50))
    writer.close()

    assert digests(engine) == [str(number) for number in range(50)]
    assert not writer.alive


def test_the_same_row_twice_is_kept_once(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine)

    assert writer.write([a_row("a")], timeout=5)
    assert writer.write([a_row("a", outcome="overridden"), a_row("a")], timeout=5)
    assert digests(engine) == ["a"]
    writer.close()


def test_rows_that_wait_together_are_committed_together(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    writer = Writer(engine)
    with engine.begin():  # nobody else can write while this lasts
        for number in range(100):
            writer.offer([a_row(str(number))])
        commits.clear()
    writer.close()

    assert len(digests(engine)) == 100
    assert len(commits) <= 4  # our own, the one that had begun to wait, the rest


def test_rows_that_come_soon_after_a_commit_share_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.store.writer.REST", 0.5)
    engine = a_database(tmp_path)
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    writer = Writer(engine)
    for number in range(20):
        writer.offer([a_row(str(number))])
        time.sleep(0.002)
    eventually(lambda: len(digests(engine)) == 20)
    writer.close()

    assert len(commits) < 10


def test_a_rest_delays_neither_who_waits_nor_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.store.writer.REST", 60)
    engine = a_database(tmp_path)
    writer = Writer(engine)
    writer.offer([a_row("first")])
    eventually(lambda: digests(engine) == ["first"])  # nothing keeps it waiting

    assert writer.offer([a_row("rests")])
    assert writer.write([a_row("waits")], timeout=5)
    assert digests(engine) == ["first", "rests", "waits"]
    assert writer.offer([a_row("last")])
    writer.close()
    assert digests(engine)[-1] == "last"


def test_a_busy_database_is_waited_for(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine)
    held = engine.begin()
    held.__enter__()
    threading.Timer(0.3, held.__exit__, (None, None, None)).start()

    assert writer.write([a_row("a")], timeout=5)
    assert writer.lost == 0
    writer.close()


def test_a_missing_table_refuses_feedback_and_counts_the_cards_it_loses(tmp_path: Path) -> None:
    losses: list[int] = []
    writer = Writer(broken(a_database(tmp_path)), retry_after=(0.01,))
    writer.on_loss = losses.append

    assert not writer.write([a_row("a"), a_row("b")], timeout=5)
    writer.offer([a_row("c"), a_row("d")])
    writer.close()

    assert writer.lost == sum(losses) == 2  # whoever sent a and b was told
    assert writer.fault is Fault.SCHEMA


def test_a_database_that_comes_back_is_used_again(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    with engine.begin() as connection:
        connection.execute(text("alter table feedback rename to away"))
    writer = Writer(engine, retry_after=(0.01,))
    assert not writer.write([a_row("a")], timeout=5)
    with engine.begin() as connection:
        connection.execute(text("alter table away rename to feedback"))

    assert writer.write([a_row("b")], timeout=5)
    assert writer.fault is None
    assert digests(engine) == ["b"]
    writer.close()


class Outage:
    """A database that can be taken away and given back."""

    def __init__(self, folder: Path) -> None:
        a_database(folder).dispose()
        self.file = folder / "store.sqlite3"
        self.engine = open_database(f"sqlite:///{self.file}", create=False)

    def begin(self) -> None:
        self.file.rename(self.file.with_suffix(".away"))

    def end(self) -> None:
        self.file.with_suffix(".away").rename(self.file)


def test_cards_are_held_while_the_database_is_away_and_feedback_is_refused(tmp_path: Path) -> None:
    outage = Outage(tmp_path)
    writer = Writer(outage.engine, retry_after=(0.01,), held_retry=0.02)
    outage.begin()

    assert writer.offer([a_row("a")])
    assert not writer.write([a_row("refused")], timeout=5)
    assert writer.offer([a_row("b"), a_row("c")])
    assert writer.fault is Fault.GONE
    outage.end()

    eventually(lambda: digests(outage.engine) == ["a", "b", "c"])
    assert writer.fault is None
    assert (writer.lost, writer.backlog) == (0, 0)
    writer.close()


def test_what_cannot_be_held_any_more_is_lost_oldest_first(tmp_path: Path) -> None:
    outage = Outage(tmp_path)
    writer = Writer(outage.engine, capacity=5, retry_after=(), held_retry=0.01)
    outage.begin()
    for number in range(20):
        eventually(lambda number=number: writer.offer([a_row(str(number))]))
        eventually(lambda: writer._jobs.empty())
    outage.end()

    eventually(lambda: len(digests(outage.engine)) == 5)
    assert digests(outage.engine) == ["15", "16", "17", "18", "19"]
    assert writer.lost == 15
    writer.close()


def test_what_is_held_when_the_service_stops_is_counted_lost(tmp_path: Path) -> None:
    outage = Outage(tmp_path)
    writer = Writer(outage.engine, retry_after=())
    outage.begin()
    writer.offer([a_row("a"), a_row("b")])
    writer.close()

    assert writer.lost == 2


def test_a_change_of_state_is_logged_once_and_in_our_own_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outage = Outage(tmp_path)
    writer = Writer(outage.engine, retry_after=(0.01,))
    outage.begin()
    for _ in range(3):
        writer.write([a_row("a")], timeout=1)
    outage.end()
    writer.write([a_row("a")], timeout=1)
    writer.close()

    assert [record.getMessage() for record in caplog.records] == ["store out of order", "store back"]
    assert caplog.records[0].__dict__["fault"] == "the database cannot be reached"


def test_only_so_many_may_wait_long_so_that_hooks_find_a_thread(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine, slow_waits=1)
    spent: list[float] = []

    def send(number: int) -> None:
        started = time.monotonic()
        writer.write([a_row(str(number))], timeout=2)
        spent.append(time.monotonic() - started)

    with engine.begin():
        senders = [threading.Thread(target=send, args=[number]) for number in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(10)
    writer.close()

    assert sorted(seconds > 1 for seconds in spent) == [False, False, False, True]


def test_while_others_wait_long_nobody_else_waits_at_all(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine, slow_waits=1)
    with engine.begin():
        first = threading.Thread(target=writer.write, args=([a_row("a")], 3))
        first.start()
        time.sleep(0.5)  # the first one is past its patience
        started = time.monotonic()
        assert not any(writer.write([a_row(str(number))], timeout=3) for number in range(5))
        assert time.monotonic() - started < 0.2
    first.join(5)

    assert writer.write([a_row("z")], timeout=5)
    assert "a" in digests(engine)
    writer.close()


def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never came true")


def test_one_bad_row_harms_no_other(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine, retry_after=())
    with engine.begin():  # so that all three wait and are tried together
        for row in (a_row("a"), a_row("b", accepted_suggestions={object()}), a_row("c")):
            writer.offer([row])
        time.sleep(0.05)
    writer.close()

    assert digests(engine) == ["a", "c"]
    assert writer.lost == 1


def test_a_full_queue_refuses_at_once_and_counts(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine, capacity=2)
    with engine.begin():
        started = time.monotonic()
        taken = [writer.offer([a_row(str(number))]) for number in range(10)]
        assert time.monotonic() - started < 1
    writer.close()

    assert taken.count(False) == writer.lost
    assert writer.lost >= 6
    assert len(digests(engine)) == 10 - writer.lost


def test_a_write_that_takes_too_long_is_not_acknowledged(tmp_path: Path) -> None:
    engine = a_database(tmp_path)
    writer = Writer(engine)
    with engine.begin():
        assert not writer.write([a_row("a")], timeout=0.05)
    writer.close()
