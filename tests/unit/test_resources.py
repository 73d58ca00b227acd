"""Data beside the code is found in a checkout and in an installed package, and its absence says what to do."""

from pathlib import Path

import pytest

from cds_service import resources
from cds_service.core.errors import ConfigurationError


def folder_with(root: Path, *names: str) -> Path:
    """A package folder under `root`, with these paths created as empty folders."""
    for name in names:
        (root / name).mkdir(parents=True)
    package = root / "cds_service"
    package.mkdir(exist_ok=True)
    return package


def test_a_checkout_keeps_the_folder_beside_the_package(tmp_path: Path) -> None:
    package = folder_with(tmp_path, "cards")
    (tmp_path / "pyproject.toml").touch()

    assert resources._find("cards", package) == tmp_path / "cards"


def test_an_installed_package_carries_its_own_copy(tmp_path: Path) -> None:
    package = folder_with(tmp_path, "cards", "cds_service/_cards")
    (tmp_path / "pyproject.toml").touch()

    assert resources._find("cards", package) == package / "_cards"


def test_a_folder_of_the_same_name_beside_site_packages_is_not_ours(tmp_path: Path) -> None:
    package = folder_with(tmp_path, "cards")

    with pytest.raises(ConfigurationError, match="Reinstall the package"):
        resources._find("cards", package)


def test_this_checkout_has_all_three() -> None:
    assert (resources.cards_dir() / "templates").is_dir()
    assert resources.fixtures_dir().is_dir()
    assert resources.openapi_path().is_file()
