"""The work of each stage in counts that no other program on the machine can change: calls and lines of our own code.

`python -m benchmarks.counted` writes the baseline that `tests/benchmarks/test_counted_work.py` holds the code to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

import cds_service
from benchmarks.corpus import MAIN, request
from benchmarks.stages import of_each_stage, works
from cds_service.config import Settings
from cds_service.web.desk import make_desk

BASELINE: Final = Path(__file__).parent / "counted.json"
_OURS: Final = str(Path(cds_service.__file__).parent)
# The interpreter decides what is a line: a baseline holds for one minor version.
VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


def counted() -> dict[str, dict[str, float]]:
    """{"calls": {stage: count}, "lines": {stage: count}} for the main request with 90 resources."""
    taken = {name: _count(work) for name, work in works(request(MAIN, 90), make_desk(Settings())).items()}
    return {
        "calls": of_each_stage({name: calls for name, (calls, _) in taken.items()}),
        "lines": of_each_stage({name: lines for name, (_, lines) in taken.items()}),
    }


def _count(work: Callable[[], object]) -> tuple[int, int]:
    """(calls, lines) of one run in which everything that lasts from one request to the next is there already."""
    work()
    calls = lines = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal calls, lines
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        if event == "call":
            calls += 1
        elif event == "line":
            lines += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return calls, lines


def baseline() -> dict[str, dict[str, float]] | None:
    """The stored counts for this version of Python; None when there are none."""
    stored: dict[str, dict[str, dict[str, float]]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return stored.get(VERSION)


def main() -> None:
    stored = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    stored[VERSION] = counted()
    BASELINE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(BASELINE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
