"""What brings the patient: pain, radiating pain, neurological features, degenerative and inflammatory spine."""

from __future__ import annotations

from typing import Any, Final

from cds_service.core.fact import Fact
from cds_service.facts.chart import Chart
from cds_service.facts.evidence import day_of, member_of, regions_in, source_of
from cds_service.facts.imaging_done import latest_advanced
from cds_service.facts.problems import Found, Problem, declare, is_new, look
from cds_service.facts.registry import fact
from cds_service.facts.surgery_devices import SURGERY, surgeries
from cds_service.fhir.codes import codings
from cds_service.fhir.status import Verification, current, usable, verification

# What the patient complains of, and what is suspected or known alike.
COMPLAINT: Final[dict[str, Any]] = {"suspected": True, "reason": True, "visit": True}
SUSPECTED_OR_KNOWN: Final[dict[str, Any]] = {"suspected": True, "reason": True}
ONLY_SUSPECTED: Final[dict[str, Any]] = {"known": False, "suspected": True, "reason": True, "unless_known": True}
LASTING: Final[dict[str, Any]] = {"now": False, "reason": True}

RADICULAR: Final = ("radiculopathy-cervical", "radiculopathy-thoracic", "radiculopathy-lumbar")
PAIN: Final = ("neck-pain", "thoracic-back-pain", "low-back-pain", "back-pain-unspecified", "coccydynia")

declare(
    Problem("spine_pain", ("neck-pain",), regions=("cervical",), **COMPLAINT),
    Problem("spine_pain", ("thoracic-back-pain",), regions=("thoracic",), **COMPLAINT),
    Problem("spine_pain", ("low-back-pain",), regions=("lumbar",), **COMPLAINT),
    Problem("spine_pain", ("coccydynia",), regions=("sacrum_coccyx",), **COMPLAINT),
    Problem("spine_pain", ("back-pain-unspecified",), regions=(), **COMPLAINT),
    Problem("coccydynia", ("coccydynia",), **COMPLAINT),
    Problem("si_joint_pain", ("si-joint-pain-sacroiliitis",), **COMPLAINT),
    Problem("radicular_pain_in_named_root", RADICULAR, **COMPLAINT),
    Problem("lower_extremity_pain", ("radiculopathy-lumbar",), **COMPLAINT),
    Problem(
        "neurologic_features",
        (*RADICULAR, "radiculopathy-any", "neurogenic-claudication", "myelopathy", "sensory-disturbance",
         "saddle-anesthesia", "motor-weakness", "foot-drop", "bilateral-leg-weakness", "cauda-equina",
         "urinary-retention", "bowel-incontinence", "babinski-sign", "hyperreflexia", "spasticity"),
        exam=True, without=("R33.0",), sites=("body-site-perineum",), **COMPLAINT,
    ),
    Problem("suspected_lumbar_stenosis", ("spinal-stenosis-lumbar", "neurogenic-claudication"), **SUSPECTED_OR_KNOWN),
    Problem("suspected_spondylolysis", ("spondylolysis",), **SUSPECTED_OR_KNOWN),
    Problem("suspected(pars_stress_reaction)", ("pars-stress-reaction",), **SUSPECTED_OR_KNOWN),
    Problem("spondylolisthesis", ("spondylolisthesis",), **SUSPECTED_OR_KNOWN),
    Problem("suspected_myelopathy", ("myelopathy",), **SUSPECTED_OR_KNOWN),
    Problem("suspected(cord_compression)", ("cord-compression",), **SUSPECTED_OR_KNOWN),
    Problem("babinski_sign", ("babinski-sign",), exam=True),
    Problem("unexplained_hyperreflexia", ("hyperreflexia",), exam=True),
    Problem("unexplained_bilateral_weakness", ("bilateral-leg-weakness",), exam=True),
    Problem("exam_finding(spasticity)", ("spasticity",), exam=True),
    Problem("inflammatory_spondylitis_suspected_or_known", ("inflammatory-spondylitis",), **SUSPECTED_OR_KNOWN),
    Problem("inflammatory_spondylitis_suspected_or_known", ("ankylosing-spondylitis",), suspected=True, **LASTING),
    Problem("ankylosing_spondylitis_or_dish", ("ankylosing-spondylitis", "dish"), **LASTING),
    Problem("condition(juvenile_idiopathic_arthritis)", ("juvenile-idiopathic-arthritis",), **LASTING),
    Problem("condition(rheumatoid_or_inflammatory_arthritis)",
            ("rheumatoid-arthritis", "inflammatory-spondylitis"), **LASTING),
    Problem("condition(osteoarthritis_or_rheumatoid_arthritis)", ("rheumatoid-or-osteoarthritis-spine",), **LASTING),
    Problem("condition(multiple_sclerosis_or_myelitis)", ("inflammatory-myelitis-ms",), **LASTING),
    Problem("condition(transverse_myelitis)", ("transverse-myelitis",), **LASTING),
    Problem("condition(brachial_plexus_injury)", ("brachial-plexus-injury",), injury=True, **LASTING),
    Problem("condition(tarlov_cyst)", ("tarlov-cyst",), **LASTING),
    Problem("condition(vertebral_hemangioma)", ("vertebral-hemangioma",), **LASTING),
    Problem("condition(neurogenic_bladder)", ("neurogenic-bladder",), **LASTING),
    Problem("condition(hydronephrosis)", ("hydronephrosis",), reason=True),
    Problem("condition(contrast_contraindicated)", ("contrast-allergy-renal",)),
    Problem("suspected(focal_neuropathy)", ("focal-neuropathy",), **ONLY_SUSPECTED),
    Problem("suspected(lumbosacral_plexopathy)", ("lumbosacral-plexopathy",), **ONLY_SUSPECTED),
    Problem("suspected(spinal_avm_or_avf)", ("spinal-avm",), **ONLY_SUSPECTED),
    Problem("suspected(spinal_vascular_malformation)", ("spinal-avm",), **ONLY_SUSPECTED),
    Problem("suspected(complicated_dural_ectasia)", ("dural-ectasia",), **ONLY_SUSPECTED),
    Problem("suspected(hydrocephalus)", ("hydrocephalus",), **ONLY_SUSPECTED),
    Problem("suspected_syringomyelia", ("syringomyelia",), **ONLY_SUSPECTED),
    Problem("suspected(hydromyelia)", ("hydromyelia",), **ONLY_SUSPECTED),
    Problem("known_syrinx", ("syringomyelia",), now=False),
    Problem("symptom(bowel_bladder_dysfunction)",
            ("urinary-retention", "bladder-incontinence", "bowel-incontinence"), **COMPLAINT),
    Problem(
        "symptom(active_spine_signs_or_symptoms)",
        (*PAIN, *RADICULAR, "radiculopathy-any", "neurogenic-claudication", "myelopathy", "motor-weakness", "foot-drop",
         "bilateral-leg-weakness", "cauda-equina", "traumatic-spine-fracture", "spinal-infection"),
        injury=True, exam=True, **COMPLAINT,
    ),
    Problem("new_back_or_abdominal_pain", (*PAIN, "abdominal-pain"), suspected=True, new=True),
    apart=("new_back_or_abdominal_pain",),
)  # fmt: skip


@fact("new_back_or_abdominal_pain", reads=("Condition",), needs=(*PAIN, "abdominal-pain"))
def new_back_or_abdominal_pain(chart: Chart, _argument: str | None) -> Fact | None:
    """Pain with onset in the episode. As the reason of the order it counts unless the chart shows it to be old."""
    found = look(chart, "new_back_or_abdominal_pain")
    if found.for_it:
        return found.fact()
    sets = [chart.codes(name) for name in (*PAIN, "abdominal-pain")]
    named = any(reason in codes for reason in codings(chart.order.resource.get("reasonCode")) for codes in sets)
    old = any(
        (day := day_of(chart, condition)) is not None and not is_new(chart, day)
        for codes in sets
        for condition in chart.coded("Condition", codes)
        if current(condition) and verification(condition) is not Verification.REFUTED
    )
    return Fact.of(True, chart.order_source) if named and not old else found.fact()


@fact("symptoms_at_operated_level", reads=("Condition", "Procedure"), needs=SURGERY)
def symptoms_at_operated_level(chart: Chart, _argument: str | None) -> Fact | None:
    """A current pain of the operated region that began after the operation."""
    found = Found()
    for operation in surgeries(chart):
        for name in (*PAIN, *RADICULAR):
            codes = chart.codes(name)
            for condition in chart.coded("Condition", codes):
                day = day_of(chart, condition)
                if day is None or day.recorded or operation.day is None or day.first <= operation.day.last:
                    continue
                if not (usable(condition) and current(condition) and member_of(chart, codes, condition)):
                    continue
                if operation.regions & regions_in(chart, condition):
                    found.for_it.append(source_of(condition, day))
    return found.fact()


# What calls for a new study although an old one exists.
_CHANGES: Final = ("foot-drop", "bilateral-leg-weakness", "cauda-equina", "myelopathy", "traumatic-spine-fracture")


@fact("clinical_change_since_prior_imaging", reads=("Condition", "DiagnosticReport", "ImagingStudy"), needs=_CHANGES)
def clinical_change_since_prior_imaging(chart: Chart, _argument: str | None) -> Fact | None:
    """A neurological problem or an injury of the region ordered that began after the latest advanced study."""
    found = Found()
    for region in chart.order.regions:
        study = latest_advanced(chart, region)
        if study is None or study.day is None:
            continue
        for name in _CHANGES:
            codes = chart.codes(name)
            for condition in chart.coded("Condition", codes):
                day = day_of(chart, condition)
                after = day is not None and not day.recorded and day.first > study.day.last
                if after and usable(condition) and current(condition) and member_of(chart, codes, condition):
                    found.for_it.append(source_of(condition, day))
    return found.fact()
