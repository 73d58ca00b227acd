"""Readers of facts are held against the vocabulary and the value sets, in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.facts import lint
from cds_service.guidelines.codebook import Codebook
from cds_service.guidelines.load import Guidelines, load


@pytest.fixture(scope="module")
def guidelines() -> Guidelines:
    return load()


def test_our_readers_and_value_sets_fit(guidelines: Guidelines) -> None:
    assert lint.lint_facts(guidelines) == []


def test_a_reader_of_a_fact_that_is_gone(guidelines: Guidelines) -> None:
    vocabulary = {name: fact for name, fact in guidelines.vocabulary.items() if name != "known_syrinx"}
    found = [str(finding) for finding in lint.lint_facts(replace(guidelines, vocabulary=vocabulary))]

    assert found == ["facts: known_syrinx is read, but facts.yaml has no known_syrinx"]


def test_a_reader_of_an_argument_that_is_gone(guidelines: Guidelines) -> None:
    condition = guidelines.vocabulary["condition"]
    fewer = {name: means for name, means in condition.arguments.items() if name != "tarlov_cyst"}
    vocabulary = {**guidelines.vocabulary, "condition": replace(condition, arguments=fewer)}
    found = [str(finding) for finding in lint.lint_facts(replace(guidelines, vocabulary=vocabulary))]

    assert found == ["facts: condition(tarlov_cyst) is read, but condition takes no tarlov_cyst"]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("tarlov-cyst", "condition(tarlov_cyst) reads value set tarlov-cyst"),
        ("body-site-perineum", "reads value set body-site-perineum"),
        ("prematurity", "born_preterm needs value set prematurity"),
    ],
)
def test_a_value_set_that_is_gone(guidelines: Guidelines, gone: str, said: str) -> None:
    fewer = Codebook({name: codes for name, codes in guidelines.value_sets.items() if name != gone})
    found = [str(finding) for finding in lint.lint_facts(replace(guidelines, value_sets=fewer))]

    assert found
    assert all(gone in finding for finding in found)
    assert any(said in finding for finding in found)


def test_a_value_set_that_nothing_reads(guidelines: Guidelines) -> None:
    more = Codebook({**guidelines.value_sets, "shoe-sizes": guidelines.value_sets["tarlov-cyst"]})
    found = [str(finding) for finding in lint.lint_facts(replace(guidelines, value_sets=more))]

    assert found == ["value_sets: nothing reads shoe-sizes"]
