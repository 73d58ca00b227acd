"""Courses of medicine: which drug, by which route, from when to when, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.truth import MET
from cds_service.core.value_set import Member
from cds_service.facts.evidence import merged, source_of
from cds_service.facts.problems import Problem, declare, look
from cds_service.facts.registry import fact, open_fact
from cds_service.fhir.codes import codings
from cds_service.fhir.dates import DayRange, course_of
from cds_service.fhir.elements import Resource, mappings, reference
from cds_service.fhir.status import usable

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

TYPES: Final = ("MedicationRequest", "MedicationStatement")
KNOWN_MEDICINES: Final = frozenset({
    "med-nsaid", "med-analgesic-nonopioid", "med-opioid", "med-corticosteroid-systemic", "med-muscle-relaxant",
    "med-immunosuppressant", "med-antirejection", "med-antineoplastic",
})  # fmt: skip
# Value sets whose problems are of the spine: a reason among them makes an adjuvant a treatment of spine pain.
SPINE_REASONS: Final = frozenset({
    "neck-pain", "thoracic-back-pain", "low-back-pain", "back-pain-unspecified", "coccydynia",
    "si-joint-pain-sacroiliitis", "radiculopathy-cervical", "radiculopathy-thoracic", "radiculopathy-lumbar",
    "radiculopathy-any", "disc-disorder", "spondylosis-uncomplicated", "spinal-stenosis-any", "neurogenic-claudication",
    "spondylolysis", "spondylolisthesis", "myelopathy", "vertebral-compression-fracture", "traumatic-spine-fracture",
    "spine-sprain-strain-injury", "sacral-si-fracture", "cauda-equina", "spinal-infection", "scoliosis-any",
    "kyphosis-any", "inflammatory-spondylitis", "spinal-neoplasm", "post-laminectomy-syndrome",
})  # fmt: skip

declare(
    Problem("long_term_glucocorticoids", ("long-term-steroid-dx",)),
    Problem("organ_transplant_on_antirejection", ("organ-transplant",), now=False),
    Problem("immunosuppressant_therapy", ("long-term-immunosuppressant-dx",)),
    apart=("long_term_glucocorticoids", "organ_transplant_on_antirejection", "immunosuppressant_therapy"),
)


@dataclass(frozen=True, slots=True)
class Medicine:
    """One course. `end` is None when nothing says how long it runs, and when what says it cannot be read (`unclear`).
    `active` is the status now."""

    resource: Resource
    member: Member
    start: DayRange | None
    end: DayRange | None
    unclear: bool
    active: bool
    source: Source


def taken(chart: Chart, value_sets: Iterable[str], *, on_the_skin: bool = False) -> Iterator[Medicine]:
    """Courses of drugs of these value sets that began by the review date, each once.

    Matched by ingredient, product (RxNorm) or class (ATC), never by name. Eye, ear, nose and airway routes do not
    count, the skin only where asked for: a patch relieves pain, and treats no immune system.
    """
    seen: set[int] = set()
    for name in value_sets:
        codes = chart.codes(name)
        for kind in TYPES:
            for resource in chart.coded(kind, codes):
                if id(resource) in seen or not usable(resource) or _is_local(chart, resource, on_the_skin):
                    continue
                members = [found for found in codes.members_among(chart.record.codes(resource)) if not found.weak]
                course = course_of(resource)
                begun = course.start is None or course.start.first <= chart.review_date
                if not members or not begun or not _counts(chart, members[0], resource):
                    continue
                seen.add(id(resource))
                source = source_of(resource, course.start)
                active = resource.get("status") in (None, "active")
                yield Medicine(resource, members[0], course.start, course.end, course.unclear, active, source)


def unmatched(chart: Chart) -> int:
    """How many medicines since the symptoms began are coded, yet by no code we know: they may be treatment, too."""
    count = 0
    for kind in TYPES:
        for resource in chart.record.all(kind):
            keys = chart.record.codes(resource)
            if not keys or any(chart.is_in_any(key, KNOWN_MEDICINES) for key in keys) or not usable(resource):
                continue
            count += chart.episode.since(course_of(resource).start) is MET
    return count


def _is_local(chart: Chart, resource: Resource, on_the_skin: bool) -> bool:
    """Whether every stated route keeps the drug where it is applied."""
    local = [chart.codes("route-local").member(*route) for route in _routes(resource)]
    return bool(local) and all(route is not None and not (on_the_skin and route.means == "skin") for route in local)


def _routes(resource: Resource) -> set[tuple[str, str]]:
    dosages = [*mappings(resource.get("dosageInstruction")), *mappings(resource.get("dosage"))]
    return {route for dosage in dosages for route in codings(dosage.get("route"))}


def _counts(chart: Chart, member: Member, resource: Resource) -> bool:
    """Whether the resource says what the code leaves open: that the drug is for the spine, or not for the skin."""
    if member.needs == "reason":
        return for_spine(chart, resource)
    return member.needs != "route" or bool(_routes(resource))


def for_spine(chart: Chart, resource: Resource) -> bool:
    """Whether the stated reason of a resource is a problem of the spine."""
    concepts: list[object] = [resource.get("reasonCode")]
    for pointer in mappings(resource.get("reasonReference")):
        named = chart.record.resolve(reference(pointer) or "", resource)
        if named is not None:
            concepts.append(named.get("code"))
    return any(is_spinal(chart, concept) for concept in concepts)


def is_spinal(chart: Chart, concept: object) -> bool:
    return any(chart.is_in_any(key, SPINE_REASONS) for key in codings(concept))


def as_needed(resource: Resource) -> bool:
    """Whether every dose is taken when needed only: begun on its day, not taken all the time."""
    doses = [*mappings(resource.get("dosageInstruction")), *mappings(resource.get("dosage"))]
    return bool(doses) and all(
        dose.get("asNeededBoolean") is True or bool(dose.get("asNeededCodeableConcept")) for dose in doses
    )


def length_days(medicine: Medicine, until: date) -> int | None:
    """Days that the course surely ran up to `until`; None when one of its ends is not known."""
    if medicine.start is None or medicine.unclear:
        return None
    end = medicine.end.first if medicine.end else (until if medicine.active else None)
    return (min(end, until) - medicine.start.last).days if end else None


@fact("long_term_glucocorticoids", reads=("Condition", *TYPES), needs=("med-corticosteroid-systemic",))
def long_term_glucocorticoids(chart: Chart, _argument: str | None) -> Fact | None:
    """The status code, or a systemic course of at least the policy length, running or recently ended.

    An active order with no end counts from its start: that is how long-term prescriptions are written. One that is
    taken when needed, or for a time that cannot be read, is shown and does not count.
    """
    coded = look(chart, "long_term_glucocorticoids").fact()
    if coded is not None and coded.value is True:
        return coded
    settings = chart.settings
    long_ones: list[tuple[int, Source]] = []
    open_ones: list[Source] = []
    for medicine in taken(chart, ("med-corticosteroid-systemic",)):
        if medicine.unclear or as_needed(medicine.resource):
            open_ones.append(medicine.source)
            continue
        days = length_days(medicine, chart.review_date)
        ended = (chart.review_date - medicine.end.last).days if medicine.end else 0
        if days is not None and days >= settings.long_term_steroid_days and ended <= settings.long_term_steroid_days:
            long_ones.append((days, medicine.source))
    if not long_ones:
        note = "taken when needed, or for a time that is not on record"
        return open_fact(*merged(open_ones), note=note) if open_ones and coded is None else coded
    longest = max(days for days, _ in long_ones)
    sources = merged(source for days, source in long_ones if days == longest)
    rest = (source for _, source in long_ones)
    return Fact.of(True, *merged((*sources, *rest)), limit=chart.limit("long_term_steroid_days", longest))


@fact("immunosuppressant_therapy", reads=("Condition", *TYPES), needs=("med-immunosuppressant",))
def immunosuppressant_therapy(chart: Chart, _argument: str | None) -> Fact | None:
    """An immunosuppressant now, or one that ended within the policy window."""
    coded = look(chart, "immunosuppressant_therapy").fact()
    if coded is not None and coded.value is True:
        return coded
    now = _running(chart, ("med-immunosuppressant",), 0)
    if now:
        return Fact.of(True, *merged(source for _, source in now))
    ended = _running(chart, ("med-immunosuppressant",), chart.settings.ended_immunosuppressant_days)
    if not ended:
        return coded
    limit = chart.limit("ended_immunosuppressant_days", min(days for days, _ in ended))
    return Fact.of(True, *merged(source for _, source in ended), limit=limit)


def _running(chart: Chart, value_sets: tuple[str, ...], days_after: int) -> list[tuple[int, Source]]:
    """The courses that go on, or ended at most so many days ago, each with its days since the end."""
    found = []
    for medicine in taken(chart, value_sets):
        end = medicine.end.last if medicine.end else (chart.review_date if medicine.active else None)
        if end is not None and (chart.review_date - end).days <= days_after:
            found.append((max((chart.review_date - end).days, 0), medicine.source))
    return found


@fact("organ_transplant_on_antirejection", reads=("Condition", "Procedure", *TYPES), needs=("med-antirejection",))
def organ_transplant_on_antirejection(chart: Chart, _argument: str | None) -> Fact | None:
    """A solid organ transplant and anti-rejection medicine now: one of the two is not enough."""
    codes = chart.codes("organ-transplant")
    grafts = [*look(chart, "organ_transplant_on_antirejection").for_it]
    grafts += [source_of(done) for done in chart.coded("Procedure", codes) if usable(done)]
    drugs = [source for _, source in _running(chart, ("med-antirejection",), 0)]
    return Fact.of(True, *merged((*grafts[:2], *drugs))) if grafts and drugs else None
