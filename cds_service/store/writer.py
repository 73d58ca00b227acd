"""One thread writes; many commits become one. Cards never wait for it, feedback waits until it is safe.

While the database is out of order, rows of cards are held and written once it is back; past `capacity` the oldest are
lost, and counted. Feedback is refused at once then: whoever sent it still has it and may send it again (docs/adr/0011).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from cds_service.store.faults import Fault, fault_of
from cds_service.store.schema import OVERWRITTEN

log = logging.getLogger(__name__)

Row = tuple[Table, dict[str, Any]]

BATCH: Final = 500
RETRY_AFTER: Final = (0.05, 0.5)  # seconds between attempts while someone waits for the answer
HELD_RETRY: Final = 1.0  # seconds between attempts at the rows that are held

# Seconds of rest after a commit, in which rows that nobody waits for gather: a commit of twenty rows costs little more
# than a commit of one. The first row after a rest is not kept waiting, nor is anybody who waits.
REST: Final = 0.05

# Seconds that any request thread may spend here, and how many may spend more. Servers have so many threads beyond those
# that answer hooks: a thread that waits costs nothing, and a disk that is busy for a second is no reason to refuse.
PATIENCE: Final = 0.25
SLOW_WAITS: Final = 8


@dataclass(slots=True)
class _Job:
    rows: Sequence[Row]
    awaited: bool
    done: threading.Event = field(default_factory=threading.Event)
    kept: bool = False

    def settle(self, kept: bool) -> None:
        self.kept = kept
        self.done.set()


class Writer:
    """Writes rows in the order they come. `capacity` jobs may wait, and as many may be held.

    `lost` counts rows that never reached the disk and that nobody can send again. `on_offer`, `on_store` and `on_loss`
    hear what becomes of rows that nobody waits for. `fault` is what kept the last commit from happening, None when it
    happened. `slow_waits` is how many callers of `write` may wait longer than `PATIENCE` at a time; while so many do,
    the others are refused at once.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int = 10_000,
        slow_waits: int = SLOW_WAITS,
        retry_after: Sequence[float] = RETRY_AFTER,
        held_retry: float = HELD_RETRY,
    ) -> None:
        self.lost = 0
        self.fault: Fault | None = None
        self.on_offer: Callable[[int], None] = lambda rows: None
        self.on_store: Callable[[int], None] = lambda rows: None
        self.on_loss: Callable[[int], None] = lambda rows: None
        self._engine = engine
        self._capacity = capacity
        self._retry_after = retry_after
        self._held_retry = held_retry
        self._slow_waits = slow_waits
        self._long_waits = 0
        self._lock = threading.Lock()
        self._held: deque[_Job] = deque()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(capacity)
        self._closing = threading.Event()
        self._wanted = threading.Event()  # ends a rest
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        """Jobs that wait or are held."""
        return self._jobs.qsize() + len(self._held)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def offer(self, rows: Sequence[Row]) -> bool:
        """Leaves rows to be written soon; returns at once. False when there is no room: the rows are counted lost."""
        self.on_offer(len(rows))
        try:
            self._jobs.put_nowait(_Job(rows, awaited=False))
        except queue.Full:
            self._lose(rows)
            return False
        return True

    def write(self, rows: Sequence[Row], timeout: float) -> bool:
        """Returns True once the rows are committed; False when that failed or took longer than `timeout` seconds.

        After False the rows may still be written: the caller must not rely on either.
        """
        job = _Job(rows, awaited=True)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        self._wanted.set()
        patience = 0.0 if self._crowded else min(timeout, PATIENCE)
        if job.done.wait(patience):
            return job.kept
        if timeout <= patience or not self._begin_long_wait():
            return False
        try:
            return job.done.wait(timeout - patience) and job.kept
        finally:
            with self._lock:
                self._long_waits -= 1

    @property
    def _crowded(self) -> bool:
        """As many callers as may are waiting long already, so the next one need not find out for itself."""
        return 0 < self._slow_waits <= self._long_waits

    def _begin_long_wait(self) -> bool:
        with self._lock:
            if self._long_waits >= self._slow_waits:
                return False
            self._long_waits += 1
            return True

    def close(self, timeout: float = 5.0) -> None:
        """Writes what waits, then stops. What cannot be written within `timeout` seconds is lost."""
        self._closing.set()
        self._wanted.set()
        try:
            self._jobs.put_nowait(None)
        except queue.Full:
            pass  # the thread is not asleep
        self._thread.join(timeout)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._jobs.empty()):
            self._settle(list(self._gather()))
            self._wanted.wait(REST)
            self._wanted.clear()
        for job in self._held:
            self._lose(job.rows)
        self._held.clear()

    def _gather(self) -> Iterator[_Job]:
        """What waits, up to one batch. Returns empty-handed when it is time to try the held rows again."""
        wait = self._held_retry if self._held else None
        for _ in range(BATCH):
            try:
                job = self._jobs.get(timeout=wait) if wait != 0 else self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:
                return
            yield job
            wait = 0

    def _settle(self, jobs: Sequence[_Job]) -> None:
        """Commits the held jobs first. When that fails the others need not even be tried."""
        while self._held:
            batch = [self._held.popleft() for _ in range(min(BATCH, len(self._held)))]
            if not self._settle_batch(batch):
                self._turn_away(jobs)
                break
        else:
            self._settle_batch(jobs)
        while len(self._held) > self._capacity:
            self._lose(self._held.popleft().rows)

    def _settle_batch(self, jobs: Sequence[_Job]) -> bool:
        """False when the database is out of order. When only some rows are, each job is tried by itself."""
        fault = self._commit(jobs, patient=len(jobs) > 1 or any(job.awaited for job in jobs))
        if fault is None:
            for job in jobs:
                self._keep(job)
        elif not fault.of_the_rows:
            self._turn_away(jobs)
            return False
        elif len(jobs) == 1:
            self._refuse(jobs[0])
        else:
            for job in jobs:
                if self._commit([job], patient=False) is None:
                    self._keep(job)
                else:
                    self._refuse(job)
        return True

    def _keep(self, job: _Job) -> None:
        job.settle(kept=True)
        if not job.awaited:
            self.on_store(len(job.rows))

    def _turn_away(self, jobs: Sequence[_Job]) -> None:
        """Whoever waits is told; what nobody waits for is held until the database is back."""
        for job in jobs:
            if job.awaited:
                job.settle(kept=False)
            else:
                self._held.append(job)

    def _refuse(self, job: _Job) -> None:
        if job.awaited:
            job.settle(kept=False)
        else:
            self._lose(job.rows)

    def _commit(self, jobs: Sequence[_Job], *, patient: bool) -> Fault | None:
        """Tries again after each pause when `patient`, unless the database was out of order already."""
        rows = [row for job in jobs for row in job.rows]
        if not rows:
            return None
        pauses = self._retry_after if patient and self.fault is None else ()
        fault = self._commit_once(rows)
        for pause in pauses:
            if fault is None or fault is Fault.ROWS:
                break
            time.sleep(pause)
            fault = self._commit_once(rows)
        self._note(fault)
        return fault

    def _commit_once(self, rows: Sequence[Row]) -> Fault | None:
        try:
            with self._engine.begin() as connection:
                for table in dict.fromkeys(table for table, _ in rows):
                    _insert(connection, table, [row for owner, row in rows if owner is table])
        except SQLAlchemyError as error:
            return fault_of(error)
        return None

    def _note(self, fault: Fault | None) -> None:
        """Remembers and logs a change for the worse or the better; says nothing about what stays the same."""
        if fault is not self.fault:
            self.fault = fault
            if fault is None:
                log.warning("store back")
            else:
                log.error("store out of order", extra={"fault": fault.value})

    def _lose(self, rows: Sequence[Row]) -> None:
        self.lost += len(rows)
        self.on_loss(len(rows))


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Rows that are there already stay as they are: a report sent twice is one report."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    if table.info.get(OVERWRITTEN):
        keys = list(table.primary_key)
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={column.name: statement.excluded[column.name] for column in table.columns}
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, rows)
