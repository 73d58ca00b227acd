"""Writes docs/conformance.md from the tests: `make docs`.

Every requirement stands in tests/conformance/requirements.yaml; tests say which they prove (`@pytest.mark.proves`).
tests/house/test_conformance.py fails when a requirement has neither a test nor a reason, or when the page is old.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "conformance.md"
REQUIREMENTS = ROOT / "tests" / "conformance" / "requirements.yaml"
SHOWN = 3  # tests named for each requirement; the rest are counted


@dataclass(frozen=True)
class Requirement:
    id: str
    group: str
    level: str
    says: str
    not_applicable: str | None


def requirements() -> tuple[Requirement, ...]:
    groups: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(REQUIREMENTS.read_text(encoding="utf-8"))
    return tuple(
        Requirement(ident, group, entry["level"], entry["says"], entry.get("not_applicable"))
        for group, entries in groups.items()
        for ident, entry in entries.items()
    )


def proofs() -> dict[str, list[str]]:
    """Id -> the tests that prove it, as "path::name", in the order of files."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.proves" in text:
            for name, ident in _marked(ast.parse(text)):
                found.setdefault(ident, []).append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return found


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                    for argument in decorator.args:
                        yield node.name, ast.literal_eval(argument)


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    proved = proofs()
    wanted = requirements()
    yield "<!-- Written by docs/conformance.py; change the tests and run `make docs`. -->\n"
    yield "# Conformance\n"
    yield (
        "What CDS Hooks 2.0 and the 3.0 ballot, Da Vinci CRD, the community's best practice and our own engineering "
        "(ENG) ask of a service, in our own words, and the tests that prove it. MUST and SHOULD are the words of the "
        "specification for what binds a service."
    )
    tested = sum(requirement.id in proved for requirement in wanted)
    yield f"\n{len(wanted)} requirements: {tested} proved by tests, {len(wanted) - tested} that do not apply."
    group = ""
    for requirement in wanted:
        if requirement.group != group:
            group = requirement.group
            yield f"\n## {group}\n\n| | | What is asked | Proved by |\n|---|---|---|---|"
        how = _proof(proved[requirement.id]) if requirement.id in proved else f"*{requirement.not_applicable}*"
        yield f"| `{requirement.id}` | {requirement.level} | {requirement.says} | {how} |"


def _proof(tests: list[str]) -> str:
    named = [f"[{name}](../{path})" for path, _, name in (test.partition("::") for test in tests[:SHOWN])]
    more = len(tests) - SHOWN
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
