"""The generated reference is complete and fresh."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from cds_service.guidelines.load import DATA, load
from cds_service.guidelines.resolutions import FILE, load_resolutions
from tests.house import source_tree

GENERATOR: dict[str, Any] = runpy.run_path(str(source_tree.ROOT / "docs" / "generate.py"))
PAGES: dict[str, str] = GENERATOR["pages"]()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_sources_say_today(name: str) -> None:
    assert source_tree.text(f"docs/generated/{name}") == PAGES[name], "run `make docs`"


def test_the_table_of_resolutions_is_what_the_data_says_today() -> None:
    page = source_tree.text("docs/adr/0006-conflict-resolutions.md")
    assert page == GENERATOR["decision"](), "run `make docs`"
    rows = [row for row in page.splitlines() if row.startswith("| C-")]
    assert len(rows) == len(load_resolutions(DATA / FILE, load().documents))
    assert not [row for row in rows if row.endswith("| 0 |")], "no consultation names this resolution"


def test_no_page_outlives_its_source() -> None:
    committed = {path for path in source_tree.files() if path.startswith("docs/generated/")}
    assert committed == {f"docs/generated/{name}" for name in PAGES}


def test_every_criterion_and_fact_has_a_row() -> None:
    guidelines = load()
    criteria = {criterion.id for section in guidelines.sections.values() for criterion in section.criteria}
    assert not [name for name in criteria if f"| `{name}` |" not in PAGES["criteria.md"]]
    assert not [name for name in guidelines.vocabulary if f"| `{name}` |" not in PAGES["facts.md"]]
