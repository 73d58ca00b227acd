"""A whole run: walk the export, review partition by partition in several processes, put the parts together.

What is done stays done: parts are kept beside the output until the run is over, and a run that was interrupted goes on
where it stopped, as long as neither the export nor the guidelines nor the options have changed.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from cds_service import __version__
from cds_service.batch.export import Export, decoded, owner
from cds_service.batch.partitions import SHARED, Walked, add_places, places, walk
from cds_service.batch.patients import Options, missing_types, review_patient
from cds_service.core.errors import ConfigurationError
from cds_service.fhir.record import Failure
from cds_service.guidelines.load import load

RANGE: Final = 16_000_000  # bytes that are walked at a time
PARTITION: Final = 16_000_000  # bytes of charts that are reviewed at a time
MOST_PARTITIONS: Final = 10_000

Progress = Callable[[str, int, int], None]  # stage, done, total
T = TypeVar("T")


@dataclass(slots=True)
class Summary:
    """What a run found. `reused` counts partitions that an earlier, interrupted run had done."""

    patients: int = 0
    orders: int = 0
    determinations: Counter[str] = field(default_factory=Counter)
    unreadable_lines: int = 0
    problems: int = 0
    reused: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to review one partition of a run."""

    export: Export
    folder: Path
    options: Options
    failures: tuple[Failure, ...]


def run(
    export: Export,
    output: Path,
    options: Options,
    *,
    workers: int = 1,
    partition_bytes: int = PARTITION,
    restart: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Summary:
    """Writes `output` and says what is in it. Raises ConfigurationError when parts of another run are in the way, or
    the output would replace a file of the export."""
    if output.resolve() in export.files:
        raise ConfigurationError(f"{output} is one of the files to read; write to another place")
    count = max(1, min(MOST_PARTITIONS, -(-export.size // partition_bytes)))
    folder = output.with_name(f"{output.name}.parts")
    _prepare(folder, _plan(export, options, count), restart)
    with _executor(workers) as executor:
        walked = walk_all(export, folder, count, executor, progress)
        failures = () if options.complete else missing_types(walked.types)
        job = Job(export, folder, options, failures)
        done = {number for number in range(count) if _part(folder, number).exists()}
        tasks = [(job, number) for number in range(count) if number not in done]
        for finished, _ in enumerate(_each(executor, review_partition, tasks), start=len(done) + 1):
            progress("Reviewing", finished, count)
    summary = Summary(unreadable_lines=walked.unreadable, reused=len(done))
    _put_together(folder, count, output, summary)
    shutil.rmtree(folder)
    return summary


def review_partition(job: Job, number: int) -> None:
    """Reviews every patient of one partition and leaves the part, whole or not at all."""
    guidelines = load()
    shared = shared_resources(job.export, job.folder)
    patients: dict[str, list[dict[str, Any]]] = {}
    for resource in _resources(job.export, job.folder, number):
        patients.setdefault(owner(resource) or "", []).append(resource)
    part = _part(job.folder, number)
    unfinished = part.with_suffix(".unfinished")
    with unfinished.open("wb") as stream:
        for ident in sorted(patients):
            for line in review_patient(ident, patients[ident], shared, job.failures, guidelines, job.options):
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(part)


@lru_cache(maxsize=1)
def shared_resources(export: Export, folder: Path) -> dict[str, dict[str, Any]]:
    """Resources without a patient by "Type/id", read once in each process."""
    return {f"{found['resourceType']}/{found.get('id')}": found for found in _resources(export, folder, SHARED)}


def _resources(export: Export, folder: Path, number: int) -> Iterator[dict[str, Any]]:
    for line in export.read(places(folder, number)):
        resource = decoded(line)
        if resource is not None:
            yield resource


def _plan(export: Export, options: Options, count: int) -> bytes:
    """What must be the same for parts to fit together."""
    editions = [[d.guideline.id, d.guideline.version] for d in load().documents.values()]
    chosen = {
        "today": options.today.isoformat(),
        "statuses": sorted(options.statuses),
        "complete": options.complete,
        "settings": asdict(options.settings),
    }
    plan = {"version": __version__, "files": export.fingerprint(), "count": count, "guidelines": editions} | chosen
    return orjson.dumps(plan, default=str)


def _prepare(folder: Path, plan: bytes, restart: bool) -> None:
    """The folder of the parts, with what an interrupted run of the same plan has left in it."""
    kept = folder / "plan.json"
    if restart and folder.exists():
        shutil.rmtree(folder)
    if folder.exists() and (not kept.exists() or kept.read_bytes() != plan):
        raise ConfigurationError(f"{folder} holds parts of another run; remove it, or use --restart")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(plan)
    except OSError as fault:
        raise ConfigurationError(f"{folder} cannot be written: {fault.strerror}") from fault
    for stale in (*folder.glob("*.places"), *folder.glob("*.unfinished")):
        stale.unlink()


def walk_all(export: Export, folder: Path, count: int, executor: Executor | None, progress: Progress) -> Walked:
    whole, size, seen = Walked(), export.size, 0
    tasks = [(export, file, start, end, count) for file, start, end in export.ranges(RANGE)]
    for (_, _, start, end, _), found in _each(executor, walk, tasks):
        add_places(folder, found)
        whole.types |= found.types
        whole.unreadable += found.unreadable
        seen += end - start
        progress("Reading", seen, size)
    return whole


def _each(
    executor: Executor | None, work: Callable[..., T], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, ...], T]]:
    """(task, result) as they are finished; in this process when there are no others."""
    if executor is None:
        yield from ((task, work(*task)) for task in tasks)
        return
    running = {executor.submit(work, *task): task for task in tasks}
    for future in as_completed(running):
        yield running[future], future.result()


@contextmanager
def _executor(workers: int) -> Iterator[Executor | None]:
    """A pool of `workers` processes, or None for a single one."""
    if workers <= 1:
        yield None
        return
    # Spawned rather than forked: a fork inherits locks of threads that it does not have.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.ndjson"


def _put_together(folder: Path, count: int, output: Path, summary: Summary) -> None:
    unfinished = output.with_name(f"{output.name}.unfinished")
    seen: set[str] = set()
    with unfinished.open("wb") as whole:
        for number in range(count):
            with _part(folder, number).open("rb") as part:
                for line in part:
                    whole.write(line)
                    _count(orjson.loads(line), summary, seen)
        whole.flush()
        os.fsync(whole.fileno())
    summary.patients = len(seen)
    unfinished.replace(output)


def _count(line: dict[str, Any], summary: Summary, seen: set[str]) -> None:
    seen.add(line["patient"])
    if "problem" in line:
        summary.problems += 1
        return
    summary.orders += 1
    summary.determinations[line.get("determination", "not_recognised")] += 1
