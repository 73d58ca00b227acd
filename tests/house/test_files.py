"""Small files with honest names, and nothing in them that belongs to one machine or one afternoon."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

import pytest

from tests.house import source_tree

LONGEST_MODULE = 400
LONGEST_FUNCTION = 50

# Known exceptions with their present length. An entry is lowered or removed, never raised; none is added.
LONG_MODULES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}

# Written in halves, so that this file does not find itself.
NOT_HERE = {
    "a note of unfinished work": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b"),
    "a path of one machine": re.compile(r"(?<![\w.])/(work|root|home/\w+)" + r"(?![\w-])"),
    "the address of a package index": re.compile(
        r"pypi\.org" + r"/simple|python" + r"hosted|--(extra-)?index" + r"-url"
    ),
}

PYTHON = source_tree.python_files()
WRITTEN = [path for path in source_tree.files() if path != "LICENSE" and source_tree.text(path)]


def lines_of(path: str) -> int:
    return source_tree.text(path).count("\n")


def lengths(path: str) -> dict[str, int]:
    """Lines of each function and method, docstring included, under "path:name"."""
    return {
        f"{path}:{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(source_tree.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_a_module_can_be_read_in_one_sitting() -> None:
    too_long = {path: lines_of(path) for path in PYTHON if lines_of(path) > LONG_MODULES.get(path, LONGEST_MODULE)}
    assert not too_long


def test_a_function_fits_on_a_screen() -> None:
    too_long = {
        name: length
        for path in PYTHON
        for name, length in lengths(path).items()
        if length > LONG_FUNCTIONS.get(name, LONGEST_FUNCTION)
    }
    assert not too_long


def test_the_exceptions_only_shrink() -> None:
    modules = {path: lines_of(path) for path in LONG_MODULES}
    functions = {name: lengths(name.rpartition(":")[0]).get(name, 0) for name in LONG_FUNCTIONS}
    assert modules == LONG_MODULES
    assert functions == LONG_FUNCTIONS
    assert all(length > LONGEST_MODULE for length in modules.values())
    assert all(length > LONGEST_FUNCTION for length in functions.values())


def test_a_name_says_what_is_inside() -> None:
    names = {path: {part.removesuffix(".py") for part in PurePosixPath(path).parts} for path in PYTHON}
    assert not [path for path, parts in names.items() if parts & EMPTY_NAMES]


def test_every_imported_name_is_written_out() -> None:
    stars = [f"{path}:{line}" for path in PYTHON for line, name in source_tree.imports(path) if name.endswith(".*")]
    assert not stars


@pytest.mark.parametrize("what", NOT_HERE)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path}:{number}"
        for path in WRITTEN
        for number, line in enumerate(source_tree.text(path).splitlines(), start=1)
        if NOT_HERE[what].search(line)
    ]
    assert not found


def test_every_file_with_tests_is_collected() -> None:
    """A test in a file that pytest does not open is a guard that nobody runs."""
    unopened = [
        path for path in PYTHON if path.startswith("tests/") and not PurePosixPath(path).name.startswith("test_")
    ]
    holding_tests = [
        path
        for path in unopened
        for node in source_tree.tree(path).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert not holding_tests


def test_the_top_of_the_tree_holds_what_the_readme_names() -> None:
    expected = {
        "README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "NOTICE", "Makefile", "pyproject.toml", "openapi.yaml",
        "requirements.lock", "requirements-dev.lock", ".gitignore", ".ci", "cds_service", "cards", "fhir_fixtures",
        "tests", "docs", "benchmarks", "deploy",
    }  # fmt: skip
    assert {PurePosixPath(path).parts[0] for path in source_tree.files()} <= expected
