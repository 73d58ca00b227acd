"""Everything that facts are read from, for one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from cds_service.core.fact import Limit, Source
from cds_service.core.order import ImagingOrder
from cds_service.core.value_set import CodeSet
from cds_service.facts.answers import Statement, collect
from cds_service.facts.episode import Episode, find_episode
from cds_service.facts.findings import Findings
from cds_service.facts.settings import Settings
from cds_service.fhir.codes import codes_of, codings
from cds_service.fhir.dates import DayRange, months_between, read_date
from cds_service.fhir.elements import Resource, mappings
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines.codebook import Codebook
from cds_service.guidelines.studies import StudyCatalogue

T = TypeVar("T")


@dataclass(frozen=True)
class Chart:
    """One patient's record seen from one order.

    `review_date` is the day on which everything is judged. `drafts` are the other orders of the same request.
    `value_sets` are by id; a missing one stops the service when it is first asked for, which start-up does.
    """

    record: PatientRecord
    order: ImagingOrder
    review_date: date
    value_sets: Codebook
    studies: StudyCatalogue
    drafts: tuple[ImagingOrder, ...] = ()
    settings: Settings = field(default_factory=Settings)

    def limit(self, setting: str, found: float) -> Limit:
        """The setting of this name, and what the chart holds against it, for a fact that it decided."""
        return Limit(setting, getattr(self.settings, setting), found)

    def codes(self, value_set: str) -> CodeSet:
        return self.value_sets[value_set]

    def coded(self, resource_type: str, codes: CodeSet) -> Sequence[Resource]:
        """This patient's resources of one type with a coding in a value set, copies of one event once."""
        return self.findings.coded(self.record, resource_type, codes.id)

    @cached_property
    def findings(self) -> Findings:
        """Which value sets occur in the record. The orders of one request share it."""
        kept = self.record.kept
        if self.value_sets not in kept:
            kept[self.value_sets] = Findings(self.record, self.value_sets)
        found: Findings = kept[self.value_sets]
        return found

    def once(self, make: Callable[[Chart], T]) -> T:
        """What `make` gives for this chart, made once: many facts look at the same visits, studies and courses."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    @cached_property
    def _made(self) -> dict[Callable[[Chart], Any], Any]:
        return {}

    def is_in_any(self, coding: tuple[str, str], value_sets: frozenset[str]) -> bool:
        """Whether a code is in one of these value sets."""
        return not value_sets.isdisjoint(self.value_sets.holding(coding))

    @cached_property
    def signals(self) -> frozenset[str]:
        """The value sets that occur anywhere in the record or on the order."""
        stated = [*self.order.reasons, *codings(self.order.resource.get("reasonCode"))]
        for inner in mappings(self.order.resource.get("contained")):
            stated += codes_of(inner)
        return self.findings.signals.union(*map(self.value_sets.holding, stated))

    @cached_property
    def answers(self) -> Mapping[str, tuple[Statement, ...]]:
        """Structured answers by fact reference, the newest first."""
        return collect(self)

    @cached_property
    def episode(self) -> Episode:
        return find_episode(self)

    @cached_property
    def birth(self) -> DayRange | None:
        """The date of birth; None when missing, impossible or in the future."""
        span = read_date((self.record.patient or {}).get("birthDate"))
        return span if span is not None and span.first <= self.review_date else None

    @cached_property
    def is_child(self) -> bool:
        """Certainly under 18 on the review date."""
        return self.birth is not None and months_between(self.birth.first, self.review_date) < 18 * 12

    def study_regions(self, system: str, code: str) -> tuple[str, ...]:
        """Regions of an imaging code by the catalogue; empty for a code it does not know."""
        for entry in self.studies.coded(system, code):
            return entry.regions or entry.study.regions
        generic = self.studies.generic(system, code)
        return generic.regions if generic else ()

    @cached_property
    def order_source(self) -> Source:
        return self.source_of_order(self.order)

    @staticmethod
    def source_of_order(order: ImagingOrder) -> Source:
        authored = order.resource.get("authoredOn")
        return Source(order.reference, authored if isinstance(authored, str) else None)
