"""A request takes no more work than it did, counted in calls and lines and not in time: no busy machine fails this."""

from __future__ import annotations

import pytest

from benchmarks import counted

# More than this above the baseline fails. When the work is worth it: `python -m benchmarks.counted`, and say why.
BOUND = 1.10


@pytest.fixture(scope="module")
def now() -> dict[str, dict[str, float]]:
    return counted.counted()


@pytest.mark.parametrize("stage", ["decode", "index", "facts", "judge", "cards", "encode", "whole"])
@pytest.mark.parametrize("kind", ["calls", "lines"])
def test_no_stage_takes_a_tenth_more_work_than_its_baseline(
    now: dict[str, dict[str, float]], kind: str, stage: str
) -> None:
    stored = counted.baseline()
    if stored is None:
        pytest.skip(f"no baseline for Python {counted.VERSION}")
    assert now[kind][stage] <= BOUND * stored[kind][stage]


def test_the_counts_are_the_same_twice(now: dict[str, dict[str, float]]) -> None:
    assert counted.counted() == now
