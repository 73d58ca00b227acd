"""What decided about one study, and on which criteria."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.core.criterion import Criterion
from cds_service.core.determination import Determination, Ground
from cds_service.core.plan import Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """What decided. `paths` are the supporting paths it rests on: met, open or failed, by `ground`."""

    determination: Determination
    ground: Ground
    decided_by: tuple[Criterion, ...]
    paths: tuple[Path, ...] = ()
    asks_for: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()  # facts that could not be read and keep the order from being judged


def governed(ground: Ground, criteria: list[Criterion]) -> Verdict | None:
    return Verdict(Determination.GOVERNED_ELSEWHERE, ground, tuple(criteria)) if criteria else None


def refused(ground: Ground, criteria: list[Criterion]) -> Verdict | None:
    return Verdict(Determination.NOT_SUPPORTED, ground, tuple(criteria)) if criteria else None


def supported(ground: Ground, paths: tuple[Path, ...]) -> Verdict | None:
    if not paths:
        return None
    return Verdict(Determination.SUPPORTED, ground, tuple(path.criterion for path in paths), paths)


def least(paths: Iterable[Path], missed: Mapping[Path, int]) -> tuple[Path, ...]:
    """The paths that miss the fewest facts."""
    chosen = tuple(paths)
    least = min((missed[path] for path in chosen), default=0)
    return tuple(path for path in chosen if missed[path] == least)
