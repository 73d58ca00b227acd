"""FHIR resources in memory: the fixtures, and what clients write until the next restart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from threading import Lock
from typing import Any, Final
from uuid import uuid4

Resource = dict[str, Any]

# Anybody who can reach a demo can write to it; this keeps a forgotten script from filling the memory.
MOST_WRITES: Final = 2_000

FHIR_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")

# Where a resource says whose it is, in the order in which it is looked for.
OWNERS: Final = ("subject", "patient", "beneficiary", "for")


class StoreFull(Exception):
    """More writes than `MOST_WRITES` since the start."""


def owner_of(resource: Resource) -> str | None:
    """The id of the patient a resource belongs to; None for one that belongs to none."""
    if resource.get("resourceType") == "Patient":
        ident = resource.get("id")
        return ident if isinstance(ident, str) else None
    for name in OWNERS:
        element = resource.get(name)
        reference = element.get("reference") if isinstance(element, dict) else None
        if isinstance(reference, str) and re.search(r"(?:^|/)Patient/[^/]+$", reference):
            return reference.rsplit("/", 1)[1]
    return None


class ResourceStore:
    """Resources by type and id, with an index by patient. Safe to use from several threads.

    What it returns is shared: callers read it and never change it.
    """

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._lock = Lock()
        self._by_type: dict[str, dict[str, Resource]] = {}
        self._by_patient: dict[tuple[str, str], dict[str, Resource]] = {}
        self._writes = 0
        for resource in resources:
            self._keep(resource)

    def read(self, resource_type: str, ident: str) -> Resource | None:
        with self._lock:
            return self._by_type.get(resource_type, {}).get(ident)

    def all(self, resource_type: str, patient_id: str | None = None) -> tuple[Resource, ...]:
        """Resources of one type, of one patient when an id is given, in the order in which they came."""
        with self._lock:
            if patient_id is None:
                return tuple(self._by_type.get(resource_type, {}).values())
            return tuple(self._by_patient.get((resource_type, patient_id), {}).values())

    def create(self, resource: Resource) -> Resource:
        """Keeps a copy under an id of our own, as FHIR wants it, and returns it. Raises StoreFull."""
        return self.put({**resource, "id": str(uuid4())})[0]

    def put(self, resource: Resource) -> tuple[Resource, bool]:
        """Keeps `resource` under the id it has; also says whether it is new. Raises StoreFull."""
        with self._lock:
            if self._writes >= MOST_WRITES:
                raise StoreFull
            self._writes += 1
            new = resource["id"] not in self._by_type.get(resource["resourceType"], {})
            self._drop(resource["resourceType"], resource["id"])
            self._keep(resource)
            return resource, new

    def delete(self, resource_type: str, ident: str) -> None:
        with self._lock:
            self._drop(resource_type, ident)

    def _keep(self, resource: Resource) -> None:
        resource_type, ident = resource["resourceType"], resource["id"]
        self._by_type.setdefault(resource_type, {})[ident] = resource
        owner = owner_of(resource)
        if owner is not None:
            self._by_patient.setdefault((resource_type, owner), {})[ident] = resource

    def _drop(self, resource_type: str, ident: str) -> None:
        old = self._by_type.get(resource_type, {}).pop(ident, None)
        owner = owner_of(old) if old else None
        if owner is not None:
            self._by_patient[(resource_type, owner)].pop(ident, None)
