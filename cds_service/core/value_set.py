"""Value sets: which codes count as evidence of one thing, and how far each may count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

# Systems whose codes are written with and without dots, and in either case. Every other system is matched exactly.
DOTTED: Final = frozenset({"http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-9-cm"})
# Systems in which a longer code is a narrower one, so that "and below" can be read off the code itself. In the
# others "and below" needs a terminology service, and the code alone is matched.
HIERARCHICAL: Final = DOTTED | {"http://www.whocc.no/atc"}


def plain(system: str, code: str) -> str:
    """The code as it is compared: without surrounding blanks; ICD codes without dots and in upper case."""
    code = code.strip()
    return code.replace(".", "").upper() if system in DOTTED else code


@dataclass(frozen=True, slots=True)
class Member:
    """One code of a value set.

    `label` is our own wording, `sources` are keys of `value_sets/sources.yaml`. `below` includes narrower codes.
    `weak` codes never make a fact true alone. `needs` names what else the resource must say before the code counts:
    "body_site" (the code does not say that the spine is meant), "reason" (a drug with other uses) or "route" (a drug
    that is mostly applied to the skin).
    `regions` and `means` carry what the code itself tells: spinal regions, a kind of injection, a device label.
    """

    system: str
    code: str
    label: str
    sources: tuple[str, ...] = ()
    below: bool = False
    weak: bool = False
    needs: str | None = None
    regions: tuple[str, ...] = ()
    means: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A code, with everything below it, that the value set leaves out."""

    system: str
    code: str


@dataclass(frozen=True)
class CodeSet:
    """A value set. `(system URI, code) in code_set` takes constant time, whatever the size of the set.

    >>> neck = CodeSet("neck-pain", "Neck pain", (Member(ICD10CM, "M54.2", "Neck pain"),))
    >>> (ICD10CM, "m542") in neck
    True
    """

    id: str
    title: str
    members: tuple[Member, ...]
    exclusions: tuple[Exclusion, ...] = ()
    _exact: Mapping[tuple[str, str], Member] = field(init=False, repr=False, compare=False)
    _below: Mapping[tuple[str, str], Member] = field(init=False, repr=False, compare=False)
    _left_out: frozenset[tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        exact: dict[tuple[str, str], Member] = {}
        below: dict[tuple[str, str], Member] = {}
        for member in self.members:
            key = (member.system, plain(member.system, member.code))
            exact[key] = member
            if member.below and member.system in HIERARCHICAL:
                below[key] = member
        object.__setattr__(self, "_exact", MappingProxyType(exact))
        object.__setattr__(self, "_below", MappingProxyType(below))
        object.__setattr__(
            self, "_left_out", frozenset((gone.system, plain(gone.system, gone.code)) for gone in self.exclusions)
        )

    def __contains__(self, coding: object) -> bool:
        match coding:
            case (str() as system, str() as code):
                return self.member(system, code) is not None
            case _:
                return False

    def member(self, system: str, code: str) -> Member | None:
        """The most specific member that covers the code; None when the set does not hold it."""
        wanted = plain(system, code)
        if not wanted:
            return None
        if system not in HIERARCHICAL:
            return None if (system, wanted) in self._left_out else self._exact.get((system, wanted))
        prefixes = [(system, wanted[:end]) for end in range(len(wanted), 0, -1)]
        if not self._left_out.isdisjoint(prefixes):
            return None
        found = self._exact.get((system, wanted))
        return found or next((self._below[prefix] for prefix in prefixes if prefix in self._below), None)

    def members_among(self, codings: Iterable[tuple[str, str]]) -> tuple[Member, ...]:
        """The members that cover any of these codings, in the order of the codings."""
        found = (self.member(system, code) for system, code in codings)
        return tuple(member for member in found if member is not None)

    def is_weak(self, system: str, code: str) -> bool:
        """Whether the code is in the set but never makes a fact true alone."""
        member = self.member(system, code)
        return member is not None and member.weak
