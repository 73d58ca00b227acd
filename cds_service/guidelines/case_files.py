"""The case files beside the sections, as `cds-service lint` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cds_service.guidelines import strict_yaml
from cds_service.guidelines.load import CASES, Document

FACT_CASES: Final = f"facts{CASES}"

# Cases by the truth they make: {"met": [{"name": ..., "facts": {...}}, ...], ...}
ByTruth = Mapping[str, list[strict_yaml.Mapping]]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file. `criteria` are its criterion cases by criterion id, `said` what its consultations say they are for."""

    path: Path
    document: str
    section: str
    criteria: Mapping[str, ByTruth]
    said: tuple[str, ...]


def case_files(root: Path, documents: Mapping[str, Document]) -> Iterator[CaseFile]:
    """Every case file of every document folder. Raises GuidelineError for one that cannot be read."""
    for document in documents.values():
        for path in sorted((root / document.folder).glob(f"*{CASES}")):
            data = strict_yaml.read(path).allow(("section",), ("criteria", "consultations"))
            consultations = data.mappings("consultations")
            yield CaseFile(
                path,
                document.guideline.id,
                data.text("section"),
                _by_truth(data, "criteria"),
                tuple(f"{entry.get('why', '')} {entry.text('name')}" for entry in consultations),
            )


def fact_cases(root: Path) -> Mapping[str, ByTruth]:
    """The cases of derived facts, by fact id; none where the file is missing."""
    path = root / FACT_CASES
    return _by_truth(strict_yaml.read(path).allow(("facts",)), "facts") if path.exists() else {}


def _by_truth(data: strict_yaml.Mapping, key: str) -> dict[str, Any]:
    found = data.mapping(key) if key in data else strict_yaml.Mapping()
    return {
        name: {truth: by_truth.mappings(truth) for truth in by_truth}
        for name in found
        if (by_truth := found.mapping(name))
    }
