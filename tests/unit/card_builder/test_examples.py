"""Approved cards are reproduced byte for byte. A changed word shows here before a clinician reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.card_builder.examples import canonical, numbered_uuids, write_examples
from tests.unit.card_builder import golden

EXAMPLES = golden.examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_card_is_the_approved_one(name: str) -> None:
    approved = (golden.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert canonical(EXAMPLES[name]) == approved, "read the difference as a clinician, then rewrite the examples"


def test_there_is_no_example_without_its_card() -> None:
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == set(EXAMPLES)


def test_writing_reports_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    assert write_examples(tmp_path / "new", {"a": [1], "b": []}) == ("a", "b")
    assert write_examples(tmp_path / "new", {"a": [1], "b": [2]}) == ("b",)
    assert write_examples(tmp_path / "new", {"a": [1]}) == ("b",)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_numbered_uuids_count() -> None:
    new_uuid = numbered_uuids()
    assert (new_uuid(), new_uuid()) == ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
