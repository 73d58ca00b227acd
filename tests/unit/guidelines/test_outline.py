"""Trees as lines, ages and marks in words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cds_service.core.criterion import Population
from cds_service.guidelines.load import load
from cds_service.guidelines.outline import Line, ages, marks, outline


def test_a_tree_keeps_its_structure_and_names_its_facts() -> None:
    guidelines = load()
    criterion = guidelines.criterion("SP-4.1/prereq-treatment")
    assert criterion is not None
    assert criterion.when is not None
    tree = outline(criterion.when, guidelines.vocabulary)
    assert list(tree.lines()) == [
        (0, "any of"),
        (1, "red_flag_spinal"),
        (1, "all of"),
        (2, "conservative_treatment_weeks at least 6 weeks"),
        (2, "conservative_treatment_failed"),
    ]
    assert tree.parts[1].parts[0].fact == "conservative_treatment_weeks"


def test_a_negation_is_said_on_its_line() -> None:
    guidelines = load()
    criterion = guidelines.criterion("SP-4.1/mri")
    assert criterion is not None
    assert criterion.when is not None
    assert (1, "not: spine_trauma(thoracic)") in outline(criterion.when, guidelines.vocabulary).lines()


def test_a_comparison_with_a_value_set_names_it() -> None:
    guidelines = load()
    named = {
        line.value_set
        for section in guidelines.sections.values()
        for criterion in section.criteria
        if criterion.when
        for line in _leaves(outline(criterion.when, guidelines.vocabulary))
        if line.value_set
    }
    assert named
    assert named <= set(guidelines.value_sets)


@pytest.mark.parametrize(
    ("population", "said"),
    [
        (Population(), "any age"),
        (Population(min_months=216), "18 years and older"),
        (Population(over_months=6, under_months=24), "older than 6 months, under 24 months"),
        (Population(max_months=72), "through 6 years"),
    ],
)
def test_ages_are_said_as_people_say_them(population: Population, said: str) -> None:
    assert ages(population) == said


def test_marks_name_what_is_special() -> None:
    criterion = load().criterion("SP-4.1/prereq-evaluation")
    assert criterion is not None
    assert marks(criterion) == ("information if urgent",)


def _leaves(line: Line) -> Iterator[Line]:
    if not line.parts:
        yield line
    for part in line.parts:
        yield from _leaves(part)
