"""What is imported is declared, what is declared is used, locked and credited, and no lock file names an index."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import source_tree

# Declared, but started or chosen by name rather than imported.
USED_WITHOUT_IMPORT = {"granian"}

PROJECT = tomllib.loads(source_tree.text("pyproject.toml"))["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
OPTIONAL = [Requirement(line) for name in ("postgres", "gunicorn") for line in PROJECT["optional-dependencies"][name]]
DEV = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]
BUILD = [Requirement(line) for line in tomllib.loads(source_tree.text("pyproject.toml"))["build-system"]["requires"]]
LOCKS = {
    "requirements.lock": RUNTIME,
    "requirements-dev.lock": [*RUNTIME, *OPTIONAL, *DEV],
    "deploy/requirements.lock": [*RUNTIME, *OPTIONAL],
    "deploy/build.lock": BUILD,
    "deploy/sbom.lock": [Requirement(line) for line in PROJECT["optional-dependencies"]["sbom"]],
}


def locked(path: str) -> dict[str, tuple[str, int]]:
    """Canonical name -> (version, number of hashes)."""
    entries = re.findall(
        r"^(\S+)==(\S+)[^\n]*\\\n((?:[ ]{4}--hash=\S+[^\n]*\n)*)", source_tree.text(path), re.MULTILINE
    )
    return {canonicalize_name(name): (version, hashes.count("--hash=sha256:")) for name, version, hashes in entries}


def in_the_image() -> dict[str, str]:
    """Canonical name -> version of what the image's lock installs there, on Linux."""
    lines = re.findall(r"^(\S+==[^\\\n]+)", source_tree.text("deploy/requirements.lock"), re.MULTILINE)
    installed = (
        requirement
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"})
    )
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in installed}


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def imported_by(under: str) -> set[str]:
    """Canonical names of the distributions that provide what the files import; the import's own name if none does."""
    providers = packages_distributions()
    roots = {name.split(".")[0] for path in source_tree.python_files(under) for _, name in source_tree.imports(path)}
    ours = {"cds_service", "tests", "benchmarks", "__future__"}
    return {
        canonicalize_name("fhir.resources" if root == "fhir" else providers.get(root, [root])[0])
        for root in roots - ours - sys.stdlib_module_names
    }


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    assert imported_by("cds_service/") <= names(RUNTIME)


def test_every_declared_dependency_is_used() -> None:
    assert names(RUNTIME) - USED_WITHOUT_IMPORT <= imported_by("cds_service/")


def test_every_import_of_the_tests_is_declared() -> None:
    # PyJWT brings cryptography as its extra, pytest brings packaging.
    brought_along = {"cryptography", "packaging"}
    assert imported_by("tests/") <= names([*RUNTIME, *OPTIONAL, *DEV]) | brought_along


@pytest.mark.parametrize("path", LOCKS)
def test_the_lock_holds_every_dependency_in_an_allowed_version(path: str) -> None:
    versions = locked(path)
    wrong = [
        str(requirement)
        for requirement in LOCKS[path]
        if canonicalize_name(requirement.name) != "spine-imaging-cds"
        and not requirement.specifier.contains(versions[canonicalize_name(requirement.name)][0])
    ]
    assert not wrong


@pytest.mark.parametrize("path", LOCKS)
def test_every_locked_version_has_its_hashes(path: str) -> None:
    entries = locked(path)
    assert len(entries) == len(re.findall(r"^[^\s#]+==", source_tree.text(path), re.MULTILINE))
    assert not [name for name, (_, hashes) in entries.items() if hashes == 0]


@pytest.mark.parametrize("path", LOCKS)
def test_a_lock_does_not_say_where_packages_came_from(path: str) -> None:
    assert not re.findall(r"https?:|file:|--index|--find-links|@ ", source_tree.text(path))


def test_the_development_lock_contains_the_runtime_lock() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_the_image_runs_what_was_tested() -> None:
    tested = locked("requirements-dev.lock").items()
    assert locked("requirements.lock").items() <= locked("deploy/requirements.lock").items() <= tested
    assert locked("deploy/build.lock").items() <= tested


def test_the_list_of_licences_is_complete_and_holds_none_that_asks_for_more_than_credit() -> None:
    rows = re.findall(
        r"^\| ([\w.-]+) \| (\S+) \| ([^|]+) \|$", source_tree.text("docs/generated/licences.md"), re.MULTILINE
    )
    listed = {canonicalize_name(name): (version, licence) for name, version, licence in rows if name != "Package"}
    assert {name: version for name, (version, _) in listed.items()} == in_the_image()
    free = re.compile(r"(MIT|BSD|Apache|PSF|Python|ISC|MPL|Mozilla)")
    strict = {name for name, (_, licence) in listed.items() if not free.search(licence) or "GPL" in licence}
    # Used as they are, through their interface, which the LGPL allows.
    assert strict == {"psycopg", "psycopg-binary"}


def test_nothing_makes_the_schema_library_slow_to_import() -> None:
    """With its validators of IRIs installed it compiles a grammar, for seconds, in the first request that needs it."""
    assert not {"rfc3987-syntax", "rfc3987", "lark"} & locked("requirements-dev.lock").keys()


def test_the_notice_credits_every_runtime_dependency() -> None:
    credited = set(re.findall(r"^([a-z0-9-]+) {2,}\S", source_tree.text("NOTICE"), re.MULTILINE))
    assert credited == set(locked("requirements.lock")) | names(OPTIONAL) | {"psycopg-binary"}
