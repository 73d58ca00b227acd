"""Visits: whether the patient was seen for this problem, how, and again after the treatment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET
from cds_service.facts.episode import fits_order
from cds_service.facts.evidence import day_of, merged, regions_in, source_of
from cds_service.facts.medicines import SPINE_REASONS
from cds_service.facts.registry import SEEN, TREATED, fact, open_fact
from cds_service.facts.treatment import trial
from cds_service.fhir.codes import ACT_CODE, CPT, HCPCS, code_values, codings
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource, identity, mapping, mappings, reference, text
from cds_service.fhir.regions import code_regions
from cds_service.fhir.status import Verification, usable, verification

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

IN_PERSON: Final = "in_person"
# What a child is seen for beside pain: the skin over the spine, growth, and malformations.
_GROWING: Final = (
    "sacral-dimple", "cutaneous-back-marker", "spina-bifida-open", "spina-bifida-occulta", "tethered-cord",
    "congenital-spinal-cord-malformation", "congenital-spine-anomaly", "syringomyelia", "chiari",
    "anorectal-malformation", "scoliosis-idiopathic", "scoliosis-congenital", "scheuermann", "long-tract-signs",
    "sensory-disturbance", "motor-weakness", "foot-drop", "urinary-retention", "torticollis",
)  # fmt: skip
ABOUT_THE_SPINE: Final = SPINE_REASONS.union(_GROWING)
_VIRTUAL: Final = frozenset({"encounter-class-virtual"})
_IN_PERSON_CLASSES: Final = frozenset({"encounter-class-in-person"})
_IN_PERSON_TYPES: Final = frozenset({"encounter-type-in-person"})
# How a code says how the patient was seen: by a type of visit, a modifier or a place of service of the claim.
_REMOTE: Final = "encounter-type-telehealth"
_VIRTUAL_PLACES: Final = frozenset({"vi", "vr", "virtual"})
_PLACES_OF_SERVICE: Final = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
_NAMES_PLACES: Final = re.compile(r"place[-_ ]?of[-_ ]?service|service-?place|\.113883\.6\.50$", re.IGNORECASE)
_WITH_MODIFIERS: Final = re.compile(r"(\d{5}|[A-Z]\d{4})((?:[-\s,:./]*[A-Z0-9]{2})+)")
_NO_EVALUATION: Final = frozenset({"encounter-type-no-evaluation", "proc-physical-therapy", "proc-spinal-manipulation"})
_CLINICAL: Final = frozenset({"encounter-type-in-person", _REMOTE})
# Sections of CPT: imaging, laboratory, vaccines.
_NO_VISIT_CODES: Final = ((70010, 79999), (80047, 89398), (90476, 90759))
_CLINICIANS: Final = ("Practitioner/", "PractitionerRole/")


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit for this problem. `mode` is "in_person", "telephone", ..., None when nothing says it."""

    mode: str | None
    day: DayRange | None
    this_one: bool
    source: Source


def visits(chart: Chart) -> list[Visit]:
    """Visits for this problem up to the review date, the newest first; always the one of the order."""
    return chart.once(_sorted_visits)


def _sorted_visits(chart: Chart) -> list[Visit]:
    return sorted(_visits(chart), key=lambda visit: visit.day.last.toordinal() if visit.day else 0, reverse=True)


def _visits(chart: Chart) -> Iterator[Visit]:
    made_in = _diagnoses_by_visit(chart)
    for encounter in chart.record.all("Encounter"):
        # Most visits were for something else: that is asked first.
        this_one = is_this_visit(chart, encounter)
        if not (this_one or _about_this_problem(chart, encounter, made_in.get(identity(encounter), []))):
            continue
        day = day_of(chart, encounter)
        if not usable(encounter) or (day is not None and day.first > chart.review_date):
            continue
        if not (_may_evaluate(chart, encounter) and _by_clinician(encounter)):
            continue
        yield Visit(mode_of(chart, encounter), day, this_one, source_of(encounter, day))


def _diagnoses_by_visit(chart: Chart) -> dict[str, list[Resource]]:
    """Problems that name the visit in which they were made, by "Encounter/id"."""
    found: dict[str, list[Resource]] = {}
    for condition in chart.record.by_type().get("Condition", ()):
        if "encounter" not in condition:
            continue
        named = reference(condition.get("encounter"))
        visit = chart.record.resolve(named, condition) if named else None
        if visit is not None:
            found.setdefault(identity(visit), []).append(condition)
    return found


def is_this_visit(chart: Chart, encounter: Resource) -> bool:
    """Whether the order is written in this visit."""
    named = reference(chart.order.resource.get("encounter"))
    own_id = encounter.get("id")
    if named is not None and chart.record.resolve(named, chart.order.resource) is encounter:
        return True
    return own_id is not None and own_id == chart.record.encounter_id


def _by_clinician(encounter: Resource) -> bool:
    """False only when the participants are named and none of them is a clinician."""
    named = [reference(mapping(found.get("individual"))) for found in mappings(encounter.get("participant"))]
    known = [name for name in named if name]
    return not known or any(part in name for name in known for part in _CLINICIANS)


def _may_evaluate(chart: Chart, encounter: Resource) -> bool:
    """False for a session of therapy and for visits of nurses, laboratories, imaging and vaccination, whatever codes of
    its own a clinic adds. One that is also coded as a visit with a clinician is such a visit."""
    keys = _types(encounter)
    clinical = any(chart.is_in_any(key, _CLINICAL) for key in keys if not _is_of_claim(key))
    return clinical or not any(_without_clinician(chart, key) for key in keys)


def _without_clinician(chart: Chart, key: tuple[str, str]) -> bool:
    system, code = key
    if chart.is_in_any(key, _NO_EVALUATION) or chart.study_regions(system, code):
        return True
    number = int(code) if system == CPT and code.isdigit() else 0
    return any(first <= number <= last for first, last in _NO_VISIT_CODES)


def _is_of_claim(key: tuple[str, str]) -> bool:
    """Whether a code is a modifier or a place of service, which says how a visit took place but not what it was."""
    return len(key[1]) == len("95")


def mode_of(chart: Chart, encounter: Resource) -> str | None:
    """Telehealth is looked for first: an ambulatory class may be a video visit."""
    classes = set(codings(encounter.get("class"))) | {
        (ACT_CODE, code.upper()) for code in code_values(encounter.get("class"))
    }
    types = _types(encounter)
    for member in chart.codes(_REMOTE).members_among(types):
        return member.means or "telemedicine"
    if any(chart.is_in_any(key, _VIRTUAL) for key in classes) or _in_virtual_place(chart, encounter):
        return "telemedicine"
    if any(chart.is_in_any(key, _IN_PERSON_CLASSES) for key in classes):
        return IN_PERSON
    return IN_PERSON if any(chart.is_in_any(key, _IN_PERSON_TYPES) for key in types) else None


def _in_virtual_place(chart: Chart, encounter: Resource) -> bool:
    for stay in mappings(encounter.get("location")):
        place = chart.record.resolve(reference(stay.get("location")) or "", encounter) or {}
        kinds = [concept for where in (stay, place) for concept in (where.get("physicalType"), where.get("form"))]
        if any(not _VIRTUAL_PLACES.isdisjoint(code_values(kind)) for kind in kinds):
            return True
        if any(key in chart.codes(_REMOTE) for key in _normal(place.get("type"))):
            return True
    return False


def _types(encounter: Resource) -> list[tuple[str, str]]:
    return [*_normal(encounter.get("type")), *_normal(encounter.get("serviceType"))]


def _normal(concept: object) -> list[tuple[str, str]]:
    """The codings of a kind of visit. Modifiers written behind a code ("99213-95") are codes of their own, and places
    of service are under one name. Two characters without a system can be nothing else than one of the two."""
    found: list[tuple[str, str]] = []
    for key in codings(concept):
        system, code = key
        if _NAMES_PLACES.search(system):
            found.append((_PLACES_OF_SERVICE, code.zfill(2)))
            continue
        if "modifier" in system.lower():
            found.append(_modifier(code))
            continue
        shape = _WITH_MODIFIERS.fullmatch(code) if system in (CPT, HCPCS) else None
        if shape is not None:
            code = shape[1]
            found += [_modifier(part) for part in re.findall(r"[A-Z0-9]{2}", shape[2])]
        system = CPT if system == HCPCS and code.isdigit() else system
        found.append((system, code))
    for item in mappings(concept):
        for coding in mappings(item.get("coding")):
            bare = text(coding.get("code"))
            if bare is not None and len(bare) == len("95") and text(coding.get("system")) is None:
                found += [_modifier(bare.upper()), (_PLACES_OF_SERVICE, bare)]
    return found


def _modifier(code: str) -> tuple[str, str]:
    return (CPT if code.isdigit() else HCPCS, code)


def _about_this_problem(chart: Chart, encounter: Resource, made_there: list[Resource]) -> bool:
    """Whether a coded reason or diagnosis is of the spine, and not of another region than the one ordered."""
    for system, code in codings(encounter.get("reasonCode")):
        if _spinal(chart, [(system, code)]) and fits_order(chart, code_regions(system, code)):
            return True
    return any(
        _spinal(chart, chart.record.codes(condition)) and fits_order(chart, regions_in(chart, condition))
        for condition in (*_diagnoses(chart, encounter), *made_there)
        if verification(condition) is not Verification.REFUTED
    )


def _spinal(chart: Chart, keys: Iterable[tuple[str, str]]) -> bool:
    return any(chart.is_in_any(key, ABOUT_THE_SPINE) for key in keys)


def _diagnoses(chart: Chart, encounter: Resource) -> Iterator[Resource]:
    pointers = [mapping(found.get("condition")) for found in mappings(encounter.get("diagnosis"))]
    for pointer in (*pointers, *mappings(encounter.get("reasonReference"))):
        named = chart.record.resolve(reference(pointer) or "", encounter)
        if named is not None and named.get("resourceType") == "Condition":
            yield named


@fact("in_person_evaluation", reads=("Encounter", "Condition"), needs=(SEEN,))
def in_person_evaluation(chart: Chart, _argument: str | None) -> Fact | None:
    """Seen face to face for this problem since it began. The visit in which the order is written counts."""
    close: list[tuple[Source, str]] = []
    for visit in visits(chart):
        if visit.mode != IN_PERSON:
            continue
        placed = MET if visit.this_one else chart.episode.since(visit.day)
        if placed is MET:
            return Fact.of(True, visit.source)
        old = placed is NOT_MET
        close.append((visit.source, "seen before the current symptoms began" if old else chart.episode.missing()))
    return open_fact(*merged(source for source, _ in close), note=close[0][1]) if close else None


@fact("days_since_in_person_evaluation", reads=("Encounter", "Condition"), needs=(SEEN,))
def days_since_in_person_evaluation(chart: Chart, _argument: str | None) -> Fact | None:
    """Days from the latest visit face to face for this problem; not from one before it began."""
    for visit in visits(chart):
        if visit.mode != IN_PERSON:
            continue
        if visit.day is None:
            return Fact.of(0.0, visit.source) if visit.this_one else None
        if visit.this_one or chart.episode.since(visit.day) is not NOT_MET:
            days = visit.day.days_until(chart.review_date)
            value = Range(max(days.low, 0.0), days.high) if isinstance(days, Range) else max(days, 0.0)
            return Fact.of(value, visit.source, since=visit.day.last)
    return None


@fact("evaluation_mode", reads=("Encounter", "Condition"), needs=(SEEN,))
def evaluation_mode(chart: Chart, _argument: str | None) -> Fact | None:
    """How the patient was seen for this problem; face to face once is enough."""
    since = [visit for visit in visits(chart) if visit.this_one or chart.episode.since(visit.day) is not NOT_MET]
    known = [visit for visit in since if visit.mode is not None]
    best = next((visit for visit in known if visit.mode == IN_PERSON), next(iter(known), None))
    return Fact.of(best.mode, best.source) if best is not None and best.mode is not None else None


@fact(
    "clinical_reevaluation",
    reads=("Encounter", "Condition", "Communication", "Procedure", "MedicationRequest"),
    needs=(TREATED,),
)
def clinical_reevaluation(chart: Chart, _argument: str | None) -> Fact | None:
    """A visit of any kind, or a completed message, after a treatment that began before it and has run its course.

    Sessions of therapy are treatment and are not read here. Without dated treatment there is nothing to come after.
    """
    course = trial(chart)
    if course is None:
        return None
    end = min(course.end, chart.review_date)
    contacts = [(visit.day, visit.source) for visit in visits(chart)]
    contacts += list(_messages(chart))
    for day, source in contacts:
        if day is not None and day.first >= end and day.first > course.start:
            return Fact.of(True, source)
    return None


def _messages(chart: Chart) -> Iterator[tuple[DayRange | None, Source]]:
    """Completed messages, those with a coded reason only when it is of the spine."""
    for message in chart.record.all("Communication"):
        if message.get("status") != "completed":
            continue
        reasons = list(codings(message.get("reasonCode")))
        if reasons and not _spinal(chart, reasons):
            continue
        day = day_of(chart, message)
        if day is not None and day.first <= chart.review_date:
            yield day, source_of(message, day)
