"""Every promise of the lint is kept by our data, and broken on purpose here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cds_service.core.criterion import Criterion, Section
from cds_service.core.vocabulary import FactDefinition
from cds_service.guidelines import lint
from cds_service.guidelines.lint import Content, Finding
from cds_service.guidelines.load import DATA, Guidelines, load

THORACIC = "adult-spine-2026 SP-4.1"


@pytest.fixture(scope="module")
def content() -> Content:
    return Content(load(), DATA)


def with_guidelines(content: Content, **changed: Any) -> Content:
    """The same files beside other guidelines."""
    other = Content(replace(content.guidelines, **changed), DATA)
    other.__dict__.update(files=content.files, fact_cases=content.fact_cases, resolutions=content.resolutions)
    return other


def with_section(content: Content, change: Callable[[Section], Section]) -> Content:
    sections = dict(content.guidelines.sections)
    return with_guidelines(content, sections=sections | {THORACIC: change(sections[THORACIC])})


def with_criterion(content: Content, **changed: Any) -> Content:
    """SP-4.1/mri says something else."""

    def change(section: Section) -> Section:
        criteria = tuple(replace(c, **changed) if c.id == "SP-4.1/mri" else c for c in section.criteria)
        return replace(section, criteria=criteria)

    return with_section(content, change)


def with_fact(content: Content, name: str, **changed: Any) -> Content:
    vocabulary = dict(content.guidelines.vocabulary)
    known = vocabulary.get(name, FactDefinition(name, vocabulary["fever"].type, "made up"))
    return with_guidelines(content, vocabulary=vocabulary | {name: replace(known, **changed)})


def said(promise: Callable[[Content], Any], content: Content) -> list[str]:
    findings: list[Finding] = list(promise(content))
    return [str(finding) for finding in findings]


def test_our_data_keeps_every_promise() -> None:
    assert lint.lint(load()) == []


def test_an_id_that_stands_twice(content: Content) -> None:
    twice = with_section(content, lambda section: replace(section, criteria=(*section.criteria, section.criteria[0])))

    assert said(lint.ids_are_unique, twice) == ["SP-4.1: SP-4.1/prereq-evaluation stands twice"]


def test_a_criterion_without_cases(content: Content) -> None:
    renamed = with_criterion(content, id="SP-4.1/other")

    assert "SP-4.1: SP-4.1/other has no case for met, not_met, unknown" in said(lint.criteria_have_cases, renamed)
    lost = said(lint.case_files_have_sections, renamed)
    assert lost == ["sp_4_1_thoracic_pain.criteria.cases.yaml: criterion SP-4.1/mri is missing from section SP-4.1"]


def test_a_number_without_a_case_on_each_side(content: Content) -> None:
    treatment = criterion(content.guidelines, "SP-13.2/annual").when
    asked = with_criterion(content, when=treatment)

    assert said(lint.thresholds_have_both_sides, asked) == [
        "SP-4.1: SP-4.1/mri: no case on each side of months_since_prior_imaging(requested_region) 12"
    ]


def test_a_number_of_a_derived_fact_without_a_case_on_each_side(content: Content) -> None:
    other = criterion(content.guidelines, "SP-13.2/annual").when
    found = said(lint.thresholds_have_both_sides, with_fact(content, "radiculopathy", defined_as=other))

    assert found == [
        "facts.cases.yaml: radiculopathy: no case on each side of months_since_prior_imaging(requested_region) 12"
    ]


def test_a_derived_fact_without_cases(content: Content) -> None:
    tree = criterion(content.guidelines, "SP-13.2/annual").when
    found = said(lint.derived_facts_have_cases, with_fact(content, "fever", defined_as=tree))

    assert found == ["facts.cases.yaml: fever has no case for met, not_met, unknown"]


def test_a_fact_that_nothing_reads(content: Content) -> None:
    assert said(lint.no_fact_is_an_orphan, with_fact(content, "shoe_size")) == [
        "facts.yaml: no criterion reads shoe_size"
    ]


@pytest.mark.parametrize(
    ("promise", "changed", "problem"),
    [
        (lint.prerequisites_apply_to_something, {"applies_to": ("SP-4.9",)}, "applies to SP-4.9"),
        (lint.prerequisites_apply_to_something, {"applies_to": ("not SP-4.1/mrt",)}, "applies to SP-4.1/mrt"),
        (lint.prerequisites_apply_to_something, {"applies_to": ("XP-*",)}, "applies to XP-*"),
        (lint.pointers_lead_somewhere, {"see_section": "SP-99"}, "points to SP-99"),
        (lint.resolutions_have_cases, {"note": "resolution C-99"}, "names C-99"),
    ],
)
def test_a_name_that_leads_nowhere(
    content: Content, promise: Callable[[Content], Any], changed: dict[str, Any], problem: str
) -> None:
    (found,) = said(promise, with_criterion(content, **changed))
    assert found.startswith("SP-4.1: SP-4.1/mri")
    assert problem in found


def test_a_question_that_cannot_be_asked(content: Content) -> None:
    (found,) = said(lint.questions_can_be_asked, with_fact(content, "fever", asked_as="shoe_size"))
    assert "fever is asked as shoe_size" in found


def test_a_resolution_that_no_case_names(content: Content) -> None:
    silent = with_guidelines(content)
    silent.__dict__["files"] = tuple(
        replace(file, said=tuple(text.replace("C-44", "") for text in file.said)) for file in content.files
    )

    assert said(lint.resolutions_have_cases, silent) == ["resolutions.yaml: no consultation names C-44"]


def criterion(guidelines: Guidelines, name: str) -> Criterion:
    found = guidelines.criterion(name)
    assert found is not None
    return found
