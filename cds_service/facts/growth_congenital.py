"""Curves, congenital and inherited conditions, open and hidden dysraphism, and the skin over the spine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cds_service.core.fact import Fact
from cds_service.facts.evidence import day_of, member_in, member_of, source_of
from cds_service.facts.problems import Found, Problem, declare
from cds_service.facts.registry import fact
from cds_service.fhir.status import usable

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# Lifelong: what a problem list calls inactive or resolved is still there. The requester's own reason counts.
LIFELONG: Final[dict[str, Any]] = {"now": False, "reason": True}
SUSPECTED_OR_KNOWN: Final[dict[str, Any]] = {"now": False, "suspected": True, "reason": True}
ONLY_SUSPECTED: Final[dict[str, Any]] = {"known": False, "suspected": True, "reason": True, "unless_known": True}
SKIN: Final[dict[str, Any]] = {"reason": True, "exam": True}


def _lesion(kind: str, *value_sets: str) -> Problem:
    return Problem(f"skin_lesion({kind})", value_sets, **SKIN)


def _lifelong(kind: str, *value_sets: str) -> Problem:
    return Problem(f"condition({kind})", value_sets, **LIFELONG)


declare(
    Problem("spinal_deformity", ("scoliosis-any", "kyphosis-any"), **LIFELONG),
    _lifelong("achondroplasia", "achondroplasia"),
    _lifelong("basilar_impression", "basilar-impression"),
    _lifelong("birth_trauma", "birth-injury-spine"),
    _lifelong("caudal_regression_syndrome", "caudal-regression"),
    _lifelong("vater_association", "caudal-regression"),
    _lifelong("chiari_malformation", "chiari"),
    _lifelong("closed_neural_tube_defect", "spina-bifida-occulta", "lipomyelomeningocele"),
    _lifelong("congenital_anorectal_anomaly", "anorectal-malformation"),
    _lifelong("congenital_spine_anomaly", "congenital-spine-anomaly", "congenital-spinal-cord-malformation"),
    _lifelong("hydrocephalus", "hydrocephalus"),
    _lifelong("intracranial_hemorrhage", "neonatal-intracranial-hemorrhage"),
    _lifelong("klippel_feil", "klippel-feil"),
    _lifelong("marfan_syndrome", "marfan"),
    _lifelong("myelomeningocele", "spina-bifida-open"),
    _lifelong("neurofibromatosis", "neurofibromatosis"),
    _lifelong("scheuermann_kyphosis", "scheuermann"),
    _lifelong("spina_bifida", "spina-bifida-open"),
    _lifelong("spina_bifida_occulta", "spina-bifida-occulta"),
    _lifelong("spinal_hemangioblastoma", "spinal-hemangioblastoma"),
    _lifelong("trisomy_21", "down-syndrome"),
    _lifelong("von_hippel_lindau", "von-hippel-lindau"),
    Problem("open_spinal_dysraphism", ("spina-bifida-open",), **LIFELONG),
    Problem(
        "suspected_spinal_dysraphism",
        ("congenital-spinal-cord-malformation", "spina-bifida-open", "lipomyelomeningocele"),
        **SUSPECTED_OR_KNOWN,
    ),
    Problem("suspected_tethered_cord_or_low_conus", ("tethered-cord",), **SUSPECTED_OR_KNOWN),
    Problem("tethered_cord_confirmed", ("tethered-cord-specific",), now=False),
    Problem("suspected(diastematomyelia)", ("diastematomyelia",), **ONLY_SUSPECTED),
    _lesion("sacral_dimple", "sacral-dimple-only"),
    _lesion("coccygeal_pit_or_pilonidal_cyst", "pilonidal-disease"),
    _lesion("hair_patch_over_spine", "hairy-patch"),
    _lesion("midline_skin_tag", "skin-tag"),
    _lesion("subcutaneous_midline_mass", "lipoma"),
    _lesion("strawberry_nevus", "strawberry-nevus"),
    _lesion("midline_hemangioma", "skin-hemangioma"),
    _lesion("midline_cutaneous_marker", "cutaneous-back-marker"),
    _lesion("cafe_au_lait_abnormal", "cafe-au-lait"),
    Problem("exam_finding(toe_walking)", ("toe-walking",), exam=True),
)

# In this order: a curve with a bony cause is congenital, whatever else it is called.
_TYPES: Final = (
    ("congenital", "scoliosis-congenital"),
    ("neuromuscular", "scoliosis-neuromuscular"),
    ("idiopathic", "scoliosis-idiopathic"),
)


@fact("scoliosis_type", reads=("Condition",), needs=("scoliosis-any", *(name for _, name in _TYPES)))
def scoliosis_type(chart: Chart, _argument: str | None) -> Fact | None:
    """The class of a coded curve. A neuromuscular disease beside an unclassified curve makes it neuromuscular."""
    for kind, name in _TYPES:
        found = _on_record(chart, name)
        if found.for_it:
            return Fact.of(kind, *found.for_it[:5])
    curve, disease = _on_record(chart, "scoliosis-any"), _on_record(chart, "neuromuscular-disease")
    if curve.for_it and disease.for_it:
        return Fact.of("neuromuscular", curve.for_it[0], disease.for_it[0])
    return None


def _on_record(chart: Chart, name: str) -> Found:
    """Confirmed problems of a value set, of any clinical status, and the reason of the order."""
    codes = chart.codes(name)
    found = Found()
    for condition in chart.coded("Condition", codes):
        if usable(condition) and member_of(chart, codes, condition) is not None:
            found.for_it.append(source_of(condition, day_of(chart, condition)))
    if member_in(codes, chart.order.resource.get("reasonCode")) is not None:
        found.for_it.append(chart.order_source)
    return found
