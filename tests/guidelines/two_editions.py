"""The guideline data with a second edition of one document: what the next year will look like."""

from __future__ import annotations

import shutil
from pathlib import Path

from cds_service.guidelines.load import DATA, Guidelines, load

OLD, NEW = "adult-spine-2026", "adult-spine-2027"
ENTRY = f"""
- id: {NEW}
  title: Adult spine imaging
  version: v1.0.2027
  folder: adult_spine_2027
  in_force: {{from: '2027-09-01'}}
"""


def two_editions(folder: Path) -> Guidelines:
    """A copy under `folder` in which the edition of 2027 differs in SP-4.1, has no SP-10.3 and a new SP-5.9."""
    root = folder / "guidelines"
    shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("*.py", "__pycache__", "*.cases.yaml"))
    new = root / "adult_spine_2027"
    shutil.copytree(root / "adult_spine_2026", new)
    for path in new.glob("*.yaml"):
        path.write_text(path.read_text().replace(OLD, NEW))
    (new / "sp_10_3_fibromyalgia.yaml").unlink()
    _change(new / "sp_4_1_thoracic_pain.yaml")
    coccyx = (new / "sp_5_2_coccyx_pain.yaml").read_text()
    (new / "sp_5_9_new.yaml").write_text(coccyx.replace("SP-5.2", "SP-5.9"))
    documents = root / "documents.yaml"
    text = documents.read_text().replace("{from: '2026-09-01'}", "{from: '2026-09-01', to: '2027-08-31'}")
    documents.write_text(text + ENTRY)
    return load(root)


def _change(section: Path) -> None:
    """Four weeks instead of six, another title, one prerequisite gone."""
    text = section.read_text()
    start = text.index("- id: SP-4.1/prereq-reevaluation")
    text = text[:start] + text[text.index("- id: SP-4.1/prereq-xray") :]
    section.write_text(
        text.replace("at_least: 6 weeks", "at_least: 4 weeks").replace("title: Upper back", "title: Mid back")
    )
