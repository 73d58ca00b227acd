"""The generated reference is complete and fresh."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from cds_service.guidelines.load import load
from tests.house import source_tree

GENERATOR: dict[str, Any] = runpy.run_path(str(source_tree.ROOT / "docs" / "generate.py"))
PAGES: dict[str, str] = GENERATOR["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_sources_say_today(name: str) -> None:
    assert source_tree.text(f"docs/generated/{name}") == PAGES[name], "run `make docs`"


def test_no_page_outlives_its_source() -> None:
    committed = {path for path in source_tree.files() if path.startswith("docs/generated/")}
    assert committed == {f"docs/generated/{name}" for name in PAGES}


def test_every_criterion_and_fact_has_a_row() -> None:
    guidelines = load()
    criteria = {criterion.id for section in guidelines.sections.values() for criterion in section.criteria}
    assert not [name for name in criteria if f"| `{name}` |" not in PAGES["criteria.md"]]
    assert not [name for name in guidelines.vocabulary if f"| `{name}` |" not in PAGES["facts.md"]]
