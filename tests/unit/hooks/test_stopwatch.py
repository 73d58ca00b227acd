"""Stages add up to the whole."""

from itertools import count

from cds_service.hooks.stopwatch import Stopwatch


def test_each_stage_lasts_since_the_one_before() -> None:
    ticks = (number * number for number in count())
    watch = Stopwatch(lambda: float(next(ticks)))

    watch.lap("chart")
    watch.lap("review")

    assert watch.seconds == {"chart": 1.0, "review": 3.0}
