"""The stories moved in time, so that the day of their orders is today: a chart that a client can order against now.

Clients such as the CDS Hooks sandbox draft orders without a date. Against charts of a fixed day the infants would be
toddlers by now and six weeks of treatment would be a year. Every date of a chart moves by the same number of days, and
so do the days that its story tells of; a birth date moves so that the age in months and days stays what it was.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from cds_service.web.demo.resource_store import Resource
from cds_service.web.demo.stories import Story

_WHOLE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(T.*)?")
_MONTH: Final = re.compile(r"\d{4}-\d{2}")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_SPOKEN: Final = re.compile(rf"\b(?:(\d{{1,2}}) )?({'|'.join(_MONTHS)})(?: (\d{{4}}))?\b")

# Longest month first: the 31st of a month that has none is the last day it has.
_LAST_DAYS: Final = (31, 30, 29, 28)


def moved(story: Story, today: date) -> Story:
    """The story as it would be told of orders written `today`."""
    written = date.fromisoformat(story.drafts[0]["authoredOn"])
    days = today - written
    return replace(
        story,
        title=_spoken(story.title, written, days),
        who=_spoken(story.who, written, days),
        why=_spoken(story.why, written, days),
        resources=tuple(_resource(resource, written, today) for resource in story.resources),
    )


def _resource(resource: Resource, written: date, today: date) -> Resource:
    changed: Resource = _shifted(resource, today - written)
    if resource["resourceType"] == "Patient" and _WHOLE.fullmatch(resource.get("birthDate", "")):
        born = date.fromisoformat(resource["birthDate"])
        changed["birthDate"] = _same_age(born, written, today).isoformat()
    return changed


def _shifted(value: Any, days: timedelta) -> Any:
    match value:
        case dict():
            return {name: _shifted(member, days) for name, member in value.items()}
        case list():
            return [_shifted(member, days) for member in value]
        case str() if found := _WHOLE.fullmatch(value):
            return (date.fromisoformat(found[1]) + days).isoformat() + (found[2] or "")
        case str() if _MONTH.fullmatch(value):
            return (date.fromisoformat(f"{value}-15") + days).isoformat()[:7]
        case _:
            return value


def _same_age(born: date, then: date, now: date) -> date:
    """The birth date of somebody who is `now` as many months and days old as one born on `born` was `then`."""
    months = months_between(born, then)
    there = _months_later(now - (then - _months_later(born, months)), -months)
    while months_between(there, now) > months:  # a month of fewer days was passed
        there += timedelta(days=1)
    return there


def months_between(born: date, on: date) -> int:
    """Completed months."""
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in _LAST_DAYS:
        try:
            return date(years, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise ValueError(f"{months} months from {day} is no date")


def _spoken(text: str, written: date, days: timedelta) -> str:
    """ "July", "3 November" or "3 November 2025" in the text, moved. Without a year the last one is meant."""

    def move(found: re.Match[str]) -> str:
        month = _MONTHS.index(found[2]) + 1
        year = int(found[3]) if found[3] else written.year
        day = date(year, month, int(found[1] or 15))
        if not found[3] and day > written:
            day = day.replace(year=year - 1)
        day += days
        shown = f"{day.day} {_MONTHS[day.month - 1]}" if found[1] else _MONTHS[day.month - 1]
        return f"{shown} {day.year}" if found[3] or day.year != (written + days).year else shown

    return _SPOKEN.sub(move, text)
