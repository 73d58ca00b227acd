"""Operations on the spine, injections, implants, and what stands against MRI."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET
from cds_service.core.value_set import Member
from cds_service.facts.evidence import (
    day_of,
    happened,
    member_of,
    merged,
    regions_in,
    source_of,
    why_unplaced,
    within,
)
from cds_service.facts.imaging_done import latest_advanced
from cds_service.facts.problems import Problem, declare, look, matches
from cds_service.facts.registry import fact, open_fact, unreadable
from cds_service.fhir.codes import DEVICE_SAFETY, codings
from cds_service.fhir.dates import DayRange, read_time
from cds_service.fhir.elements import Resource, mapping, mappings
from cds_service.fhir.status import current, usable

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# Vertebral augmentation and stimulator placement are no spine surgery.
SURGERY: Final = (
    "proc-spine-fusion", "proc-spine-fusion-anterior", "proc-spine-decompression", "proc-spine-instrumentation",
    "proc-spine-osteotomy-deformity", "proc-dysraphism-cord-surgery",
)  # fmt: skip
INJECTIONS: Final = (
    "proc-epidural-interlaminar-cervicothoracic", "proc-epidural-interlaminar-lumbar-caudal",
    "proc-epidural-transforaminal", "proc-facet-mbb", "proc-facet-rfa", "proc-other-pain-injection",
)  # fmt: skip
INTERVENTIONS: Final = (*SURGERY, *INJECTIONS, "proc-scs-placement", "proc-vertebral-augmentation")
_DEFORMITY_FUSIONS: Final = frozenset({"22800", "22802", "22804", "22808", "22810", "22812"})

declare(
    Problem("spine_surgery_history", ("post-laminectomy-syndrome",), now=False, reason=True),
    Problem("suspected_postop_complication", ("postoperative-spine-complication", "csf-leak"),
            suspected=True, reason=True, within="recent_intervention_days"),
    Problem("suspected_pseudoarthrosis", ("pseudarthrosis",), suspected=True, reason=True),
    Problem("suspected(hardware_loosening)", ("spinal-hardware-failure",), suspected=True, reason=True, injury=True),
    apart=("spine_surgery_history",),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One completed procedure: `member` is its code in the value set, `day` when it ended."""

    resource: Resource
    member: Member
    day: DayRange | None
    regions: frozenset[str]
    source: Source


def performed(chart: Chart, *value_sets: str) -> list[Operation]:
    """Completed procedures of these value sets up to the review date, the newest first, each once."""
    found: dict[int, Operation] = {}
    for name in value_sets:
        codes = chart.codes(name)
        for procedure in chart.coded("Procedure", codes):
            member = member_of(chart, codes, procedure)
            day = day_of(chart, procedure)
            if member is None or not _is_done(chart, procedure, day):
                continue
            regions = frozenset(member.regions) or regions_in(chart, procedure)
            found.setdefault(id(procedure), Operation(procedure, member, day, regions, source_of(procedure, day)))
    return sorted(found.values(), key=lambda done: done.day.last.toordinal() if done.day else 0, reverse=True)


def _is_done(chart: Chart, procedure: Resource, day: DayRange | None) -> bool:
    return procedure.get("status") in (None, "completed") and happened(chart, day)


def _out_of_shape(chart: Chart, days: float = math.inf) -> Fact | None:
    """Procedures of which nobody can tell what was done; with `days`, of those of the last so many days."""
    dated = [(done, day_of(chart, done)) for done in chart.record.out_of_shape("Procedure")]
    odd = [
        source_of(done, day)
        for done, day in dated
        if _is_done(chart, done, day) and (day is None or (chart.review_date - day.last).days <= days)
    ]
    return unreadable(*merged(odd), note="the code of a procedure cannot be read") if odd else None


def surgeries(chart: Chart) -> list[Operation]:
    return performed(chart, *SURGERY)


@fact("spine_surgery_history", reads=("Procedure", "Condition"), needs=SURGERY)
def spine_surgery_history(chart: Chart, _argument: str | None) -> Fact | None:
    """An operation on record, or a diagnosis that presupposes one. Arthrodesis status says too little."""
    done = surgeries(chart)
    if done:
        return Fact.of(True, *merged(operation.source for operation in done))
    return look(chart, "spine_surgery_history").fact() or _out_of_shape(chart)


@fact("spinal_fusion_history", reads=("Procedure",), needs=("proc-spine-fusion",))
def spinal_fusion_history(chart: Chart, _argument: str | None) -> Fact | None:
    return _done(chart, performed(chart, "proc-spine-fusion"))


def _done(chart: Chart, operations: list[Operation]) -> Fact | None:
    return Fact.of(True, *merged(done.source for done in operations)) if operations else _out_of_shape(chart)


@fact("months_since_spine_surgery", reads=("Procedure",), needs=SURGERY)
def months_since_spine_surgery(chart: Chart, _argument: str | None) -> Fact | None:
    """Months since the latest operation on the region ordered, or on one whose region nobody wrote down."""
    done = [
        operation
        for operation in surgeries(chart)
        if not operation.regions or any(matches(region, operation.regions) for region in chart.order.regions)
    ]
    return _months_since(chart, done)


def _months_since(chart: Chart, done: list[Operation]) -> Fact | None:
    for operation in done:
        if operation.day is not None:
            months = operation.day.months_until(chart.review_date)
            if isinstance(months, Range):
                months = Range(max(months.low, 0.0), months.high)
            return Fact.of(months, operation.source, since=operation.day.last)
    return _undated(done) or _out_of_shape(chart)


def _undated(done: list[Operation]) -> Fact | None:
    """Operations that nobody can place: shown, with what is wrong with their dates."""
    odd = [(operation.source, why) for operation in done if (why := why_unplaced(operation.resource, operation.day))]
    if odd:
        return unreadable(*merged(source for source, _ in odd), note=odd[0][1])
    return (
        open_fact(*merged(operation.source for operation in done), note="its date is not on record") if done else None
    )


@fact("scoliosis_surgery_timepoint", reads=("Procedure",), needs=SURGERY)
def scoliosis_surgery_timepoint(chart: Chart, _argument: str | None) -> Fact | None:
    """Years since the latest correction of a deformity."""
    done = [
        operation
        for operation in performed(chart, "proc-spine-osteotomy-deformity", "proc-spine-fusion")
        if operation.member.code in _DEFORMITY_FUSIONS or operation.member in _osteotomies(chart)
    ]
    months = _months_since(chart, done)
    if months is None or not isinstance(months.value, float):
        return months if months is None or not months.known else None
    return Fact.of(months.value / 12, *months.sources, since=months.since)


def _osteotomies(chart: Chart) -> tuple[Member, ...]:
    return chart.codes("proc-spine-osteotomy-deformity").members


@fact("recent_spinal_intervention", reads=("Procedure",), needs=INTERVENTIONS)
def recent_spinal_intervention(chart: Chart, _argument: str | None) -> Fact | None:
    """Surgery, injection or stimulator placement within the policy window."""
    limit = chart.settings.recent_intervention_days
    placed = [(done, within(chart, done.day, limit)) for done in performed(chart, *INTERVENTIONS)]
    recent = [done for done, truth in placed if truth is MET]
    if not recent:
        return _undated([done for done, truth in placed if truth is not NOT_MET]) or _out_of_shape(chart, limit)
    days = min((chart.review_date - done.day.last).days for done in recent if done.day is not None)
    limited = chart.limit("recent_intervention_days", days)
    return Fact.of(True, *merged(done.source for done in recent), limit=limited)


@fact("hours_since_vertebral_augmentation", reads=("Procedure",), needs=("proc-vertebral-augmentation",))
def hours_since_vertebral_augmentation(chart: Chart, _argument: str | None) -> Fact | None:
    """Hours from the end of the procedure to the order. Without both times, the range that the days allow."""
    for done in performed(chart, "proc-vertebral-augmentation")[:1]:
        if done.day is None:
            return _undated([done])
        ended = _time(done.resource)
        ordered = read_time(chart.order.resource.get("authoredOn"))
        if ended and ordered and ordered >= ended:
            return Fact.of((ordered - ended).total_seconds() / 3600, done.source)
        return Fact.of(_hours(done.day, chart.review_date), done.source)
    return None


def _time(procedure: Resource) -> datetime | None:
    return read_time(procedure.get("performedDateTime")) or read_time(
        mapping(procedure.get("performedPeriod")).get("end")
    )


def _hours(day: DayRange, until: date) -> Range:
    shortest, longest = (until - day.last).days, (until - day.first).days
    return Range(max(24.0 * (shortest - 1), 0.0), 24.0 * (longest + 1))


def _history(argument: str, value_set: str, means: str | None) -> None:
    """Registers procedure_history of one kind: a procedure of the set, of one meaning when given."""

    @fact(f"procedure_history({argument})", reads=("Procedure",), needs=(value_set,))
    def read(chart: Chart, _argument: str | None) -> Fact | None:
        done = [done for done in performed(chart, value_set) if means is None or done.member.means == means]
        return _done(chart, done)


_history("tethered_cord_surgery", "proc-dysraphism-cord-surgery", "tethered_cord")
_history("open_defect_repaired", "proc-dysraphism-cord-surgery", "open_defect")
_history("syrinx_surgery", "proc-dysraphism-cord-surgery", "syrinx")


@fact("procedure_history(fixation_hardware)", reads=("Procedure",), needs=("proc-spine-instrumentation",))
def fixation_hardware(chart: Chart, _argument: str | None) -> Fact | None:
    """Hardware that was put in, and not taken out by the latest procedure."""
    done = performed(chart, "proc-spine-instrumentation")
    return None if done and done[0].member.means == "removal" else _done(chart, done)


@fact(
    "procedure_history(surgery_since_prior_imaging)",
    reads=("Procedure", "DiagnosticReport", "ImagingStudy"),
    needs=SURGERY,
)
def surgery_since_prior_imaging(chart: Chart, _argument: str | None) -> Fact | None:
    """An operation on the region ordered after its latest advanced study."""
    for region in chart.order.regions:
        study = latest_advanced(chart, region)
        if study is None or study.day is None:
            continue
        after = [
            operation
            for operation in surgeries(chart)
            if operation.day is not None
            and operation.day.first > study.day.last
            and (not operation.regions or matches(region, operation.regions))
        ]
        if after:
            return _done(chart, after)
    return None


# -- MRI safety -----------------------------------------------------------------------------------------------------

_IMPLANT: Final = "mri-contraindication-implant"
_ASK: Final = "an implant is on record; whether it is safe in MRI is not"


@fact(
    "implanted_device_not_mr_conditional",
    reads=("Device", "Condition"),
    needs=("device-mr-safety", "mri-contraindication-device", _IMPLANT),
)
def implanted_device_not_mr_conditional(chart: Chart, _argument: str | None) -> Fact | None:
    """A device in place that its label calls unsafe in MRI. An implant of which nothing more is known is a question."""
    unsafe: list[Source] = []
    unclear: list[Source] = list(_coded_implants(chart))
    for device in _devices(chart):
        labels = set(_labels(chart, device))
        if "unsafe" in labels:
            unsafe.append(source_of(device))
        elif not labels & {"safe", "conditional"} and member_of(
            chart, chart.codes("mri-contraindication-device"), device
        ):
            unclear.append(source_of(device))
    if unsafe:
        return Fact.of(True, *merged(unsafe))
    return open_fact(*merged(unclear), note=_ASK) if unclear else None


@fact("implanted_ferromagnetic_material", reads=("Condition",), needs=(_IMPLANT,))
def implanted_ferromagnetic_material(chart: Chart, _argument: str | None) -> Fact | None:
    """No code says that metal is ferromagnetic: retained metal on record is a question, an answer settles it."""
    implants = list(_coded_implants(chart))
    return open_fact(*merged(implants), note=_ASK) if implants else None


def _devices(chart: Chart) -> Iterator[Resource]:
    for device in chart.record.all("Device"):
        if usable(device):
            yield device


def _labels(chart: Chart, device: Resource) -> Iterator[str]:
    """What the label of a device says about MRI: safe, conditional, unsafe or unknown."""
    codes = chart.codes("device-mr-safety")
    for system, code in codings(list(mappings(device.get("safety")))):
        member = codes.member(system, code) if system == DEVICE_SAFETY else None
        if member is not None and member.means:
            yield member.means


def _coded_implants(chart: Chart) -> Iterator[Source]:
    codes = chart.codes(_IMPLANT)
    for condition in chart.coded("Condition", codes):
        if usable(condition) and current(condition):
            yield source_of(condition, day_of(chart, condition))
