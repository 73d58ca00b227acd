"""Reads `<section>.cases.yaml`: criterion cases (facts -> met / not met / unknown) and consultations (order -> review).

    section: SP-5.1
    criteria:
      SP-5.1/mri:
        met:
        - {name: six weeks, facts: {spine_pain(lumbar): true, ...}}
        not_met: [...]
        unknown:
        - {name: treatment could not be read, facts: {...}, not_read: [conservative_treatment_weeks]}
    consultations:
    - name: five weeks are not six
      order: '72148'
      born: 1980-03-02
      facts: {...}
      expect: {determination: not_supported}

An entry may also say: study (id, when no CPT code names it), order (CPT), age ("46 years", "6 months 1 days"), units,
contrast, reasons (ICD-10-CM codes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds_service.guidelines import strict_yaml
from cds_service.guidelines.load import CASES, DATA

UNKNOWN_AGE = "unknown"
TRUTHS = ("met", "not_met", "unknown")
CASE_KEYS = ("order", "study", "age", "not_read", "units", "contrast", "reasons")
CONSULTATION_KEYS = ("why", "order", "orders", "born", "hook", "facts", "reasons", "units", "on", "chart")


@dataclass(frozen=True)
class CriterionCase:
    """Facts for one criterion and the truth they make. Ages are months with the fraction of the running one."""

    path: Path
    criterion: str
    expect: str
    name: str
    facts: dict[str, Any]
    not_read: tuple[str, ...]
    order: str | None
    study: str | None
    age: float | None
    age_unknown: bool
    units: float
    contrast: str | None
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.criterion} {self.expect}: {self.name}"


@dataclass(frozen=True)
class ConsultationCase:
    """An order with facts, and what its review must say."""

    path: Path
    section: str
    name: str
    data: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.section}: {self.name}"


def case_files(root: Path = DATA) -> list[Path]:
    return sorted(root.glob(f"*/*{CASES}"))


def criterion_cases(root: Path = DATA) -> Iterator[CriterionCase]:
    for path in case_files(root):
        data = strict_yaml.read(path).allow(("section",), ("criteria", "consultations"))
        criteria = data.mapping("criteria") if "criteria" in data else strict_yaml.Mapping()
        for criterion in criteria:
            by_truth = criteria.mapping(criterion).allow((), TRUTHS)
            for truth in TRUTHS:
                for entry in by_truth.mappings(truth):
                    yield _criterion_case(path, criterion, truth, entry)


def derived_fact_cases() -> Iterator[CriterionCase]:
    """Cases of `facts.cases.yaml`: `criterion` then holds the id of a derived fact."""
    path = DATA / f"facts{CASES}"
    facts = strict_yaml.read(path).allow(("facts",)).mapping("facts")
    for fact in facts:
        by_truth = facts.mapping(fact).allow((), TRUTHS)
        for truth in TRUTHS:
            for entry in by_truth.mappings(truth):
                yield _criterion_case(path, fact, truth, entry)


def consultation_cases(root: Path = DATA) -> Iterator[ConsultationCase]:
    for path in case_files(root):
        data = strict_yaml.read(path)
        for entry in data.mappings("consultations"):
            entry.allow(("name", "expect"), CONSULTATION_KEYS)
            yield ConsultationCase(path, data["section"], entry.text("name"), entry)


def months(text: str) -> float:
    """ "46 years" -> 552.0, "6 months 1 days" -> a little over 6."""
    total = 0.0
    for number, unit in re.findall(r"(\d+) (years?|months?|days?)", text):
        total += int(number) * {"year": 12.0, "month": 1.0, "day": 1 / 31}[unit.rstrip("s")]
    return total


def _criterion_case(path: Path, criterion: str, expect: str, entry: strict_yaml.Mapping) -> CriterionCase:
    entry.allow(("name", "facts"), CASE_KEYS)
    return CriterionCase(
        path=path,
        criterion=criterion,
        expect=expect,
        name=entry.text("name"),
        facts=dict(entry.mapping("facts")),
        not_read=entry.texts("not_read"),
        order=entry.get("order"),
        study=entry.get("study"),
        age=months(entry.text("age")) if entry.get("age", UNKNOWN_AGE) != UNKNOWN_AGE else None,
        age_unknown=entry.get("age") == UNKNOWN_AGE,
        units=float(entry.get("units", 1)),
        contrast=entry.get("contrast"),
        reasons=entry.texts("reasons"),
    )
