"""The project's own files, as the house tests see them: what git tracks or would track."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[str, ...]:
    """Paths from the root, sorted. Ignored files (environment, caches, databases) are left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(sorted(path for path in set(listed.split("\0")) if path and (ROOT / path).is_file()))


def python_files(under: str = "") -> tuple[str, ...]:
    return tuple(path for path in files() if path.endswith(".py") and path.startswith(under))


@cache
def text(path: str) -> str:
    """The file's text; empty for a binary one."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@cache
def tree(path: str) -> ast.Module:
    return ast.parse(text(path), filename=path)


def imports(path: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import, those inside functions too. `from a import b` gives "a.b"."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module, names, 0):
                yield from ((node.lineno, f"{module}.{name.name}") for name in names)
