"""The synthetic patients: one folder each, with a chart (`bundle.json`) and what should come of it (`story.md`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from cds_service.core.errors import ConfigurationError
from cds_service.web.demo.resource_store import Resource

FENCE: Final = "---\n"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the service should say about one draft order.

    `order` is "ServiceRequest/id"; `determination` is "none" for an order that is not reviewed. `card` gives, per
    hook, the indicator of its card or "none"; `kind` is that of its card template. `sections` and `alternatives` (CPT
    codes): at least one of them; an empty list of alternatives means that none may be offered. `asks`: these and
    nothing else. `until`: the day on which "not yet" ends, as text.
    """

    order: str
    determination: str
    card: Mapping[str, str]
    kind: str | None = None
    sections: tuple[str, ...] = ()
    alternatives: tuple[str, ...] | None = None
    asks: tuple[str, ...] | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One patient. `unreadable` names the prefetch keys that the record system failed to fill."""

    slug: str
    title: str
    who: str
    why: str
    expected: tuple[Expected, ...]
    resources: tuple[Resource, ...] = field(repr=False)
    unreadable: tuple[str, ...] = ()

    @property
    def patient(self) -> Resource:
        return next(resource for resource in self.resources if resource["resourceType"] == "Patient")

    @property
    def drafts(self) -> tuple[Resource, ...]:
        """The orders being written: ServiceRequests with status draft."""
        requests = (resource for resource in self.resources if resource["resourceType"] == "ServiceRequest")
        return tuple(request for request in requests if request["status"] == "draft")


def load_stories(fixtures: Path) -> tuple[Story, ...]:
    """Every story below `fixtures`/patients, by slug. Raises ConfigurationError naming the file that is wrong."""
    folders = sorted(path for path in (fixtures / "patients").glob("*") if path.is_dir())
    if not folders:
        raise ConfigurationError(f"{fixtures / 'patients'} holds no patient")
    return tuple(_read(folder) for folder in folders)


def _read(folder: Path) -> Story:
    try:
        bundle = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        head, who, why = _split((folder / "story.md").read_text(encoding="utf-8"))
        return Story(
            slug=folder.name,
            title=head["title"],
            who=who,
            why=why,
            expected=tuple(_expected(item) for item in head["expect"]),
            resources=tuple(entry["resource"] for entry in bundle["entry"]),
            unreadable=tuple(head.get("unreadable", ())),
        )
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as fault:
        raise ConfigurationError(f"{folder}: not a complete story ({type(fault).__name__}: {fault})") from fault


def _split(text: str) -> tuple[dict[str, Any], str, str]:
    """Front matter between two fences, then a line that says who and a line that says why."""
    nothing, head, body = text.split(FENCE, 2)
    who, why = body.strip().splitlines()
    if nothing:
        raise ValueError("story.md must begin with ---")
    return yaml.safe_load(head), who, why


def _expected(item: Mapping[str, Any]) -> Expected:
    return Expected(
        order=item["order"],
        determination=item["determination"],
        card=dict(item["card"]),
        kind=item.get("kind"),
        sections=tuple(item.get("sections", ())),
        alternatives=tuple(item["alternatives"]) if "alternatives" in item else None,
        asks=tuple(item["asks"]) if "asks" in item else None,
        until=item.get("until"),
    )
