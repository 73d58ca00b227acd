"""How things look on a terminal: one console, and the marks of the three truths. NO_COLOR is honoured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from cds_service.guidelines.outline import Line

MARKS: Final = {"met": ("✓", "green"), "not_met": ("✗", "red"), "unknown": ("?", "magenta")}
INDICATORS: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def to_a_person() -> bool:
    """Whether somebody reads along. Output that goes to a program stays what it was."""
    return sys.stdout.isatty()


def mark(truth: str) -> Text:
    sign, colour = MARKS[truth]
    return Text(f"{sign} ", style=colour)


def grow(tree: object, line: Line) -> None:
    """Adds a criterion's tree below a branch of a rich tree."""
    text = Text(line.text, style="" if line.fact else "italic dim")
    if line.value_set:
        text.append(f" {line.value_set}", style="dim")
    branch = tree.add(text)  # type: ignore[attr-defined]
    for part in line.parts:
        grow(branch, part)


class Bars:
    """A progress bar on stderr for each stage, as they come. Called as `batch.run.Progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)


@contextmanager
def bars() -> Iterator[Bars]:
    """Nothing is drawn where stderr is no terminal."""
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        yield Bars(progress)
