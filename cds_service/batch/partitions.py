"""Where each patient's lines are: the export walked once, its lines sorted into partitions by patient.

Only places are kept, never a copy of a chart. A partition holds all lines of its patients, so that each can be reviewed
by itself, in any process, and again after a restart.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cds_service.batch.export import Export, Place, decoded, owner

_ENTRY: Final = struct.Struct("<HQI")  # file, offset, length
SHARED: Final = -1  # the partition of resources without a patient


@dataclass(slots=True)
class Walked:
    """What one range of a file holds: packed places by partition, the types seen, and lines that cannot be read."""

    places: dict[int, bytes] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    unreadable: int = 0


def walk(export: Export, file: int, start: int, end: int, count: int) -> Walked:
    """Sorts the lines of one range into `count` partitions."""
    packed: dict[int, bytearray] = defaultdict(bytearray)
    found = Walked()
    for place, line in export.lines(file, start, end):
        resource = decoded(line)
        if resource is None:
            found.unreadable += 1
            continue
        found.types.add(resource["resourceType"])
        whose = owner(resource)
        if whose is not None:
            number = partition_of(whose, count) if whose else SHARED
            packed[number] += _ENTRY.pack(place.file, place.offset, place.length)
    found.places = {number: bytes(entries) for number, entries in packed.items()}
    return found


def partition_of(patient: str, count: int) -> int:
    """The same in every process and every run."""
    return zlib.crc32(patient.encode()) % count


def add_places(folder: Path, walked: Walked) -> None:
    for number, entries in walked.places.items():
        with _file(folder, number).open("ab") as stream:
            stream.write(entries)


def places(folder: Path, number: int) -> Iterator[Place]:
    """The places of one partition, in the order of the files; none for an empty one."""
    path = _file(folder, number)
    if path.exists():
        yield from sorted(
            (Place(*entry) for entry in _ENTRY.iter_unpack(path.read_bytes())), key=lambda p: (p.file, p.offset)
        )


def _file(folder: Path, number: int) -> Path:
    return folder / ("shared.places" if number == SHARED else f"{number:05}.places")
