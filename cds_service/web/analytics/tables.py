"""A report as tables: for the page, and as CSV. Names are ours; what a client sent and we do not know is "other"."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cds_service.card_builder import CardTemplates
from cds_service.guidelines.load import Guidelines
from cds_service.store.report import NOT_RECOGNISED, Report, Uptake

Cell = str | int | float | None

# Upper ends of the classes of the histogram, in milliseconds.
CLASSES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
PERCENTILES: Final = (("median", 0.5), ("95 of 100", 0.95), ("99 of 100", 0.99), ("slowest", 1.0))


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` are headings; the first names the row. `name` is the file name of its CSV."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class Names:
    """Puts ids into words."""

    guidelines: Guidelines
    templates: CardTemplates

    def kind(self, kind: str) -> str:
        return next((t.display for name, t in self.templates.by_kind.items() if name.value == kind), kind)

    def criterion(self, name: str) -> str:
        found = self.guidelines.criterion(name)
        return found.says if found else ""

    def fact(self, ref: str) -> str:
        if ref == "indication" or ref in self.templates.words.phrases:
            statement = self.templates.words.phrase(ref).statement
            return statement[:1].upper() + statement[1:]
        return ref

    def reason(self, system: str, code: str) -> str:
        known = (r.display for r in self.templates.reasons if (r.system, r.code) == (system, code))
        return next(known, "other")


def tables(report: Report, names: Names) -> dict[str, Table]:
    made = [
        _determinations(report),
        _days(report),
        _uptake("kinds", "Kinds of card", report.kinds, names.kind),
        _criteria(report, names),
        _reasons(report, names),
        _asked(report, names),
        _latency(report),
    ]
    return {table.name: table for table in made}


def histogram(report: Report) -> list[tuple[str, int]]:
    """(class, responses), without the empty ones at both ends."""
    counts = Counter(next((end for end in CLASSES if ms <= end), None) for ms in report.milliseconds)
    classes = [(f"≤ {end} ms", counts[end]) for end in CLASSES]
    classes.append((f"> {CLASSES[-1]} ms", counts[None]))
    used = [at for at, (_, count) in enumerate(classes) if count]
    return classes[used[0] : used[-1] + 1] if used else []


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _determinations(report: Report) -> Table:
    rows = [
        (name.replace("_", " "), count, percent(count, report.orders))
        for name, count in sorted(report.determinations.items(), key=lambda item: (item[0] == NOT_RECOGNISED, -item[1]))
    ]
    return Table("determinations", "Determinations", ("Determination", "Orders", "Percent"), rows)


def _days(report: Report) -> Table:
    rows = [(day.isoformat(), count.orders, count.cards) for day, count in sorted(report.days.items())]
    return Table("days", "Orders and cards by day", ("Day", "Orders", "Cards"), rows)


def _uptake(name: str, title: str, found: dict[str, Uptake], say: Callable[[str], str]) -> Table:
    rows = [(say(key), *_shares(uptake)) for key, uptake in _most_shown(found)]
    return Table(name, title, ("Card", "Shown", "Accepted", "Overridden", "No answer", "Percent overridden"), rows)


def _criteria(report: Report, names: Names) -> Table:
    rows = [(name, *_shares(uptake), names.criterion(name)) for name, uptake in _most_shown(report.criteria)]
    columns = ("Criterion", "Shown", "Accepted", "Overridden", "No answer", "Percent overridden", "Says")
    return Table("criteria", "Criteria that decided", columns, rows)


def _reasons(report: Report, names: Names) -> Table:
    counts: Counter[str] = Counter()
    for (system, code), count in report.reasons.items():
        counts[names.reason(system, code)] += count
    rows: list[tuple[Cell, ...]] = list(counts.most_common())
    if counts or report.comments:
        rows.append(("with a free text", report.comments))
    return Table("reasons", "Reasons for overriding", ("Reason", "Overrides"), rows)


def _asked(report: Report, names: Names) -> Table:
    rows = [(names.fact(ref), count, percent(count, report.orders), ref) for ref, count in report.asked.most_common()]
    return Table("missing-facts", "Missing facts", ("Missing", "Orders", "Percent of orders", "Fact"), rows)


def _latency(report: Report) -> Table:
    rows = [(name, round(ms, 1)) for name, share in PERCENTILES if (ms := report.percentile(share)) is not None]
    return Table("latency", "Time to answer", ("Responses", "Milliseconds"), rows)


def _shares(uptake: Uptake) -> tuple[Cell, ...]:
    return (
        uptake.shown,
        uptake.accepted,
        uptake.overridden,
        uptake.unanswered,
        percent(uptake.overridden, uptake.accepted + uptake.overridden),
    )


def _most_shown(found: dict[str, Uptake]) -> Iterator[tuple[str, Uptake]]:
    yield from sorted(found.items(), key=lambda item: (-item[1].shown, item[0]))
