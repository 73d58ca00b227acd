"""What we make of a code: the value sets that hold it, the facts it can settle, the studies it names.

Facts are found by trying: the code is put into an otherwise empty chart, in every place where a record system may keep
it, and what can then be read is compared with the same chart holding a code nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from cds_service.core.criterion import fact_tests
from cds_service.core.fact import Fact
from cds_service.core.order import ImagingOrder
from cds_service.core.value_set import CodeSet, Member
from cds_service.facts.chart import Chart
from cds_service.facts.episode import PRESENTATIONS
from cds_service.facts.problems import TABLE
from cds_service.facts.registry import REGISTRY
from cds_service.facts.sheet import FactSheet
from cds_service.fhir.codes import CPT, FACT, codings, read_coding
from cds_service.fhir.record import PatientRecord
from cds_service.guidelines import strict_yaml, value_sets
from cds_service.guidelines.load import DATA, Guidelines
from cds_service.guidelines.studies import CodeEntry, GenericCode

Coding = tuple[str, str]

TRIED_ON: Final = date(2026, 6, 1)
_BEGAN: Final = TRIED_ON - timedelta(days=42)
_EVENT: Final = TRIED_ON - timedelta(days=14)
_NOBODY_KNOWS: Final = "ZZZ-0"
_SUBJECT: Final = {"reference": "Patient/p"}

# Every place in which a code is tried: the words for it, and the resource around the concept.
_PLACES: Final[dict[str, Mapping[str, Any]]] = {
    "problem": {"resourceType": "Condition", "onsetDateTime": str(_EVENT)},
    "reason of the order": {"resourceType": "ServiceRequest"},
    "reason of a visit": {"resourceType": "Encounter", "status": "finished", "period": {"start": str(_EVENT)}},
    "visit": {"resourceType": "Encounter", "status": "finished", "period": {"start": str(_EVENT)}},
    "finding seen": {
        "resourceType": "Observation", "status": "final", "effectiveDateTime": str(_EVENT), "valueBoolean": True,
    },
    "value of an observation": {"resourceType": "Observation", "status": "final", "effectiveDateTime": str(_EVENT)},
    "procedure done": {"resourceType": "Procedure", "status": "completed", "performedDateTime": str(_EVENT)},
    "report": {"resourceType": "DiagnosticReport", "status": "final", "effectiveDateTime": str(_EVENT)},
    "conclusion of a report": {"resourceType": "DiagnosticReport", "status": "final", "effectiveDateTime": str(_EVENT)},
    "pictures": {"resourceType": "ImagingStudy", "status": "available", "started": str(_EVENT)},
    "medicine": {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": str(_EVENT)},
    "device": {"resourceType": "Device", "status": "active"},
    "order under way": {"resourceType": "ServiceRequest", "status": "active", "intent": "order"},
}  # fmt: skip
# Where the concept stands in places that do not call it `code`.
_ELEMENTS: Final = {
    "visit": "type",
    "pictures": "procedureCode",
    "medicine": "medicationCodeableConcept",
    "device": "type",
    "reason of a visit": "reasonCode",
    "value of an observation": "valueCodeableConcept",
    "conclusion of a report": "conclusionCode",
}
_LISTS: Final = frozenset({"reasonCode", "conclusionCode", "procedureCode"})


@dataclass(frozen=True, slots=True)
class Held:
    """A value set that holds the code. `member` covers it; `sources` say where that was checked, with the date."""

    value_set: CodeSet
    member: Member
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fed:
    """A fact that the code can bear on. `settles` are the places in which it decides the fact alone, `why_not` what
    is missing in those where it only comes close."""

    ref: str
    settles: tuple[str, ...] = ()
    why_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """`held`, `studies`, `generic`, `fed` and `fact` are all empty for a code that nothing here knows."""

    coding: Coding
    held: tuple[Held, ...]
    studies: tuple[tuple[CodeEntry, tuple[str, ...]], ...]
    generic: GenericCode | None
    fed: tuple[Fed, ...]
    derived: tuple[str, ...]
    begins_episode: bool
    fact: str | None

    @property
    def known(self) -> bool:
        return bool(self.held or self.studies or self.generic or self.fact)


def is_known(coding: Coding, guidelines: Guidelines) -> bool:
    """Whether a (canonical system, code) means anything to us. Costs two look-ups; safe for every code of a chart."""
    system, code = coding
    if system == FACT:
        return code.partition("(")[0] in guidelines.vocabulary
    return bool(
        guidelines.value_sets.holding(coding)
        or guidelines.studies.coded(system, code)
        or guidelines.studies.generic(system, code)
    )


def read_name(name: str, guidelines: Guidelines) -> tuple[Coding, ...]:
    """The codings meant by "SYSTEM|CODE" or by a bare code, which may stand in several systems that we know it in.

    SYSTEM is a URI, an OID, or a short name of `value_sets/sources.yaml` ("icd10cm").
    """
    system, bar, code = name.strip().rpartition("|")
    short = _names()[0]
    if bar:
        coding = read_coding({"system": short.get(system.lower(), system), "code": code})
        return (coding,) if coding else ()
    tried = (read_coding({"system": uri, "code": code}) for uri in (*short.values(), FACT))
    return tuple(coding for coding in dict.fromkeys(tried) if coding and is_known(coding, guidelines))


def explain(coding: Coding, guidelines: Guidelines) -> Explained:
    """Everything that is known of one code. Takes a second: every fact is read in every place."""
    held = tuple(_held(coding, guidelines))
    fed = tuple(_fed(coding, held, guidelines)) if is_known(coding, guidelines) else ()
    names = {each.ref.partition("(")[0] for each in fed}
    system, code = coding
    return Explained(
        coding=coding,
        held=held,
        studies=tuple((entry, _study_sources(entry, coding)) for entry in guidelines.studies.coded(system, code)),
        generic=guidelines.studies.generic(system, code),
        fed=fed,
        derived=tuple(_derived(names, guidelines)),
        begins_episode=any(found.value_set.id in PRESENTATIONS and not found.member.weak for found in held),
        fact=code if system == FACT and is_known(coding, guidelines) else None,
    )


def _held(coding: Coding, guidelines: Guidelines) -> Iterator[Held]:
    for name in guidelines.value_sets.holding(coding):
        code_set = guidelines.value_sets[name]
        member = code_set.member(*coding)
        if member is not None:
            yield Held(code_set, member, tuple(_names()[1].get(source, source) for source in member.sources))


def _fed(coding: Coding, held: tuple[Held, ...], guidelines: Guidelines) -> Iterator[Fed]:
    settles: dict[str, list[str]] = {}
    close: dict[str, dict[str, None]] = {}
    refs = list(_refs(guidelines))
    for place in _PLACES:
        with_code = _sheet(place, coding, guidelines)
        without = _sheet(place, (coding[0], _NOBODY_KNOWS), guidelines)
        for ref in refs:
            found, before = with_code.read(ref), without.read(ref)
            if _alike(found, before) or _is_itself(found, coding):
                continue
            if found.known:
                settles.setdefault(ref, []).append(place)
            elif found.note:
                close.setdefault(ref, {})[f"as {place}: {found.note}"] = None
    listed = dict.fromkeys(_listed(held))
    tried = {name for ref in (*settles, *close) for name in (ref, ref.partition("(")[0])}
    for ref in dict.fromkeys((*refs, *listed)):
        if ref in settles or ref in close or (ref in listed and ref not in tried):
            yield Fed(ref, tuple(settles.get(ref, ())), tuple(close.get(ref, ())))


def _listed(held: tuple[Held, ...]) -> Iterator[str]:
    """The facts whose table of problems names one of these value sets."""
    sets = {found.value_set.id for found in held}
    yield from (ref for ref, rows in TABLE.items() for row in rows if not sets.isdisjoint(row.sets))


def _alike(found: Fact, before: Fact) -> bool:
    return (found.value, found.why, found.note) == (before.value, before.why, before.note)


def _is_itself(found: Fact, coding: Coding) -> bool:
    """Whether a fact only repeats the code, as the reasons of an order do."""
    return isinstance(found.value, tuple) and coding[1] in found.value


def _refs(guidelines: Guidelines) -> Iterator[str]:
    """Every fact that is read from charts, with each of its arguments. Some derived ones can be coded, too."""
    for definition in guidelines.vocabulary.values():
        if definition.defined_as is None or definition.id in REGISTRY:
            yield from [f"{definition.id}({argument})" for argument in definition.arguments] or [definition.id]


def _sheet(place: str, coding: Coding, guidelines: Guidelines) -> FactSheet:
    """The facts of an adult whose symptoms began six weeks ago, with the code in one place two weeks ago."""
    concept = {"coding": [{"system": coding[0], "code": coding[1]}]}
    resource = {**_PLACES[place], "id": "tried", "subject": _SUBJECT}
    order: dict[str, Any] = {"resourceType": "ServiceRequest", "id": "order", "subject": _SUBJECT}
    if place == "reason of the order":
        order["reasonCode"] = [concept]
    else:
        element = _ELEMENTS.get(place, "code")
        resource[element] = [concept] if element in _LISTS else concept
    onset = {
        "resourceType": "QuestionnaireResponse", "id": "onset", "status": "completed", "authored": str(TRIED_ON),
        "item": [{"linkId": "episode_onset_date", "answer": [{"valueDate": str(_BEGAN)}]}],
    }  # fmt: skip
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"}
    resources: list[dict[str, Any]] = [patient, onset]
    if place != "reason of the order":
        resources.append(resource)
    chart = Chart(
        record=PatientRecord.build("p", resources),
        order=_order(order, guidelines),
        review_date=TRIED_ON,
        value_sets=guidelines.value_sets,
        studies=guidelines.studies,
    )
    return FactSheet(chart, guidelines.vocabulary)


def _order(resource: dict[str, Any], guidelines: Guidelines) -> ImagingOrder:
    study = guidelines.studies.with_key("72148")[0]
    return ImagingOrder(
        reference="ServiceRequest/order",
        study=study,
        code=study.cpt,
        contrast="without",
        regions=study.regions,
        review_date=TRIED_ON,
        units=1.0,
        reasons=tuple(codings(resource.get("reasonCode"))),
        has_reason=True,
        flags=frozenset(),
        recognised_by="coding",
        resource=resource,
    )


def _derived(names: set[str], guidelines: Guidelines) -> Iterator[str]:
    """The other facts whose definition names one of these."""
    for definition in guidelines.vocabulary.values():
        if definition.defined_as is not None and definition.id not in names:
            if any(test.fact in names for test in fact_tests(definition.defined_as)):
                yield definition.id


def _study_sources(entry: CodeEntry, coding: Coding) -> tuple[str, ...]:
    named = _study_codes().get((entry.study.id, *coding), ())
    return tuple(_names()[1].get(source, source) for source in named)


@cache
def _names() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """(short name -> URI of the code systems, id -> text of the sources)."""
    read = strict_yaml.read(value_sets.FOLDER / value_sets.SOURCES)
    return dict(read.mapping("systems")), dict(read.mapping("sources"))


@cache
def _study_codes(path: Path = DATA / "studies.yaml") -> Mapping[tuple[str, str, str], tuple[str, ...]]:
    """(study, system, code) -> ids of the sources."""
    read = strict_yaml.read(path)
    systems = read.mapping("systems")
    return {
        (study["id"], systems[coded["system"]], coded["code"]): coded.texts("source")
        for study in read.mappings("studies")
        for coded in study.mappings("codes")
    }


def in_words(explained: Explained) -> str:
    """The explanation as lines of text."""
    return "\n".join(_lines(explained))


def _lines(explained: Explained) -> Iterator[str]:
    system, code = explained.coding
    yield f"{code}  {short_name(system)}"
    if not explained.known:
        yield "  unmapped: no value set holds it, no study is known by it. It is counted, and never guessed at."
        return
    if explained.fact:
        yield f"  states the fact {explained.fact} itself"
    for held in explained.held:
        yield f"  value set {held.value_set.id} ({held.value_set.title}): {_member_words(held.member)}"
        yield from (f"    source: {source}" for source in held.sources)
    for entry, sources in explained.studies:
        yield f"  study {entry.study.id} ({entry.study.label}): {_study_words(entry)}"
        yield from (f"    source: {source}" for source in sources)
    if explained.generic:
        regions = ", ".join(explained.generic.regions)
        yield f"  modality and region only ({explained.generic.label}): {explained.generic.modality}, {regions}"
    for fed in explained.fed:
        yield f"  fact {fed.ref}" + (f": settled by it as {', '.join(fed.settles)}" if fed.settles else "")
        yield from (f"    not alone {reason}" for reason in fed.why_not)
        if not fed.settles and not fed.why_not:
            yield "    only together with other evidence"
    if explained.derived:
        yield f"  and through these: {', '.join(explained.derived)}"
    if explained.begins_episode:
        yield "  as a current problem, its onset tells when the symptoms began (episode_onset_date)"


def _member_words(member: Member) -> str:
    words = [member.label, f"listed as {member.code}" + (" and below" if member.below else "")]
    if member.weak:
        words.append("weak: never enough alone")
    if member.needs:
        words.append(f"counts only with its {member.needs.replace('_', ' ')}")
    if member.regions:
        words.append(f"says the region: {', '.join(member.regions)}")
    if member.means:
        words.append(f"means {member.means}")
    return "; ".join(words)


def _study_words(entry: CodeEntry) -> str:
    contrast = (entry.contrast or "not said by the code").replace("_", " ")
    words = [f"{entry.study.modality} of {', '.join(entry.regions or entry.study.regions)}", f"contrast: {contrast}"]
    if entry.shared:
        words.append("shared with other organs: reviewed only for a spinal reason")
    return "; ".join(words)


def short_name(system: str) -> str:
    """ "icd10cm" for its URI; a system without a short name as it is."""
    return next((name for name, uri in _names()[0].items() if uri == system), "cpt" if system == CPT else system)
