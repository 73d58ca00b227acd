"""What the doctor finds. Ids, codes, counts and our own words only: nothing that a person wrote into a chart."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Final


class State(StrEnum):
    """How a prefetch key arrived."""

    ABSENT = "absent"  # nobody looked
    NULL = "null"  # the client looked and found nothing
    FAILED = "failed"  # the client looked and failed, or sent something else
    TRUNCATED = "truncated"  # a first page; the client says that there is more
    EMPTY = "empty"
    FILLED = "filled"


@dataclass(frozen=True, slots=True)
class Key:
    """One prefetch key of ours. `count` resources came under it; `reason` says why it failed.

    `fetched` is what reading it from the FHIR server brought: None when it was not read, else the number of resources;
    `fetch_failed` why that reading is incomplete. `settled` is whether the whole truth about this type is known now.
    """

    key: str
    resource_type: str
    state: State
    count: int = 0
    reason: str | None = None
    fetched: int | None = None
    fetch_failed: str | None = None
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Fetched:
    """A type without a prefetch key that the sections in force need. `failed` is why it could not be read."""

    resource_type: str
    count: int
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that means nothing to us, and how often it stands where no other coding is understood."""

    resource_type: str
    element: str
    system: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Uncoded:
    """How many resources of a type say in words only, or without a code system, what they are about."""

    resource_type: str
    element: str
    count: int


@dataclass(frozen=True, slots=True)
class Dropped:
    reference: str
    why: str


class Role(StrEnum):
    """What an open fact would do to the review."""

    ASKED = "asked"  # its answer settles the review
    WOULD_CHANGE = "would_change"  # listed under `unless`
    READ = "read"  # read on the way


@dataclass(frozen=True, slots=True)
class Open:
    """A fact that stayed unknown: `why` is not_documented, not_retrieved or unreadable; `note` what came close.

    `read_from` are the resource types it is looked for in, beside structured answers.
    """

    ref: str
    why: str
    role: Role
    note: str | None = None
    sources: tuple[str, ...] = ()
    read_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One order in scope: `understood` is "reviewed", "not_recognised" or "left_alone", with `because`.

    `known` counts the facts that were read and known; `silent` those that are not documented and that nothing on
    record comes close to.
    """

    reference: str
    understood: str
    because: str | None = None
    study: str | None = None
    recognised_by: str | None = None
    determination: str | None = None
    known: int = 0
    silent: int = 0
    open: tuple[Open, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """`server` says what became of the FHIR server of the request. `problem` is set when there is no review at all.

    `unknown_keys` counts keys that we did not ask for. `not_asked` are types without a key that the sections in force
    read and that nobody was asked for, there being no server. `needed` says what would complete the chart.
    """

    hook: str
    server: str
    keys: tuple[Key, ...]
    unknown_keys: int = 0
    fetched: tuple[Fetched, ...] = ()
    not_asked: tuple[str, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
    uncoded: tuple[Uncoded, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    orders: tuple[Order, ...] = ()
    problem: str | None = None
    needed: tuple[str, ...] = ()


def as_json(value: Any) -> Any:
    """The findings as JSON values. Members without content are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
        return {name: member for name, member in members.items() if member is not None and member != []}
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._^/+-]{0,39}")
_SYSTEM: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,200}")
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{1,40}(/[!-~]{1,512})?")
_STATUS: Final = re.compile(r"[a-z][a-z-]{0,30}")


def code_shown(code: str) -> str:
    """The code if it looks like one. Anything may stand there, a name too, and that is not repeated."""
    return code if _CODE.fullmatch(code) else "(not shaped like a code)"


def system_shown(system: str) -> str:
    return system if _SYSTEM.fullmatch(system) else "(not a URI)"


def reference_shown(reference: str) -> str:
    return reference if _REFERENCE.fullmatch(reference) else "(not a reference)"


def status_shown(status: object) -> str:
    return status if isinstance(status, str) and _STATUS.fullmatch(status) else "unreadable"
