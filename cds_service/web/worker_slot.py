"""Numbers of several worker processes as one: each worker writes its own files, a scrape of any worker adds them up.

Files are named by a slot, not by a process id. A worker that takes over the slot of a dead one goes on counting where
that one stopped, so counters never fall, and recycling workers leaves no files behind.
"""

from __future__ import annotations

import fcntl
import os
from itertools import count
from pathlib import Path
from typing import IO, Final

from prometheus_client import values

# Where the workers meet; set by whoever starts them. The library reads the same variable.
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_held: list[IO[bytes]] = []


def shared() -> bool:
    return FOLDER in os.environ


def join() -> None:
    """Makes the metrics of this process part of the shared ones. To be called before any metric is made."""
    if shared():
        slot = f"slot{claim(Path(os.environ[FOLDER]))}"
        values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


def claim(folder: Path) -> int:
    """The lowest number that no living process holds in `folder`. The kernel frees it when this process ends."""
    for number in count():
        handle = (folder / f"slot{number}.lock").open("ab")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
        else:
            _held.append(handle)
            return number
    raise AssertionError  # `count` does not end
