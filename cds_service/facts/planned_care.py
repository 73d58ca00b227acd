"""What is planned: injections, operations, stimulators, punctures, referrals, and who asked for the study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.value_set import Member
from cds_service.facts.evidence import merged, source_of
from cds_service.facts.registry import fact
from cds_service.facts.surgery_devices import INJECTIONS, SURGERY, performed
from cds_service.fhir.codes import codings
from cds_service.fhir.dates import DayRange, date_of, period, read_date
from cds_service.fhir.elements import Resource, mapping, mappings, reference
from cds_service.fhir.regions import site_regions

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

_READS: Final = ("ServiceRequest", "Appointment", "CarePlan")
_OPEN_REQUEST: Final = frozenset({"active", "draft", "on-hold"})
_OPEN_APPOINTMENT: Final = frozenset({"booked", "proposed", "pending", "arrived", "checked-in", "waitlist"})
_OPEN_ACTIVITY: Final = frozenset({"not-started", "scheduled", "in-progress", "on-hold"})
_URGENT: Final = frozenset({"urgent", "asap", "stat"})
# Injections whose code leaves open which of two it is.
_EITHER: Final[dict[str, tuple[str, ...]]] = {
    "interlaminar_or_caudal_esi": ("interlaminar_esi", "caudal_esi"),
    "facet_or_medial_branch_block": ("facet", "medial_branch_block"),
}
_NOT_A_PLAN: Final = frozenset({"95970", "95971", "95972"})


@dataclass(frozen=True, slots=True)
class Plan:
    resource: Resource
    member: Member
    regions: frozenset[str]
    urgent: bool
    source: Source


def plans(chart: Chart, *value_sets: str) -> list[Plan]:
    """What is planned of these value sets: open requests, appointments to come, activities of a care plan."""
    return [plan for name in value_sets for plan in _plans(chart, name)]


def _plans(chart: Chart, name: str) -> Iterator[Plan]:
    codes = chart.codes(name)
    for resource, concept, day in chart.once(_everything_planned):
        member = next((found for found in codes.members_among(codings(concept)) if not found.weak), None)
        if member is None or member.code in _NOT_A_PLAN:
            continue
        regions = frozenset(member.regions) or site_regions(resource.get("bodySite"))
        yield Plan(resource, member, regions, resource.get("priority") in _URGENT, source_of(resource, day))


def _everything_planned(chart: Chart) -> list[tuple[Resource, object, DayRange | None]]:
    return list(_planned(chart))


def _planned(chart: Chart) -> Iterator[tuple[Resource, object, DayRange | None]]:
    """(resource, what it is for, its day) of everything that is still to be done and was not planned long ago."""
    for request in chart.record.all("ServiceRequest"):
        if request.get("status") in _OPEN_REQUEST and request.get("doNotPerform") is not True:
            written = read_date(request.get("authoredOn"))
            if _is_fresh(chart, date_of(request), written):
                yield request, request.get("code"), date_of(request)
    for appointment in chart.record.all("Appointment"):
        day = date_of(appointment)
        if appointment.get("status") in _OPEN_APPOINTMENT and (day is None or day.last >= chart.review_date):
            for element in ("serviceType", "reasonCode", "appointmentType"):
                yield appointment, appointment.get(element), day
    for plan in chart.record.all("CarePlan"):
        if plan.get("status") not in ("active", "draft", "on-hold"):
            continue
        for activity in mappings(plan.get("activity")):
            detail = mapping(activity.get("detail"))
            if detail.get("status") in _OPEN_ACTIVITY:
                yield plan, detail.get("code"), period(detail.get("scheduledPeriod"))[0]


def _is_fresh(chart: Chart, planned_for: DayRange | None, written: DayRange | None) -> bool:
    """Planned for a day to come, or written within the time that an answer holds."""
    if planned_for is not None and planned_for.last >= chart.review_date:
        return True
    stood = written or planned_for
    return stood is None or (chart.review_date - stood.last).days <= chart.settings.answer_days_adult


def _fact_of(found: list[Plan]) -> Fact | None:
    return Fact.of(True, *merged(plan.source for plan in found)) if found else None


# -- injections -----------------------------------------------------------------------------------------------------


@fact("planned_injection_type", reads=_READS, needs=INJECTIONS)
def planned_injection_type(chart: Chart, _argument: str | None) -> Fact | None:
    """Every kind of spinal injection that is planned; both kinds where one code stands for either."""
    found = [plan for plan in plans(chart, *INJECTIONS) if plan.member.means]
    kinds = [kind for plan in found for kind in _EITHER.get(plan.member.means or "", (plan.member.means or "",))]
    return _codes(list(dict.fromkeys(kinds)), found)


@fact("planned_injection_region", reads=_READS, needs=INJECTIONS)
def planned_injection_region(chart: Chart, _argument: str | None) -> Fact | None:
    """The region by the code or the body site, narrowed to the region ordered where the code spans two."""
    found = [plan for plan in plans(chart, *INJECTIONS) if plan.member.means and plan.regions]
    regions: list[str] = []
    for plan in found:
        ordered = sorted(plan.regions & set(chart.order.regions))
        regions += ordered or sorted(plan.regions - {"sacrum_coccyx"})
    return _codes(list(dict.fromkeys(regions)), found)


def _codes(codes: list[str], found: list[Plan]) -> Fact | None:
    if not codes:
        return None
    return Fact.of(codes[0] if len(codes) == 1 else tuple(codes), *merged(plan.source for plan in found))


# -- operations -----------------------------------------------------------------------------------------------------


def _register(argument: str, *value_sets: str, urgent: bool = False, or_done: bool = False) -> None:
    """Registers planned(...) of one kind. `or_done`: the guideline says "planned or done"."""

    @fact(f"planned({argument})", reads=(*_READS, "Procedure") if or_done else _READS, needs=value_sets)
    def read(chart: Chart, _argument: str | None) -> Fact | None:
        found = [plan for plan in plans(chart, *value_sets) if plan.urgent or not urgent]
        if found or not or_done:
            return _fact_of(found)
        done = performed(chart, *value_sets)
        recent = [operation for operation in done if _is_fresh(chart, None, operation.day) and operation.day]
        return Fact.of(True, *merged(operation.source for operation in recent)) if recent else None


_register("lumbar_puncture", "proc-lumbar-puncture")
_register("myelogram", "proc-myelography", or_done=True)
_register("spinal_angiography", "proc-spinal-angiography", or_done=True)
_register("scs_placement", "proc-scs-placement")
_register("scs_removal", "proc-scs-removal")
_register("corrective_surgery_evaluation", "proc-spine-osteotomy-deformity")
_register("vertebral_augmentation_or_spine_surgery", "proc-vertebral-augmentation", *SURGERY)
_register("urgent_spine_surgery", *SURGERY, urgent=True)
_register("urgent_spine_referral", "referral-spine-specialist", urgent=True)


@fact("surgical_planning_documented", reads=_READS, needs=SURGERY)
def surgical_planning_documented(chart: Chart, _argument: str | None) -> Fact | None:
    """An operation on the spine is ordered or booked."""
    return _fact_of(plans(chart, *SURGERY))


@fact("anterior_surgery_type", reads=(*_READS, "Procedure"), needs=("proc-spine-fusion-anterior",))
def anterior_surgery_type(chart: Chart, _argument: str | None) -> Fact | None:
    """Revision when an anterior operation is planned and an earlier one is on record."""
    found = plans(chart, "proc-spine-fusion-anterior")
    if not found:
        return None
    earlier = performed(chart, "proc-spine-fusion-anterior")
    sources = merged((*(plan.source for plan in found), *(done.source for done in earlier)))
    return Fact.of("revision" if earlier else "initial", *sources)


@fact("operating_surgeon_request", reads=_READS, needs=SURGERY)
def operating_surgeon_request(chart: Chart, _argument: str | None) -> Fact | None:
    """Whoever asks for this study also asks for, or performs, a planned operation on the spine."""
    asks = reference(chart.order.resource.get("requester"))
    if asks is None:
        return None
    return _fact_of([plan for plan in plans(chart, *SURGERY) if asks in set(_people(plan.resource))])


def _people(resource: Resource) -> Iterator[str]:
    for element in ("requester", "performer"):
        for pointer in mappings(resource.get(element)):
            named = reference(pointer)
            if named:
                yield named
