"""What became of orders and cards over a range of days, counted from the store. No patient, user or comment is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Table, select
from sqlalchemy.exc import SQLAlchemyError

from cds_service.store.engines import READ_ONLY
from cds_service.store.rows import NO_ORDER
from cds_service.store.schema import feedback, issued_cards, kept_silences

# A link to the documentation app travels as a card of its own, beside the card that says something.
LINK: Final = "answer_questions"
NOT_RECOGNISED: Final = "not_recognised"
NO_GUIDELINE: Final = "no_guideline"
_CHUNK: Final = 5_000  # rows read at a time


@dataclass(slots=True)
class Uptake:
    """Cards of one sort: how many were shown, and how many of them were accepted or overridden."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def unanswered(self) -> int:
        return self.shown - self.accepted - self.overridden


@dataclass(slots=True)
class Day:
    orders: int = 0
    cards: int = 0


@dataclass(slots=True)
class Report:
    """Counts from `first` to `last`, both included.

    `determinations` counts spine orders, with "not_recognised" for those whose study is unknown; `left_alone` orders
    were none of ours. `reasons` counts (system, code) of overrides, `comments` those with a free text. `asked` counts
    the orders that a fact was missing for. `milliseconds` holds one time for each response, in ascending order.
    """

    first: date
    last: date
    determinations: Counter[str] = field(default_factory=Counter)
    left_alone: int = 0
    cards: int = 0
    links: int = 0
    days: dict[date, Day] = field(default_factory=dict)
    kinds: dict[str, Uptake] = field(default_factory=dict)
    criteria: dict[str, Uptake] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    comments: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    milliseconds: Sequence[float] = ()

    @property
    def orders(self) -> int:
        return self.determinations.total()

    @property
    def matched(self) -> int:
        """Spine orders that a section of the guidelines speaks of."""
        return self.orders - self.determinations[NOT_RECOGNISED] - self.determinations[NO_GUIDELINE]

    @property
    def cards_per_hundred(self) -> float | None:
        return 100 * self.cards / self.orders if self.orders else None

    @property
    def answered(self) -> Uptake:
        """All cards together."""
        kinds = self.kinds.values()
        return Uptake(sum(k.shown for k in kinds), sum(k.accepted for k in kinds), sum(k.overridden for k in kinds))

    def percentile(self, share: float) -> float | None:
        """The time within which this share of responses was given (nearest rank); None without any."""
        if not self.milliseconds:
            return None
        return self.milliseconds[max(0, min(len(self.milliseconds) - 1, round(share * len(self.milliseconds)) - 1))]


class StoreAway(Exception):
    """The database does not answer, or not with the tables it should have."""


def report(engine: Engine, first: date, last: date) -> Report:
    """Reads every row of the range once. Raises StoreAway."""
    try:
        return _read(engine, first, last)
    except SQLAlchemyError as fault:
        raise StoreAway from fault


def _read(engine: Engine, first: date, last: date) -> Report:
    found = Report(first, last, days={first + timedelta(n): Day() for n in range((last - first).days + 1)})
    times: dict[str, float] = {}
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        outcomes = dict(_outcomes(connection, found))
        for row in _rows(connection, issued_cards, ("card", "kind"), found):
            _count_card(row, found, outcomes.get(row["card"]))
            _note_time(row, times)
        for row in _rows(connection, kept_silences, ("reason",), found):
            _count_silence(row, found)
            _note_time(row, times)
    found.milliseconds = sorted(times.values())
    return found


def _rows(connection: Connection, table: Table, own: Iterable[str], found: Report) -> Iterator[Mapping[str, Any]]:
    names = ("consultation", "issued_at", "determination", "criteria", "asks", "milliseconds", *own)
    wanted = _within(select(*(table.c[name] for name in names)), table, found)
    result = connection.execution_options(yield_per=_CHUNK).execute(wanted)
    for row in result:
        yield dict(row._mapping)


def _outcomes(connection: Connection, found: Report) -> Iterator[tuple[str, str]]:
    """(card, outcome); what was accepted once counts as accepted. Counts reasons and comments on the way."""
    wanted = select(
        feedback.c.card,
        feedback.c.outcome,
        feedback.c.reason_system,
        feedback.c.reason_code,
        feedback.c.user_comment.is_not(None).label("has_comment"),
    ).join(issued_cards, issued_cards.c.card == feedback.c.card)
    accepted: set[str] = set()
    for row in connection.execute(_within(wanted, issued_cards, found)):
        if row.outcome == "overridden":
            found.comments += bool(row.has_comment)
            if row.reason_code:
                found.reasons[row.reason_system or "", row.reason_code] += 1
        if row.card not in accepted:
            yield row.card, row.outcome
        if row.outcome == "accepted":
            accepted.add(row.card)


def _within(statement: Select[Any], table: Table, found: Report) -> Select[Any]:
    """Rows issued on these days, by the server's clock and zone, in which they were written."""
    begin = datetime.combine(found.first, time.min).astimezone()
    end = datetime.combine(found.last + timedelta(1), time.min).astimezone()
    return statement.where(table.c.issued_at >= begin, table.c.issued_at < end)


def _count_card(row: Mapping[str, Any], found: Report, outcome: str | None) -> None:
    if row["kind"] == LINK:
        found.links += 1
        return
    found.cards += 1
    _count_order(row, found, row["determination"] or NOT_RECOGNISED, cards=1)
    sorts = [found.kinds.setdefault(row["kind"], Uptake())]
    sorts += [found.criteria.setdefault(name, Uptake()) for name in row["criteria"]]
    for uptake in sorts:
        uptake.shown += 1
        uptake.accepted += outcome == "accepted"
        uptake.overridden += outcome == "overridden"


def _count_silence(row: Mapping[str, Any], found: Report) -> None:
    if row["determination"] is not None:
        _count_order(row, found, row["determination"], cards=0)
    elif row["reason"] != NO_ORDER:
        found.left_alone += 1


def _count_order(row: Mapping[str, Any], found: Report, determination: str, *, cards: int) -> None:
    found.determinations[determination] += 1
    day = found.days.setdefault(_local_day(row["issued_at"]), Day())
    day.orders += 1
    day.cards += cards
    asks = set(row["asks"] or ())
    found.asked.update(asks)
    found.waiting += bool(asks)


def _local_day(moment: datetime) -> date:
    """SQLite gives back what was written, the server's own time without a zone; PostgreSQL the moment itself."""
    return moment.date() if moment.tzinfo is None else moment.astimezone().date()


def _note_time(row: Mapping[str, Any], times: dict[str, float]) -> None:
    if row["milliseconds"] is not None:
        times[row["consultation"]] = row["milliseconds"]
