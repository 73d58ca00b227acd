"""Stories moved in time: the same ages, the same intervals, told with the days of the other time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from cds_service.resources import fixtures_dir
from cds_service.web.demo.moved import moved
from cds_service.web.demo.pages import age_in_months
from cds_service.web.demo.stories import Story, load_stories

STORIES = {story.slug: story for story in load_stories(fixtures_dir())}
DAYS = [date(2026, 11, 10), date(2026, 12, 31), date(2027, 3, 1), date(2028, 2, 29), date(2024, 5, 31)]


@pytest.mark.parametrize("day", DAYS)
def test_orders_are_written_today_and_nobody_is_older_or_younger(day: date) -> None:
    for story in STORIES.values():
        there = moved(story, day)
        assert {draft["authoredOn"] for draft in there.drafts} == {day.isoformat()}
        assert age_in_months(there.patient, there.drafts[0]) == age_in_months(story.patient, story.drafts[0])


def test_on_the_day_itself_nothing_changes() -> None:
    for story in STORIES.values():
        assert moved(story, date(2026, 11, 10)) == story


def test_every_date_moves_by_as_many_days_and_keeps_its_time() -> None:
    story = STORIES["thoracic-xray-first"]
    there = moved(story, date(2026, 11, 10) + timedelta(days=100))
    [before], [after] = (
        [resource["onsetDateTime"] for resource in each.resources if resource["resourceType"] == "Condition"][:1]
        for each in (story, there)
    )
    assert date.fromisoformat(after[:10]) - date.fromisoformat(before[:10]) == timedelta(days=100)
    assert after[10:] == before[10:]


def story_of(who: str) -> Story:
    base = STORIES["foot-drop"]
    return Story(base.slug, base.title, who, "", base.expected, base.resources)


def test_the_story_tells_the_other_days() -> None:
    day = date(2026, 11, 20)
    assert moved(story_of("Pain since 1 September, seen on 3 November."), day).who == (
        "Pain since 11 September, seen on 13 November."
    )
    assert moved(story_of("Operated on 30 December 2025."), day).who == "Operated on 9 January 2026."
    assert moved(story_of("Pain since 1 September."), date(2027, 2, 10)).who == "Pain since 2 December 2026."
