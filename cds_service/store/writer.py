"""One thread writes; many commits become one. Cards never wait for it, feedback waits until it is safe."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

Row = tuple[Table, dict[str, Any]]

BATCH: Final = 500
RETRY_AFTER: Final = (0.05, 0.5)  # seconds; then the rows are given up


@dataclass(slots=True)
class _Job:
    rows: Sequence[Row]
    done: threading.Event = field(default_factory=threading.Event)
    kept: bool = False


class Writer:
    """Writes rows in the order they come. `capacity` jobs may wait; `lost` counts rows that never reached the disk,
    and `on_loss` hears of them."""

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int = 10_000,
        retry_after: Sequence[float] = RETRY_AFTER,
    ) -> None:
        self.lost = 0
        self.failing = False
        self.on_loss: Callable[[int], None] = lambda rows: None
        self._engine = engine
        self._retry_after = retry_after
        self._jobs: queue.Queue[_Job | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def backlog(self) -> int:
        return self._jobs.qsize()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def offer(self, rows: Sequence[Row]) -> bool:
        """Leaves rows to be written soon; returns at once. False when there is no room: the rows are counted lost."""
        try:
            self._jobs.put_nowait(_Job(rows))
        except queue.Full:
            self._lose(rows)
            return False
        return True

    def write(self, rows: Sequence[Row], timeout: float) -> bool:
        """Returns True once the rows are committed; False when that failed or took longer than `timeout` seconds."""
        job = _Job(rows)
        try:
            self._jobs.put(job, timeout=timeout)
        except queue.Full:
            return False
        return job.done.wait(timeout) and job.kept

    def close(self, timeout: float = 5.0) -> None:
        """Writes what waits, then stops."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(timeout)

    def _run(self) -> None:
        open_for_work = True
        while open_for_work:
            jobs: list[_Job] = []
            waiting = self._jobs.get()
            while waiting is not None:
                jobs.append(waiting)
                if len(jobs) == BATCH:
                    break
                try:
                    waiting = self._jobs.get_nowait()
                except queue.Empty:
                    break
            open_for_work = waiting is not None
            self._settle(jobs)

    def _settle(self, jobs: Sequence[_Job]) -> None:
        """Commits the jobs together; when that fails for good, each by itself, so that one bad row harms no other."""
        if self._commit([row for job in jobs for row in job.rows]):
            for job in jobs:
                job.kept = True
        else:
            for job in jobs:
                job.kept = len(jobs) > 1 and self._commit_once(job.rows)
                if not job.kept:
                    self._lose(job.rows)
        for job in jobs:
            job.done.set()

    def _commit(self, rows: Sequence[Row]) -> bool:
        for pause in (*self._retry_after, None):
            if self._commit_once(rows):
                return True
            if pause is not None:
                time.sleep(pause)
        return False

    def _commit_once(self, rows: Sequence[Row]) -> bool:
        if not rows:
            return True
        try:
            with self._engine.begin() as connection:
                for table in dict.fromkeys(table for table, _ in rows):
                    _insert(connection, table, [row for owner, row in rows if owner is table])
        except SQLAlchemyError:
            self.failing = True
            return False
        self.failing = False
        return True

    def _lose(self, rows: Sequence[Row]) -> None:
        self.lost += len(rows)
        self.on_loss(len(rows))


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Rows that are there already stay as they are: a report sent twice is one report."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
