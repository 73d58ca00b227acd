"""What the chart says about one question, and where it says it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from cds_service.core.quantity import Range

# A tuple of codes is one answer with several codings, such as the reasons of an order.
Value = bool | float | Range | str | date | tuple[str, ...]


class Why(StrEnum):
    """Why a fact is unknown. The three are never mixed up: only the first may ever be read as absence."""

    NOT_DOCUMENTED = "not_documented"  # the chart was read and says nothing
    NOT_RETRIEVED = "not_retrieved"  # a query failed or could not be made
    UNREADABLE = "unreadable"  # the chart says something we cannot understand


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact stands: `reference` is "Type/id", `date` the clinical date as the chart writes it."""

    reference: str
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of our own that decided a fact where no guideline prints one.

    `setting` names it, `value` is what it is set to, and `found` what the chart holds against it, in its unit.
    """

    setting: str
    value: float
    found: float


@dataclass(frozen=True, slots=True)
class Fact:
    """A value with its sources, or an unknown with its reason.

    `stated` is true for an answer given in structured documentation, which wins over an inference from the
    chart. `since` is the day from which a duration has been counted, when known. `limit` is the setting that decided,
    so that whoever reads the fact can see that it did.
    """

    value: Value | None = None
    why: Why | None = None
    sources: tuple[Source, ...] = ()
    stated: bool = False
    since: date | None = None
    note: str | None = None
    limit: Limit | None = None

    @staticmethod
    def of(
        value: Value,
        *sources: Source,
        since: date | None = None,
        note: str | None = None,
        limit: Limit | None = None,
    ) -> Fact:
        return Fact(value, None, sources, since=since, note=note, limit=limit)

    @staticmethod
    def unknown(why: Why, *sources: Source, note: str | None = None) -> Fact:
        return Fact(None, why, sources, note=note)

    @property
    def known(self) -> bool:
        return self.why is None

    def noting(self, note: str) -> Fact:
        return replace(self, note=note)


class Facts(Protocol):
    """What can be read about one order, by reference such as "plain_xray_available(lumbar)".

    `facts` are those read so far. `awake` names every fact that may be anything but NOT_DOCUMENTED, one with a region
    also as "fact(requested_region)"; None when any may be.
    """

    facts: dict[str, Fact]

    @property
    def awake(self) -> AbstractSet[str] | None: ...

    def read(self, ref: str) -> Fact: ...


NOT_DOCUMENTED = Fact.unknown(Why.NOT_DOCUMENTED)
