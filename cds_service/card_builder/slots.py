"""Named slots in the words of `cards/`: `{ordered}`, or `{Ordered}` for a capital at the start of a sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from string import Formatter

from cds_service.guidelines.strict_yaml import Mapping as YamlMapping

_NAME = re.compile(r"[A-Za-z][a-z_]*")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with slots. Compiled at start-up, so that a misspelled slot stops the service and not a consultation."""

    text: str
    names: tuple[str, ...]

    @staticmethod
    def compile(text: str, allowed: Collection[str], source: YamlMapping) -> Pattern:
        """Raises GuidelineError for a slot that is not allowed, and for anything but plain names in braces."""
        names: list[str] = []
        try:
            pieces = list(Formatter().parse(text))
        except ValueError as error:
            source.fail(f"{text!r}: {error}")
        for _, name, spec, conversion in pieces:
            if name is None:
                continue
            if spec or conversion or not _NAME.fullmatch(name):
                source.fail(f"{text!r}: a slot is a plain name in braces")
            if name.lower() not in allowed:
                source.fail(f"{text!r}: unknown slot {{{name}}} (known: {', '.join(sorted(allowed))})")
            names.append(name)
        return Pattern(text, tuple(dict.fromkeys(names)))

    def fill(self, values: Mapping[str, str]) -> str | None:
        """The text with its slots filled; None when one of them has nothing to say."""
        filled: dict[str, str] = {}
        for name in self.names:
            value = values.get(name.lower(), "")
            if not value:
                return None
            filled[name] = value if name.islower() else capitalised(value)
        return self.text.format_map(filled)

    def must_fill(self, **values: str) -> str:
        """For patterns whose slots the code always has."""
        text = self.fill(values)
        if text is None:
            raise ValueError(f"{self.text!r} needs {', '.join(self.names)}")
        return text


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def inline(label: str) -> str:
    """A label in the middle of a sentence: "Thoracic spine x-ray" loses its capital, "MRI" and "CT" keep theirs."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
