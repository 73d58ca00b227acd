"""Every value set by id, and which of them hold a code: a chart's codes are looked up once, not set by set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cds_service.core.value_set import HIERARCHICAL, CodeSet, plain

# Charts repeat the same few thousand codes. Only short ones are kept, so that a request cannot fill the memory.
_MOST_KEPT: Final = 16384
_LONGEST_KEPT: Final = 200


class Codebook(Mapping[str, CodeSet]):
    """All value sets, read-only. Two codebooks are equal only when they are the same one.

    `known` is what `holding` has answered so far, for loops in which a call would cost more than the answer.
    """

    __slots__ = ("_by_code", "_sets", "known")

    def __init__(self, sets: Mapping[str, CodeSet]) -> None:
        self._sets = dict(sets)
        self.known: dict[tuple[str, str], tuple[str, ...]] = {}
        self._by_code: dict[tuple[str, str], list[str]] = {}
        for name, code_set in self._sets.items():
            for member in code_set.members:
                self._by_code.setdefault((member.system, plain(member.system, member.code)), []).append(name)

    def __getitem__(self, name: str) -> CodeSet:
        return self._sets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sets)

    def __len__(self) -> int:
        return len(self._sets)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def holding(self, coding: tuple[str, str]) -> tuple[str, ...]:
        """The ids of the value sets that hold a (canonical system, code), in the order of the book."""
        known = self.known.get(coding)
        if known is None:
            known = self._find(*coding)
            if len(coding[0]) + len(coding[1]) < _LONGEST_KEPT:
                if len(self.known) >= _MOST_KEPT:
                    self.known.clear()
                self.known[coding] = known
        return known

    def _find(self, system: str, code: str) -> tuple[str, ...]:
        wanted = plain(system, code)
        shortest = 1 if system in HIERARCHICAL else len(wanted)
        near = {
            name
            for end in range(len(wanted), shortest - 1, -1)
            for name in self._by_code.get((system, wanted[:end]), ())
        }
        return tuple(name for name in self._sets if name in near and (system, code) in self._sets[name]) if near else ()
