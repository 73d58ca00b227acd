"""Who may import whom. The table below is the architecture; `docs/architecture.md` explains it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.house import source_tree

# Each part of cds_service with its layer. A part imports its own layer and lower ones.
LAYERS = {
    "core": 1,
    "resources": 2,
    "guidelines": 2,
    "fhir": 2,
    "facts": 3,
    "orders": 3,
    "review": 4,
    "terminology": 4,
    "card_builder": 5,
    "store": 5,
    "audit": 5,
    "hooks": 6,
    "batch": 6,
    "doctor": 6,
    "config": 7,
    "web": 7,
    "cli": 7,
    "commands": 7,
}

# A library and the only parts that may import it.
KEPT_TO = {
    "flask": {"web"},
    "werkzeug": {"web"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "requests": {"fhir", "web", "cli"},
    "urllib3": {"fhir", "web"},
    "click": {"cli", "commands"},
    "rich": {"commands"},
    "authlib": {"web"},
    "jwt": {"web"},
    "yaml": {"guidelines", "card_builder", "web"},  # web: the head of a synthetic patient's story
}

# The bulk of a chart is read as plain dicts: models cost forty times as much and refuse what a chart may well hold.
NO_FHIR_MODELS = ("cds_service/fhir/", "cds_service/facts/", "cds_service/hooks/prefetch.py", "cds_service/review.py")

# Below the outer layers a date comes in as an argument, so that any day can be replayed.
NO_CLOCK = ("core", "guidelines", "facts", "orders", "review", "card_builder")

MODULES = source_tree.python_files("cds_service/")


def part_of(path: str) -> str:
    """ "cds_service/fhir/codes.py" -> "fhir"; "" for the package's own __init__."""
    name = path.removeprefix("cds_service/").removesuffix(".py").split("/")[0]
    return "" if name == "__init__" else name


def parts_imported(path: str) -> Iterator[tuple[int, str]]:
    for line, name in source_tree.imports(path):
        if name.startswith("cds_service."):
            yield line, name.split(".")[1]


def test_every_part_has_a_layer() -> None:
    assert {part_of(path) for path in MODULES} - {""} <= set(LAYERS)


def test_nothing_imports_an_upper_layer() -> None:
    upward = [
        f"{path}:{line} imports {part}"
        for path in MODULES
        for line, part in parts_imported(path)
        if not part.startswith("__") and LAYERS[part] > LAYERS.get(part_of(path), 0)
    ]
    assert not upward


def test_parts_of_one_layer_do_not_import_each_other_in_a_circle() -> None:
    edges = {(part_of(path), part) for path in MODULES for _, part in parts_imported(path) if part_of(path) != part}
    assert not {edge for edge in edges if edge[::-1] in edges}


def test_core_imports_the_standard_library_only() -> None:
    roots = {name.split(".")[0] for path in MODULES if part_of(path) == "core" for _, name in source_tree.imports(path)}
    assert roots <= sys.stdlib_module_names | {"cds_service"}


def test_a_library_is_imported_only_by_the_part_it_serves() -> None:
    strays = [
        f"{path}:{line} imports {name}"
        for path in MODULES
        for line, name in source_tree.imports(path)
        if part_of(path) not in KEPT_TO.get(name.split(".")[0], {part_of(path)})
    ]
    assert not strays


def test_fhir_models_are_the_r4b_ones_and_never_read_a_chart() -> None:
    """The default models of fhir.resources are R5, which refuses most R4 resources."""
    models = [
        (path, f"{path}:{line} imports {name}", name)
        for path in source_tree.python_files()
        for line, name in source_tree.imports(path)
        if name.startswith("fhir.resources")
    ]
    assert not [said for _, said, name in models if not name.startswith("fhir.resources.R4B")]
    assert not [said for path, said, _ in models if path.startswith(NO_FHIR_MODELS)]


def test_judging_never_looks_at_the_clock() -> None:
    clocks = {"now", "today", "utcnow", "time", "monotonic", "time_ns"}
    calls = [
        f"{path}:{node.lineno}"
        for path in MODULES
        if part_of(path) in NO_CLOCK
        for node in ast.walk(source_tree.tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in clocks
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"date", "datetime", "time"}
    ]
    assert not calls


def test_settings_come_in_as_arguments_below_the_outer_layer() -> None:
    readers = {part_of(path) for path in MODULES for _, part in parts_imported(path) if part == "config"}
    assert {LAYERS[part] for part in readers} == {LAYERS["config"]}
