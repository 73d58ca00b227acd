"""Reads `resolutions.yaml`: where the documents disagree, and how they are read here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cds_service.guidelines import strict_yaml

FILE: Final = "resolutions.yaml"
MENTION: Final = re.compile(r"\bC-\d{2}\b")


@dataclass(frozen=True, slots=True)
class Resolution:
    """One disagreement. `documents` are the ids of those that take part in it."""

    id: str
    topic: str
    documents: tuple[str, ...]
    text: str


def load_resolutions(path: Path, documents: Collection[str]) -> Mapping[str, Resolution]:
    """Every resolution by id, in print order. Raises GuidelineError naming the line at fault."""
    found: dict[str, Resolution] = {}
    for entry in strict_yaml.read(path).allow(("resolutions",)).mappings("resolutions"):
        entry.allow(("id", "topic", "documents", "resolution"))
        name = entry.text("id")
        if not MENTION.fullmatch(name):
            entry.fail(f"{name} must look like C-07")
        if name in found:
            entry.fail(f"{name} stands twice")
        if strangers := [document for document in entry.texts("documents") if document not in documents]:
            entry.fail(f"unknown document {', '.join(strangers)}")
        found[name] = Resolution(name, entry.text("topic"), entry.texts("documents"), entry.text("resolution"))
    return found


def mentioned(text: str | None) -> tuple[str, ...]:
    """The ids that a note names, in the order in which it does."""
    return tuple(dict.fromkeys(MENTION.findall(text or "")))
