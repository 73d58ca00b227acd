"""What changed between two editions, told by section and criterion."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.guidelines.editions import Change, SectionChange, compare, families
from cds_service.guidelines.load import Guidelines, load
from tests.guidelines.two_editions import NEW, OLD, two_editions


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Guidelines:
    return two_editions(tmp_path_factory.mktemp("editions"))


@pytest.fixture(scope="module")
def changes(both: Guidelines) -> dict[str, SectionChange]:
    return {change.section.id: change for change in compare(OLD, NEW, both)}


def test_only_what_differs_is_listed(changes: dict[str, SectionChange]) -> None:
    assert {name: change.change for name, change in changes.items()} == {
        "SP-4.1": Change.CHANGED,
        "SP-5.9": Change.ADDED,
        "SP-10.3": Change.REMOVED,
    }


def test_a_changed_section_says_which_criteria_and_how(changes: dict[str, SectionChange]) -> None:
    section = changes["SP-4.1"]
    assert (section.old_title or "").startswith("Upper back")
    assert section.section.title.startswith("Mid back")
    assert {found.criterion.id: found.change for found in section.criteria} == {
        "SP-4.1/prereq-treatment": Change.CHANGED,
        "SP-4.1/prereq-reevaluation": Change.REMOVED,
    }
    changed = next(found for found in section.criteria if found.change is Change.CHANGED)
    (difference,) = changed.differences
    assert difference.aspect == "when"
    assert "    conservative_treatment_weeks at least 6 weeks" in difference.before
    assert "    conservative_treatment_weeks at least 4 weeks" in difference.after


def test_an_edition_does_not_differ_from_itself() -> None:
    assert compare(OLD, OLD, load()) == ()


def test_editions_of_one_document_form_a_family(both: Guidelines) -> None:
    found = families(both)["adult-spine"]
    assert [document.guideline.id for document in found] == [OLD, NEW]
    assert [both.in_force(date(year, 12, 1))[0].guideline.id for year in (2026, 2027)] == [OLD, NEW]
