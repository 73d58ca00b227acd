"""Where settings come from: a TOML file, then variables, then arguments. Secrets belong in variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cds_service.config.clients import as_json, read_clients
from cds_service.config.settings import Mode, Settings
from cds_service.core.errors import ConfigurationError
from cds_service.facts.settings import as_json as facts_as_json
from cds_service.facts.settings import read_settings

PREFIX: Final = "SPINE_CDS_"
CONFIG_FILE: Final = f"{PREFIX}CONFIG"
KNOWN: Final = {setting.name: setting for setting in fields(Settings)}


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Defaults < TOML file named by SPINE_CDS_CONFIG < SPINE_CDS_* variables < `overrides`.

    `PORT` is understood too. In variables lists are separated by commas, clients and facts are JSON. Raises
    ConfigurationError.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    folder = Path()
    if environ.get(CONFIG_FILE):
        file = Path(environ[CONFIG_FILE])
        folder = file.parent
        values |= _from_file(file)
    if environ.get("PORT"):
        values["port"] = environ["PORT"]
    for variable, text in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and variable != CONFIG_FILE and text and not _is_service_link(variable, text):
            if name not in KNOWN:
                raise ConfigurationError(f"{variable} is not a setting (known: {_names()})")
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(**{name: _typed(name, value, folder) for name, value in values.items()})


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables from which `load` makes these settings again, for worker processes."""
    variables = {}
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if setting.name == "clients":
            value = as_json(value) if value else None
        elif setting.name == "facts":
            value = facts_as_json(value)
        if value is not None:
            variables[PREFIX + setting.name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    return variables


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigurationError(f"{path} cannot be read: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"{path}: {fault}") from fault
    if strangers := sorted(values.keys() - KNOWN.keys()):
        raise ConfigurationError(f"{path}: {', '.join(strangers)} is not a setting (known: {_names()})")
    if _holds_password(values.get("database_url")):
        raise ConfigurationError(
            f"{path}: database_url holds a password, which a file is not the place for; put the URL in "
            f"{PREFIX}DATABASE_URL, or the password alone in PGPASSWORD"
        )
    if "analytics_token" in values:
        raise ConfigurationError(f"{path}: analytics_token is a secret; put it in {PREFIX}ANALYTICS_TOKEN")
    return values


def _typed(name: str, value: Any, folder: Path) -> Any:
    if name == "clients":
        return read_clients(value, folder)
    if name == "facts":
        return read_settings(value)
    kind = _kind(name)
    try:
        if kind is tuple:
            parts = value.split(",") if isinstance(value, str) else list(value)
            return tuple(part.strip() for part in parts if part.strip())
        return kind(value)
    except (TypeError, ValueError, AttributeError):
        wanted = ", ".join(Mode) if kind is Mode else {int: "a whole number", float: "a number"}.get(kind, "a text")
        raise ConfigurationError(f"{name} must be {wanted}") from None


def _kind(name: str) -> Any:
    """The type of a setting is that of its default; those that may be absent are texts."""
    default = KNOWN[name].default
    return str if default is None else type(default)


def _holds_password(url: object) -> bool:
    try:
        return isinstance(url, str) and urlsplit(url).password is not None
    except ValueError:
        return False


def _is_service_link(variable: str, text: str) -> bool:
    """Whether Kubernetes put this variable there, for a Service that happens to be called spine-cds."""
    return text.startswith("tcp://") or "_SERVICE_" in variable or "_TCP_" in variable


def _names() -> str:
    return ", ".join(sorted(KNOWN))
