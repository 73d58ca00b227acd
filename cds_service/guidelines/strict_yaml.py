"""YAML without surprises: duplicate keys are refused, dates stay text, every mapping knows its line.

YAML 1.1 turns `no` into False, `0609` into 393 and dates into date objects. Here only `true`, `false` and plain
decimal numbers become anything but text, and a value that looks like one of the traps is refused.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import yaml

from cds_service.core.errors import GuidelineError

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


class Mapping(dict[str, Any]):
    """A YAML mapping that can say where it stands."""

    __slots__ = ("line", "path")

    path: Path
    line: int

    @property
    def where(self) -> str:
        return f"{self.path.name}:{self.line}"

    def fail(self, problem: str) -> NoReturn:
        raise GuidelineError(self.where, problem)

    def allow(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Mapping:
        """This mapping, once it is clear that it has the required keys and no unknown ones."""
        missing = [key for key in required if key not in self]
        if missing:
            self.fail(f"missing {', '.join(missing)}")
        unknown = [key for key in self if key not in required and key not in optional]
        if unknown:
            self.fail(f"unknown key {', '.join(unknown)} (known: {', '.join((*required, *optional))})")
        return self

    def text(self, key: str, default: str | None = None) -> str:
        """The text under `key`. A number there is an unquoted code, which YAML may have changed: refused."""
        value = self.get(key, default)
        if not isinstance(value, str):
            self.fail(f"{key} must be text (quote it), not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(f"{key} must be a list of texts (quote codes), not {value!r}")
        return tuple(value)

    def flag(self, key: str) -> bool:
        value = self.get(key, False)
        if not isinstance(value, bool):
            self.fail(f"{key} must be true or false, not {value!r}")
        return value

    def mapping(self, key: str) -> Mapping:
        value = self.get(key)
        if not isinstance(value, Mapping):
            self.fail(f"{key} must be a mapping")
        return value

    def days(self) -> tuple[date | None, date | None]:
        """The first and the last day of a mapping {from, to}; None for an end that is left out."""
        self.allow((), ("from", "to"))
        try:
            first, last = (date.fromisoformat(self.text(end)) if end in self else None for end in ("from", "to"))
        except ValueError:
            self.fail("from and to are days, such as '2027-01-01'")
        if first and last and last < first:
            self.fail(f"ends on {last}, before it begins on {first}")
        return first, last

    def mappings(self, key: str) -> list[Mapping]:
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.fail(f"{key} must be a list of mappings")
        return value


def read(path: Path) -> Mapping:
    """The one mapping that a guideline file holds. Raises GuidelineError naming file and line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise GuidelineError(f"{path.name}:{line}", error.problem or "not YAML") from error
    value = _value(node, path) if node is not None else None
    if not isinstance(value, Mapping):
        raise GuidelineError(f"{path.name}:1", "the file must hold one mapping")
    return value


def _value(node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.MappingNode):
        mapping = Mapping()
        mapping.path, mapping.line = path, node.start_mark.line + 1
        for key_node, value_node in node.value:
            key = key_node.value
            if key in mapping:
                raise GuidelineError(f"{path.name}:{key_node.start_mark.line + 1}", f"duplicate key {key!r}")
            mapping[key] = _value(value_node, path)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, path) for item in node.value]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path)
    raise GuidelineError(f"{path.name}:{node.start_mark.line + 1}", "neither a mapping, a list nor a value")


def _scalar(node: yaml.ScalarNode, path: Path) -> Any:
    text: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind in ("str", "timestamp"):
        return text
    if kind == "bool" and text in ("true", "false"):
        return text == "true"
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "float" and _DECIMAL.fullmatch(text):
        return float(text)
    raise GuidelineError(f"{path.name}:{node.start_mark.line + 1}", f"{text!r} is ambiguous in YAML: quote it")
