"""Imaging that was done: what exists of a region, how old it is, whether a result is available, what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import MET, NOT_MET, UNKNOWN
from cds_service.facts.evidence import day_of, member_in, merged, regions_in, source_of
from cds_service.facts.problems import matches
from cds_service.facts.registry import DRAFTED, FLAGGED, IMAGED, fact, open_fact, unreadable
from cds_service.fhir.codes import DICOM, FACT_VALUE, codings
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource, identity, mappings, reference
from cds_service.fhir.regions import SPINAL
from cds_service.fhir.status import usable

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

_DICOM: Final[dict[str, str]] = {
    "CR": "XR", "DX": "XR", "RF": "XR", "CT": "CT", "MR": "MR", "NM": "NM", "PT": "PET", "XA": "XA", "US": "US",
}  # fmt: skip
# The kind of picture behind each modality of the study catalogue.
_KINDS: Final[dict[str, str]] = {
    "XR": "XR", "US": "US", "MR": "MR", "MRA": "MR", "MRS": "MR", "positional MR": "MR", "CT": "CT", "CTA": "CT",
    "CT-myelography": "CT", "cone-beam CT": "CT", "NM": "NM", "SPECT": "SPECT", "SPECT-CT": "SPECT", "PET": "PET",
    "PET-CT": "PET", "PET-MRI": "PET", "XA": "XA",
}  # fmt: skip
ADVANCED: Final = frozenset({"MR", "CT", "NM", "SPECT", "PET", "XA"})
_READS: Final = ("DiagnosticReport", "ImagingStudy")
_SPINAL_ULTRASOUND: Final = "76800"


@dataclass(frozen=True, slots=True)
class Examination:
    """One imaging examination on record. `kind` is "XR", "MR", "CT", ...; `report` is None for pictures alone."""

    kind: str
    regions: frozenset[str]
    day: DayRange | None
    source: Source
    report: Resource | None


def examinations(chart: Chart, kinds: frozenset[str], region: str | None = None) -> list[Examination]:
    """Examinations of these kinds, and of this region when one is given, the newest first; undated ones last."""
    return [
        done
        for done in examinations_on_record(chart)
        if done.kind in kinds and (region is None or matches(region, done.regions))
    ]


def examinations_on_record(chart: Chart) -> list[Examination]:
    """Every examination up to the review date, the newest first; undated ones last."""
    return chart.once(_examinations)


def _examinations(chart: Chart) -> list[Examination]:
    found = [*_reports(chart), *_pictures(chart), *_procedures(chart)]
    found = [done for done in found if done.day is None or done.day.first <= chart.review_date]
    return sorted(found, key=lambda done: done.day.last.toordinal() if done.day else 0, reverse=True)


def _reports(chart: Chart) -> Iterator[Examination]:
    """Reports, recognised by their code, else by the pictures they belong to."""
    if not _is_any_imaging(chart, "DiagnosticReport"):
        return
    for report in chart.record.all("DiagnosticReport"):
        if not usable(report):
            continue
        kind, regions = _coded(chart, report.get("code"))
        for study in _studies_of(chart, report):
            kind = kind or _picture_kind(study)
            regions = regions or regions_in(chart, study)
        if kind:
            day = day_of(chart, report)
            yield Examination(kind, regions or regions_in(chart, report), day, source_of(report, day), report)


def _is_any_imaging(chart: Chart, kind: str) -> bool:
    """Whether any resource of a type may be about imaging. Most charts hold many that are not, and this is all they
    are looked at for."""
    known = chart.studies
    return any(
        "imagingStudy" in resource
        or any(known.coded(*coding) or known.generic(*coding) for coding in chart.record.codes(resource))
        for resource in chart.record.by_type().get(kind, ())
    )


def _studies_of(chart: Chart, report: Resource) -> Iterator[Resource]:
    for pointer in mappings(report.get("imagingStudy")):
        named = reference(pointer)
        study = chart.record.resolve(named, report) if named else None
        if study is not None and study.get("resourceType") == "ImagingStudy":
            yield study


def _pictures(chart: Chart) -> Iterator[Examination]:
    for study in chart.record.all("ImagingStudy"):
        kind = _picture_kind(study)
        if kind is None or not usable(study):
            continue
        day = day_of(chart, study)
        regions = regions_in(chart, study) or _coded(chart, study.get("procedureCode"))[1]
        yield Examination(kind, regions, day, source_of(study, day), None)


def _procedures(chart: Chart) -> Iterator[Examination]:
    """Completed imaging procedures, and orders marked completed whose report is on file."""
    kinds = [kind for kind in ("Procedure", "ServiceRequest") if _is_any_imaging(chart, kind)]
    if not kinds:
        return
    reported = {
        pointer
        for report in chart.record.all("DiagnosticReport")
        if usable(report)
        for pointer in map(reference, mappings(report.get("basedOn")))
    }
    for kind_of_resource in kinds:
        for resource in chart.record.all(kind_of_resource):
            if resource.get("status") != "completed" or resource.get("doNotPerform") is True:
                continue
            if kind_of_resource == "ServiceRequest" and identity(resource) not in reported:
                continue
            kind, regions = _coded(chart, resource.get("code"))
            if kind in ADVANCED:
                day = day_of(chart, resource)
                yield Examination(kind, regions or regions_in(chart, resource), day, source_of(resource, day), None)


def _coded(chart: Chart, concept: object) -> tuple[str | None, frozenset[str]]:
    """Kind and regions of an imaging code by the study catalogue."""
    for system, code in codings(concept):
        entries = chart.studies.coded(system, code)
        if entries:
            regions = frozenset(entries[0].regions or entries[0].study.regions)
            return _KINDS.get(entries[0].study.modality), regions | (SPINAL if "entire_spine" in regions else set())
        generic = chart.studies.generic(system, code)
        if generic:
            return _KINDS.get(generic.modality), frozenset(generic.regions)
    return None, frozenset()


def _picture_kind(study: Resource) -> str | None:
    stated = [*codings(study.get("modality"))]
    for series in mappings(study.get("series")):
        stated.extend(codings(series.get("modality")))
    kinds = [_DICOM[code] for system, code in stated if system == DICOM and code in _DICOM]
    advanced = [kind for kind in kinds if kind in ADVANCED]
    return next(iter(advanced or kinds), None)


# -- plain x-ray ----------------------------------------------------------------------------------------------------


@fact("plain_xray_available", reads=_READS, needs=(IMAGED,), in_episode=True)
def plain_xray_available(chart: Chart, argument: str | None) -> Fact | None:
    """A reported x-ray of the region, taken since the symptoms began; the first day counts.

    False for pictures of this episode without a report: taken, but no result yet.
    """
    close: list[tuple[Source, str]] = []
    pictures: list[Source] = []
    for film in examinations(chart, frozenset({"XR"}), argument):
        placed = chart.episode.since(film.day)
        if placed is MET and film.report is not None:
            return Fact.of(True, film.source)
        if placed is MET:
            pictures.append(film.source)
        elif placed is UNKNOWN:
            close.append((film.source, chart.episode.missing()))
        else:
            close.append((film.source, "taken before the current symptoms began"))
    if pictures:
        return Fact.of(False, *merged(pictures), note="taken, but no report is on file")
    return open_fact(*merged(source for source, _ in close), note=close[0][1]) if close else None


@fact("xray_result", reads=_READS, needs=(IMAGED,), in_episode=True)
def xray_result(chart: Chart, argument: str | None) -> Fact | None:
    """The coded conclusion of the latest x-ray of the region in this episode. Words are shown, never read."""
    films = [film for film in examinations(chart, frozenset({"XR"}), argument) if film.report is not None]
    films = [film for film in films if chart.episode.since(film.day) is not NOT_MET]
    for film in films[:1]:
        code = _own_value(chart, film.report, "xray_result") or _conclusion(chart, film.report)
        if code:
            return Fact.of(code, film.source)
        return open_fact(film.source, note="reported, but the result is not coded")
    return None


_FRACTURES: Final = ("vertebral-compression-fracture", "traumatic-spine-fracture", "sacral-si-fracture")
_ABNORMAL: Final = (
    "spondylolysis", "spondylolisthesis", "scoliosis-any", "kyphosis-any", "spinal-neoplasm", "spinal-infection",
    "spondylosis-uncomplicated", "inflammatory-spondylitis", "congenital-spine-anomaly",
)  # fmt: skip


def _conclusion(chart: Chart, report: Resource | None) -> str | None:
    concluded = (report or {}).get("conclusionCode")
    if any(member_in(chart.codes(name), concluded) for name in _FRACTURES):
        return "fracture"
    return "abnormal" if any(member_in(chart.codes(name), concluded) for name in _ABNORMAL) else None


def _own_value(chart: Chart, report: Resource | None, name: str) -> str | None:
    """A value of our own code system in the conclusion, or in an Observation of the fact that the report links."""
    if report is None:
        return None
    stated = [code for system, code in codings(report.get("conclusionCode")) if system == FACT_VALUE]
    for pointer in mappings(report.get("result")):
        linked = chart.record.resolve(reference(pointer) or "", report)
        if linked is not None and usable(linked) and _speaks_of(linked, name):
            stated.extend(code for system, code in codings(linked.get("valueCodeableConcept")) if system == FACT_VALUE)
    return stated[0] if len(set(stated)) == 1 else None


def _speaks_of(observation: Resource, name: str) -> bool:
    return any(code.partition("(")[0] == name for _, code in codings(observation.get("code")))


# -- advanced imaging -----------------------------------------------------------------------------------------------


def latest_advanced(chart: Chart, region: str | None) -> Examination | None:
    """The newest CT, MRI, nuclear or PET study of the region."""
    return next(iter(examinations(chart, ADVANCED, region)), None)


@fact("prior_advanced_imaging", reads=(*_READS, "Procedure", "ServiceRequest"), needs=(IMAGED,))
def prior_advanced_imaging(chart: Chart, argument: str | None) -> Fact | None:
    done = examinations(chart, ADVANCED, argument)
    return Fact.of(True, *merged(study.source for study in done)) if done else None


@fact("months_since_prior_imaging", reads=(*_READS, "Procedure", "ServiceRequest"), needs=(IMAGED,))
def months_since_prior_imaging(chart: Chart, argument: str | None) -> Fact | None:
    return _since(chart, latest_advanced(chart, argument), "months")


@fact("diagnostic_mri_available", reads=_READS, needs=(IMAGED,), in_episode=True)
def diagnostic_mri_available(chart: Chart, argument: str | None) -> Fact | None:
    """A reported MRI of the region in this episode."""
    return _in_episode(chart, [study for study in examinations(chart, frozenset({"MR"}), argument) if study.report])


def _in_episode(chart: Chart, studies: list[Examination]) -> Fact | None:
    """Whether one of these studies was done since the symptoms began. Open with those that may have been."""
    placed = [(study.source, chart.episode.since(study.day)) for study in studies]
    done = [source for source, since in placed if since is MET]
    if done:
        return Fact.of(True, done[0])
    close = [source for source, since in placed if since is UNKNOWN]
    return open_fact(*merged(close), note=chart.episode.missing()) if close else None


@fact("mri_nondiagnostic", reads=_READS, needs=(IMAGED,), in_episode=True)
def mri_nondiagnostic(chart: Chart, argument: str | None) -> Fact | None:
    return _nondiagnostic(chart, "MR", argument, "mri_nondiagnostic")


@fact("ct_nondiagnostic", reads=_READS, needs=(IMAGED,), in_episode=True)
def ct_nondiagnostic(chart: Chart, argument: str | None) -> Fact | None:
    return _nondiagnostic(chart, "CT", argument, "ct_nondiagnostic")


_UNDECIDED: Final = frozenset({"equivocal", "nondiagnostic", "indeterminate", "inconclusive"})


def _nondiagnostic(chart: Chart, kind: str, region: str | None, name: str) -> Fact | None:
    """What the coded conclusion of the latest reported study says of it."""
    studies = [study for study in examinations(chart, frozenset({kind}), region) if study.report is not None]
    for study in studies[:1]:
        said = _own_value(chart, study.report, name)
        if said is not None and chart.episode.since(study.day) is not NOT_MET:
            return Fact.of(said in _UNDECIDED, study.source)
    return None


@fact("xray_or_ct_suspicious_for_infection", reads=_READS, needs=(IMAGED,))
def xray_or_ct_suspicious_for_infection(chart: Chart, _argument: str | None) -> Fact | None:
    """A coded conclusion of spinal infection on an x-ray or CT of this episode."""
    codes = chart.codes("spinal-infection")
    for study in examinations(chart, frozenset({"XR", "CT"})):
        concluded = (study.report or {}).get("conclusionCode")
        if member_in(codes, concluded) and chart.episode.since(study.day) is not NOT_MET:
            return Fact.of(True, study.source)
    return None


@fact("new_compression_fracture_on_xray", reads=_READS, needs=(IMAGED,), in_episode=True)
def new_compression_fracture_on_xray(chart: Chart, _argument: str | None) -> Fact | None:
    """A coded vertebral fracture in the conclusion of an x-ray of this episode. A diagnosis alone is no x-ray."""
    codes = chart.codes("vertebral-compression-fracture")
    films = examinations(chart, frozenset({"XR"}))
    return _in_episode(chart, [film for film in films if member_in(codes, (film.report or {}).get("conclusionCode"))])


@fact("spect_result", reads=_READS, needs=(IMAGED,))
def spect_result(chart: Chart, _argument: str | None) -> Fact | None:
    """The coded result of the latest SPECT of the lumbar spine."""
    done = [
        study
        for study in examinations(chart, frozenset({"SPECT"}))
        if study.report is not None and (not study.regions or not study.regions.isdisjoint({"lumbar", "whole_body"}))
    ]
    return _result(chart, done, "spect_result")


@fact("spinal_ultrasound_result", reads=("DiagnosticReport",), needs=(IMAGED,))
def spinal_ultrasound_result(chart: Chart, _argument: str | None) -> Fact | None:
    """The coded result of the latest ultrasound of the spinal canal."""
    return _result(chart, _spinal_ultrasounds(chart), "spinal_ultrasound_result")


def _result(chart: Chart, done: list[Examination], name: str) -> Fact | None:
    """A report without a coded result is unreadable: reading it as "none was done" would ask for a second one."""
    for study in done[:1]:
        code = _own_value(chart, study.report, name)
        if code:
            return Fact.of(code, study.source)
        return unreadable(study.source, note="a report is on file, but its result is not coded")
    return None


@fact("weeks_since_spinal_ultrasound", reads=("DiagnosticReport",), needs=(IMAGED,))
def weeks_since_spinal_ultrasound(chart: Chart, _argument: str | None) -> Fact | None:
    return _since(chart, next(iter(_spinal_ultrasounds(chart)), None), "weeks")


def _spinal_ultrasounds(chart: Chart) -> list[Examination]:
    return [
        study
        for study in examinations(chart, frozenset({"US"}))
        if study.report is not None
        and any(
            entry.study.cpt == _SPINAL_ULTRASOUND
            for system, code in codings(study.report.get("code"))
            for entry in chart.studies.coded(system, code)
        )
    ]


@fact("months_since_renal_ultrasound", reads=("DiagnosticReport", "Procedure"), needs=("renal-ultrasound",))
def months_since_renal_ultrasound(chart: Chart, _argument: str | None) -> Fact | None:
    codes = chart.codes("renal-ultrasound")
    done = [
        Examination("US", frozenset(), day, source_of(resource, day), None)
        for kind in ("DiagnosticReport", "Procedure")
        for resource in chart.coded(kind, codes)
        if usable(resource) and (day := day_of(chart, resource)) is not None and day.first <= chart.review_date
    ]
    done.sort(key=lambda study: study.day.last if study.day else chart.review_date, reverse=True)
    return _since(chart, next(iter(done), None), "months")


def _since(chart: Chart, study: Examination | None, unit: str) -> Fact | None:
    """Time from a study to the review date; a Range for a partial date."""
    if study is None:
        return None
    if study.day is None:
        return open_fact(study.source, note="its date is not on record")
    if unit == "months":
        value = study.day.months_until(chart.review_date)
    else:
        days = study.day.days_until(chart.review_date)
        value = Range(days.low / 7, days.high / 7) if isinstance(days, Range) else days / 7
    if isinstance(value, Range):
        value = Range(max(value.low, 0.0), value.high)
    return Fact.of(value, study.source, since=study.day.last)


@fact("order_flag(si_joint_imaging_together)", reads=_READS, needs=(FLAGGED, DRAFTED, IMAGED), in_episode=True)
def si_joint_imaging_together(chart: Chart, _argument: str | None) -> Fact | None:
    """Sacroiliac joints: drafted beside the spine study, flagged on the order, or imaged since the symptoms began."""
    if "si_joint_imaging_together" in chart.order.flags:
        return Fact.of(True, chart.order_source)
    if SPINAL.isdisjoint(chart.order.regions) and "entire_spine" not in chart.order.regions:
        return None
    beside = [draft for draft in chart.drafts if draft.study.advanced and "pelvis" in draft.regions]
    if beside:
        return Fact.of(True, *merged(map(chart.source_of_order, beside)))
    return _in_episode(chart, [study for study in examinations(chart, ADVANCED, "pelvis") if study.report])
