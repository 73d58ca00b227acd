"""A FHIR Bulk Data export on disk: NDJSON files, their types, and lines by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from cds_service.core.errors import ConfigurationError
from cds_service.fhir.elements import mappings, reference

# Types without a patient that a review looks up: what a drug given by reference is, who ordered, and who pays.
SHARED_TYPES: Final = frozenset({"Medication", "PractitionerRole", "Organization"})
_OWNERS: Final = ("subject", "patient", "beneficiary")


@dataclass(frozen=True, slots=True)
class Place:
    """One line: `file` counts the files of the export, `offset` and `length` are bytes."""

    file: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Export:
    """`files` in a fixed order, so that a place means the same in every process and after a restart."""

    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    def fingerprint(self) -> list[list[str | int]]:
        """What changes when a file does."""
        return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in self.files]

    def ranges(self, size: int) -> Iterator[tuple[int, int, int]]:
        """(file, start, end) of about `size` bytes each. A line belongs to the range in which it begins."""
        for number, path in enumerate(self.files):
            length = path.stat().st_size
            for start in range(0, length, size):
                yield number, start, min(start + size, length)

    def lines(self, file: int, start: int, end: int) -> Iterator[tuple[Place, bytes]]:
        """Lines that begin within [start, end)."""
        with self.files[file].open("rb") as stream:
            offset = start
            if start:
                stream.seek(start - 1)
                offset += len(stream.readline()) - 1  # the rest of a line that began before
            for line in stream:
                if offset >= end:
                    return
                if line.strip():
                    yield Place(file, offset, len(line)), line
                offset += len(line)

    def read(self, places: Iterable[Place]) -> Iterator[bytes]:
        """The lines at these places; fastest when the places are in order."""
        opened: dict[int, Any] = {}
        try:
            for place in places:
                stream = opened.get(place.file) or opened.setdefault(place.file, self.files[place.file].open("rb"))
                stream.seek(place.offset)
                yield stream.read(place.length)
        finally:
            for stream in opened.values():
                stream.close()


def open_export(inputs: Iterable[Path]) -> Export:
    """The NDJSON files among `inputs` and directly inside folders among them. Raises ConfigurationError for none."""
    files: list[Path] = []
    for path in inputs:
        found = sorted(path.glob("*.ndjson")) if path.is_dir() else [path]
        if not path.exists():
            raise ConfigurationError(f"{path} is neither a file nor a folder")
        files += found
    if packed := next((path for path in files if path.suffix == ".gz"), None):
        raise ConfigurationError(f"{packed} is packed; unpack it first, because lines are read by their place")
    if not files:
        raise ConfigurationError("no .ndjson file there: an export has one or more for each resource type")
    return Export(tuple(dict.fromkeys(path.resolve() for path in files)))


def decoded(line: bytes) -> dict[str, Any] | None:
    """The resource on a line; None for what is none."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("resourceType"), str) else None


def owner(resource: dict[str, Any]) -> str | None:
    """The id of the patient a resource belongs to, "" for one of a shared type, None for one that nobody needs."""
    kind = resource["resourceType"]
    if kind == "Patient":
        ident = resource.get("id")
        return ident if isinstance(ident, str) and ident else None
    for name in _OWNERS:
        if ident := _patient_named(resource.get(name)):
            return ident
    if kind == "Appointment":
        actors = (_patient_named(part.get("actor")) for part in mappings(resource.get("participant")))
        return next((ident for ident in actors if ident), None)
    return "" if kind in SHARED_TYPES else None


def _patient_named(value: object) -> str | None:
    named = reference(value)
    return (named.rpartition("Patient/")[2].partition("/")[0] or None) if named and "Patient/" in named else None
