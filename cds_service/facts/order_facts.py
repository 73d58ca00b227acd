"""What the order itself says: study, region, contrast, reasons, and its relation to the other drafts."""

from __future__ import annotations

from typing import Final

from cds_service.core.fact import Fact
from cds_service.core.order import ImagingOrder
from cds_service.facts.chart import Chart
from cds_service.facts.evidence import merged
from cds_service.facts.registry import ANSWERS, DRAFTED, FLAGGED, fact
from cds_service.fhir.codes import ICD10CM

_CT: Final = frozenset({"CT", "CT-myelography"})
_INTRAOPERATIVE: Final = "us_intraoperative_guidance"
_SPINAL: Final = frozenset({"cervical", "thoracic", "lumbar"})

# Declared reasons: the question is put when every reason of the order is of these value sets.
_QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "fibromyalgia": ("fibromyalgia",),
    "hemangioma": ("vertebral-hemangioma",),
    "calcified_lesion": ("opll-calcified-lesion",),
    "degenerative_disc_root_or_fracture": (
        "disc-disorder",
        "spondylosis-uncomplicated",
        "radiculopathy-cervical",
        "radiculopathy-thoracic",
        "radiculopathy-lumbar",
        "radiculopathy-any",
        "vertebral-compression-fracture",
    ),
    "disc_cord_or_root_disorder": (
        "disc-disorder",
        "myelopathy",
        "radiculopathy-cervical",
        "radiculopathy-thoracic",
        "radiculopathy-lumbar",
        "radiculopathy-any",
        "spinal-stenosis-any",
    ),
    "dysraphism_screening": ("sacral-dimple", "cutaneous-back-marker", "spina-bifida-occulta"),
}


@fact("requested_cpt", reads=())
def requested_cpt(chart: Chart, _argument: str | None) -> Fact | None:
    code = chart.order.code or chart.order.study.cpt
    return Fact.of(code, chart.order_source) if code else None


@fact("requested_region", reads=())
def requested_region(chart: Chart, _argument: str | None) -> Fact | None:
    regions = chart.order.regions
    if not regions:
        return None
    return Fact.of(regions[0] if len(regions) == 1 else regions, chart.order_source)


@fact("requested_contrast", reads=())
def requested_contrast(chart: Chart, _argument: str | None) -> Fact | None:
    """None when neither code nor order detail says it."""
    return Fact.of(chart.order.contrast, chart.order_source) if chart.order.contrast else None


@fact("requested_units", reads=())
def requested_units(chart: Chart, _argument: str | None) -> Fact | None:
    """Units of this order, and of other drafts of the same study for the same session."""
    twins = [draft for draft in chart.drafts if draft.study.id == chart.order.study.id]
    return Fact.of(float(chart.order.units + sum(twin.units for twin in twins)), chart.order_source)


@fact("icd10_reason_code", reads=())
def icd10_reason_code(chart: Chart, _argument: str | None) -> Fact | None:
    """Every ICD-10-CM reason of the order, with dot and in capitals."""
    codes = tuple(dict.fromkeys(dotted(code) for system, code in chart.order.reasons if system == ICD10CM))
    return Fact.of(codes, chart.order_source) if codes else None


def dotted(code: str) -> str:
    plain = code.replace(".", "").strip().upper()
    return f"{plain[:3]}.{plain[3:]}" if len(plain) > 3 else plain


@fact("intraoperative_use", reads=ANSWERS)
def intraoperative_use(chart: Chart, _argument: str | None) -> Fact | None:
    order = chart.order
    said = order.study.id == _INTRAOPERATIVE or "intraoperative_use" in order.flags
    return Fact.of(True, chart.order_source) if said else None


@fact("order_flag", reads=ANSWERS, needs=(FLAGGED, DRAFTED))
def order_flag(chart: Chart, argument: str | None) -> Fact | None:
    """An attribute that the code, the order detail or the other drafts show. What nothing shows is not denied."""
    order = chart.order
    if argument in order.flags:
        return Fact.of(True, chart.order_source)
    partners: tuple[ImagingOrder, ...] = ()
    if argument == "mri_and_ct_together":
        partners = tuple(draft for draft in chart.drafts if _mri_and_ct(order, draft))
    if not partners:
        return None
    sources = (chart.order_source, *(chart.source_of_order(partner) for partner in partners))
    return Fact.of(True, *merged(sources))


def _mri_and_ct(one: ImagingOrder, other: ImagingOrder) -> bool:
    """Whether one is an MRI and the other a CT of a common region."""
    pair = {_kind(one), _kind(other)}
    return pair == {"MR", "CT"} and not spread(one.regions).isdisjoint(spread(other.regions))


def _kind(order: ImagingOrder) -> str:
    return "CT" if order.study.modality in _CT else order.study.modality


def spread(regions: tuple[str, ...]) -> frozenset[str]:
    """The regions, with "entire_spine" as its three levels."""
    return frozenset(regions) | _SPINAL if "entire_spine" in regions else frozenset(regions)


@fact("imaging_question", reads=ANSWERS, needs={name for names in _QUESTIONS.values() for name in names})
def imaging_question(chart: Chart, argument: str | None) -> Fact | None:
    """The declared reason of the order, never the problem list: every reason must be of the question's kind."""
    sets = frozenset(_QUESTIONS.get(argument or "", ()))
    reasons = chart.order.reasons
    if not sets or not reasons:
        return None
    fits = all(chart.is_in_any(reason, sets) for reason in reasons)
    return Fact.of(True, chart.order_source) if fits else None
