"""Exports for tests: the synthetic patients as a Bulk Data server would write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cds_service.resources import fixtures_dir
from cds_service.web.demo.stories import Story, load_stories

# Their record system failed to answer, which an export cannot do.
STORIES = tuple(story for story in load_stories(fixtures_dir()) if not story.unreadable)


def write_export(folder: Path, resources: Iterable[dict[str, Any]]) -> Path:
    """One file for each type, one resource a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for resource in resources:
        with (folder / f"{resource['resourceType']}.ndjson").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(resource) + "\n")
    return folder


def write_stories(folder: Path, stories: Iterable[Story] = STORIES) -> Path:
    return write_export(folder, (resource for story in stories for resource in story.resources))
