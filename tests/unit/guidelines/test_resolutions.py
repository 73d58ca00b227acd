"""Readings of what is unclear: complete, known to the notes, and strict when loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.core.errors import GuidelineError
from cds_service.guidelines.load import DATA, load
from cds_service.guidelines.resolutions import FILE, load_resolutions, mentioned

GOOD = """\
resolutions:
- {id: C-01, topic: A topic, documents: [one], resolution: This way.}
"""


def test_every_resolution_that_a_note_names_is_there() -> None:
    guidelines = load()
    known = load_resolutions(DATA / FILE, guidelines.documents)
    assert list(known) == [f"C-{number:02d}" for number in range(1, 64)]
    named = {
        name for section in guidelines.sections.values() for found in section.criteria for name in mentioned(found.note)
    }
    assert named
    assert named <= set(known)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("C-01", "C-1", "must look like"),
        ("[one]", "[two]", "unknown document two"),
        (GOOD, GOOD + GOOD.splitlines()[1], "stands twice"),
        ("topic:", "subject:", "missing topic"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "resolutions.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(GuidelineError, match=problem):
        load_resolutions(path, {"one"})


def test_mentions_are_read_once_each_in_order() -> None:
    assert mentioned("as in C-05 and C-01, see C-05; not XC-070") == ("C-05", "C-01")
    assert mentioned(None) == ()
