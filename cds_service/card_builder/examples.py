"""Approved responses in `cards/examples/`: how they are written, so that tests can demand them byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any


def numbered_uuids() -> Callable[[], str]:
    """A uuid maker that counts: the same cards get the same uuids every time."""
    numbers = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


def canonical(response: Any) -> str:
    """JSON as it stands in `cards/examples/`: in the order of the response, two spaces, a newline at the end."""
    return json.dumps(response, indent=2, ensure_ascii=False) + "\n"


def write_examples(folder: Path, responses: Mapping[str, Any]) -> tuple[str, ...]:
    """Writes one file per name, removes files that no example claims any more, and returns the names that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = [path.stem for path in folder.glob("*.json") if path.stem not in responses]
    for name in changed:
        (folder / f"{name}.json").unlink()
    for name, response in responses.items():
        path, text = folder / f"{name}.json", canonical(response)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return tuple(sorted(changed))
