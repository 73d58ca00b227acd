"""Where the data beside the code is: cards, fixtures and the API description.

They live at the top of a checkout, where people look for them, and inside the package in a wheel (`pyproject.toml`
maps them). Both are plain folders: a wheel is installed unpacked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cds_service.core.errors import ConfigurationError

PACKAGE: Final = Path(__file__).resolve().parent

# Name at the top of a checkout -> name inside an installed package. `pyproject.toml` holds the same three pairs.
MAPPED: Final[dict[str, str]] = {
    "cards": "_cards",
    "fhir_fixtures": "_fixtures",
    "openapi.yaml": "_openapi.yaml",
}


def cards_dir() -> Path:
    """The folder with the words clinicians see: `templates/`, `override_reasons.yaml`, `examples/`."""
    return _find("cards")


def fixtures_dir() -> Path:
    """The folder of synthetic patients and hook requests."""
    return _find("fhir_fixtures")


def openapi_path() -> Path:
    """The file that describes the HTTP interface."""
    return _find("openapi.yaml")


def _find(name: str, package: Path = PACKAGE) -> Path:
    """The packaged copy when there is one, else the one beside the package. Raises ConfigurationError for neither."""
    packaged = package / MAPPED[name]
    checkout = package.parent / name
    # The name alone could be anybody's `cards` beside site-packages; our pyproject.toml makes it a checkout.
    if packaged.exists():
        return packaged
    if checkout.exists() and (package.parent / "pyproject.toml").is_file():
        return checkout
    raise ConfigurationError(
        f"{name} is neither in the installed package ({packaged}) nor in a checkout ({checkout}). "
        "Reinstall the package from its wheel, or run it from a complete checkout."
    )
