"""The routes of /analytics: one page over a range of days, and each of its tables as CSV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from cds_service.store.report import Report, StoreAway
from cds_service.web.analytics import charts
from cds_service.web.analytics.access import Access
from cds_service.web.analytics.tables import Names, histogram, percent, tables
from cds_service.web.pages import restrict

LONGEST: Final = 366 * 3  # days
USUAL: Final = 30
MOST_BARS: Final = 12
MOST_ROWS: Final = 31

ReadReport = Callable[[date, date], Report]


def analytics_pages(read: ReadReport, names: Names, access: Access, now: Callable[[], datetime]) -> Blueprint:
    pages = Blueprint(
        "analytics", __name__, url_prefix="/analytics", template_folder="templates",
        static_folder="static", static_url_path="/static",
    )  # fmt: skip
    restrict(pages)
    pages.before_request(lambda: access.refuse() if request.endpoint != "analytics.static" else None)

    @pages.get("")
    def overview() -> Response:
        found = _found(read, now().date())
        made = tables(found, names)
        page = render_template(
            "analytics/overview.html",
            report=found,
            tables=made,
            plots=_plots(found, names),
            percent=percent,
            most=MOST_ROWS,
            days={
                name: _days_back(now().date(), days) for name, days in (("7 days", 7), ("30 days", 30), ("a year", 365))
            },
        )
        return Response(page, headers={"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8")

    @pages.get("/<name>.csv")
    def as_csv(name: str) -> Response:
        made = tables(_found(read, now().date()), names)
        if name not in made:
            raise NotFound
        return Response(
            made[name].csv(),
            headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}.csv"'},
            content_type="text/csv; charset=utf-8",
        )

    return pages


def _found(read: ReadReport, today: date) -> Report:
    first, last = _range(today)
    try:
        return read(first, last)
    except StoreAway:
        raise ServiceUnavailable from None


def _range(today: date) -> tuple[date, date]:
    """The days that the address asks for; by default the last thirty."""
    try:
        last = date.fromisoformat(request.args["last"]) if request.args.get("last") else today
        first = date.fromisoformat(request.args["first"]) if request.args.get("first") else last - timedelta(USUAL - 1)
    except (ValueError, OverflowError):
        raise BadRequest from None
    if first > last or (last - first).days >= LONGEST:
        raise BadRequest
    return first, last


def _days_back(today: date, days: int) -> dict[str, str]:
    return {"first": (today - timedelta(days - 1)).isoformat(), "last": today.isoformat()}


def _plots(report: Report, names: Names) -> dict[str, str]:
    """A plot for each table that has something to show."""
    kinds = sorted(report.kinds.items(), key=lambda item: -item[1].shown)[:MOST_BARS]
    asked = report.asked.most_common(MOST_BARS)
    determined = report.determinations.most_common()
    plots = {
        "determinations": charts.bars(
            "Orders by determination",
            [(name.replace("_", " "), n, f"{n} ({percent(n, report.orders):g} %)") for name, n in determined],
        ),
        "days": charts.over_time(
            "Orders and cards by day",
            [(f"{d.day} {d:%b}", (c.orders, c.cards)) for d, c in sorted(report.days.items())],
        ),
        "kinds": charts.stacked(
            "Cards accepted, overridden and unanswered, by kind",
            [(names.kind(k), (u.accepted, u.overridden, u.unanswered), str(u.shown)) for k, u in kinds],
        ),
        "missing-facts": charts.bars(
            "Orders that a fact was missing for", [(names.fact(ref), n, str(n)) for ref, n in asked]
        ),
        "latency": charts.bars(
            "Responses by time to answer", [(label, count, str(count)) for label, count in histogram(report)]
        ),
    }
    return {name: plot for name, plot in plots.items() if report.orders}
