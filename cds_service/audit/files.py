"""Reading and purging the audit. The day stands in a file's name, so that no content is needed to find its age."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import orjson

_NAME: Final = re.compile(r"audit-(\d{4}-\d{2}-\d{2})\.jsonl")
_AGE: Final = re.compile(r"(\d{1,5})d")


def files(folder: Path) -> tuple[tuple[date, Path], ...]:
    """The audit's files with their days, oldest first. Other files in the folder are none of ours."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("audit-*.jsonl"))
    return tuple(sorted((date.fromisoformat(name[1]), path) for name, path in found if name))


def records(folder: Path, *, day: date | None = None, request_id: str | None = None) -> Iterator[bytes]:
    """Lines, oldest first, of one day or one request when asked for."""
    for of_day, path in files(folder):
        if day in (None, of_day):
            with path.open("rb") as lines:
                for line in lines:
                    if request_id is None or _request_id(line) == request_id:
                        yield line.rstrip(b"\n")


def purge(folder: Path, older_than: timedelta, today: date) -> tuple[Path, ...]:
    """Removes the files of days more than `older_than` ago, and says which they were."""
    gone = tuple(path for day, path in files(folder) if today - day > older_than)
    for path in gone:
        path.unlink()
    return gone


def read_age(text: str) -> timedelta:
    """ "90d" as ninety days. Raises ValueError for anything else."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError("an age is written as a number of days, such as 90d")
    return timedelta(days=int(found[1]))


def _request_id(line: bytes) -> str | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry.get("request_id") if isinstance(entry, dict) else None
