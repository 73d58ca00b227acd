"""Reviews built by hand: one for every kind of card, with the words a real one would carry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cds_service import resources
from cds_service.card_builder import CardTemplates, load_templates
from cds_service.core.criterion import (
    AllOf,
    Citation,
    Comparison,
    Criterion,
    Enforce,
    FactTest,
    Outcome,
    Pointer,
    Population,
)
from cds_service.core.determination import Alternative, Determination, Evidence, Ground, Guideline, Judged, Review
from cds_service.core.fact import Fact, Source, Value
from cds_service.core.order import ImagingOrder, NotRecognised, Study
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.guidelines.studies import load_studies

GUIDELINES = Path(resources.PACKAGE) / "guidelines"
TEMPLATES: CardTemplates = load_templates(resources.cards_dir())
STUDIES = load_studies(GUIDELINES / "studies.yaml").studies

ADULT = Guideline("adult-spine-2026", "Adult spine imaging", "v2.0.2026", "https://guidelines.example.org/adult-spine")
CHILD = Guideline("pediatric-spine-2018", "Pediatric spine imaging", "2018 edition")
SIX_WEEKS = AllOf((
    FactTest("conservative_treatment_weeks", None, Comparison.AT_LEAST, 6.0),
    FactTest("conservative_treatment_failed"),
))  # fmt: skip


def study(name: str) -> Study:
    return STUDIES[name]


def draft(name: str, reference: str = "ServiceRequest/draft-1", **members: Any) -> dict[str, Any]:
    """A draft as an EHR sends it: a patient's name in a display, empties, an extension of the EHR's own."""
    coding = study(name).codes[0]
    return {
        "resourceType": "ServiceRequest",
        "id": reference.partition("/")[2],
        "extension": [{"url": "https://ehr.example.org/workflow", "valueString": "bench"}],
        "status": "draft",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [{"system": coding.system, "code": coding.code, "display": "As the EHR calls it"}]},
        "subject": {"reference": "Patient/p1", "display": "Ann Able"},
        "encounter": {"reference": "Encounter/e1"},
        "authoredOn": "2026-11-10",
        "requester": {"reference": "Practitioner/d1"},
        "performer": [],
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.50"}], "text": ""}],
        "note": [{"text": "call me"}],
        **members,
    }


def order(name: str, reference: str = "ServiceRequest/draft-1", **members: Any) -> ImagingOrder:
    ordered = study(name)
    return ImagingOrder(
        reference=reference,
        study=ordered,
        code=ordered.cpt,
        contrast=ordered.contrast,
        regions=ordered.regions,
        review_date=date(2026, 11, 10),
        units=1,
        reasons=(),
        has_reason=True,
        flags=frozenset(),
        recognised_by="coding",
        resource=draft(name, reference, **members),
    )


def criterion(name: str, says: str, outcome: Outcome, **members: Any) -> Criterion:
    """`name` is the ledger's id; the document follows from it."""
    document = CHILD if name.startswith("PEDSP") else ADULT
    given: dict[str, Any] = {"kind": "indication", "when": None, "studies": frozenset(), "population": Population()}
    return Criterion(
        id=name,
        says=says,
        citation=Citation(document.id, name.partition("/")[0]),
        outcome=outcome,
        **{**given, **members},
    )


def recorded(
    ref: str, value: Value, on: str | None = "2026-11-03", place: str = "Condition", **members: Any
) -> Evidence:
    return Evidence(ref, Fact(value, None, (Source(f"{place}/c1", on),), **members))


def judged(*pairs: tuple[Criterion, Truth]) -> tuple[Judged, ...]:
    return tuple(Judged(item, truth) for item, truth in pairs)


TREATMENT = criterion(
    "SP-5.1/prereq-treatment", "Six weeks of directed treatment must have failed.", Outcome.REQUIRES, when=SIX_WEEKS
)
LUMBAR_MRI = criterion("SP-5.1/mri", "After the prerequisites, MRI lumbar spine without contrast.", Outcome.SUPPORTED)
XRAY = criterion(
    "SP-4.1/prereq-xray", "A plain x-ray comes first, unless a red flag is present.", Outcome.REQUIRES,
    enforce=Enforce.STEP,
)  # fmt: skip
THORACIC_MRI = criterion("SP-4.1/mri", "After the prerequisites, MRI thoracic spine.", Outcome.SUPPORTED)
SADDLE = criterion("SP-1.2/cauda-equina-saddle", "Saddle sensory loss is a red flag.", Outcome.SUPPORTED, red_flag=True)
CT_INSTEAD = criterion(
    "SP-5.1/ct-if-contraindicated", "CT when MRI is contraindicated.", Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED
)


def review(
    name: str,
    determination: Determination,
    ground: Ground,
    *,
    reference: str = "ServiceRequest/draft-1",
    guidelines: Sequence[Guideline] = (ADULT,),
    **members: Any,
) -> Review:
    return Review(
        order=order(name, reference, **members.pop("draft", {})),
        determination=determination,
        ground=ground,
        guidelines=tuple(guidelines),
        **members,
    )


def xray_first(reference: str = "ServiceRequest/draft-1", **members: Any) -> Review:
    given: dict[str, Any] = {
        "decided_by": (THORACIC_MRI,),
        "judged": judged((THORACIC_MRI, UNKNOWN), (XRAY, UNKNOWN)),
        "asks_for": ("plain_xray_available(thoracic)",),
        "unless": ("red_flag_any", "neurologic_features"),
        "steps": (XRAY,),
        "alternatives": (Alternative(study("xr_thoracic_2"), XRAY.id, in_addition=True),),
        "evidence": (
            recorded("spine_pain(thoracic)", True),
            Evidence("episode_onset_date", Fact.of(date(2026, 9, 1), Source("Condition/c1", "2026-09-01"))),
            recorded("conservative_treatment_weeks", 7.0, None, "MedicationRequest", since=date(2026, 9, 22)),
        ),
    }
    return review(
        "mr_thoracic_wo",
        Determination.NEEDS_INFORMATION,
        Ground.OPEN,
        reference=reference,
        **{**given, **members},
    )


def not_yet(reference: str = "ServiceRequest/draft-1", **members: Any) -> Review:
    given: dict[str, Any] = {
        "decided_by": (LUMBAR_MRI,),
        "judged": judged((LUMBAR_MRI, NOT_MET), (TREATMENT, NOT_MET)),
        "unless": ("red_flag_any",),
        "steps": (TREATMENT,),
        "alternatives": (Alternative(None, TREATMENT.id, date(2026, 12, 1)),),
        "evidence": (
            recorded("spine_pain(lumbar)", True, "2026-10-20"),
            recorded("conservative_treatment_weeks", 3.0, None, "Procedure", since=date(2026, 10, 20)),
        ),
    }
    return review(
        "mr_lumbar_wo", Determination.NOT_SUPPORTED, Ground.UNMET, reference=reference, **{**given, **members}
    )


def supported(name: str = "mr_lumbar_wo", reference: str = "ServiceRequest/draft-1", **members: Any) -> Review:
    given: dict[str, Any] = {"decided_by": (LUMBAR_MRI,), "judged": judged((LUMBAR_MRI, MET))}
    return review(
        name,
        Determination.SUPPORTED,
        members.pop("ground", Ground.SUPPORT),
        reference=reference,
        **{**given, **members},
    )


def red_flag_xray(**members: Any) -> Review:
    """A plain film was ordered although saddle anesthesia calls for MRI."""
    given: dict[str, Any] = {
        "ground": Ground.PLAIN_XRAY,
        "decided_by": (SADDLE,),
        "judged": judged((SADDLE, MET)),
        "red_flag": True,
        "alternatives": (Alternative(study("mr_lumbar_wo"), SADDLE.id),),
        "evidence": (recorded("red_flag_cauda_equina", True, None), recorded("saddle_anesthesia", True, "2026-11-10")),
    }
    return supported("xr_lumbar_2_3", **{**given, **members})


def infant(**members: Any) -> Review:
    first = criterion("PEDSP-4.2/us-before-mri", "Up to 6 months ultrasound comes before MRI.", Outcome.PREFER_INSTEAD)
    given: dict[str, Any] = {
        "decided_by": (first,),
        "judged": judged((first, MET)),
        "unless": ("red_flag_any", "spinal_ultrasound_result"),
        "alternatives": (Alternative(study("us_spinal_canal"), first.id),),
        "evidence": (
            recorded("age_months", 3.07, "2026-08-08", "Patient"),
            recorded("skin_lesion(dermal_sinus)", True),
        ),
        "guidelines": (CHILD,),
    }
    return review("mr_lumbar_wwo", Determination.NOT_SUPPORTED, Ground.UNMET, **{**given, **members})


def wrong_contrast(**members: Any) -> Review:
    plain = criterion(
        "SP-2.2/contrast-not-for-degenerative", "Disc and root disorders need no contrast.", Outcome.PREFER_INSTEAD,
        kind="contrast",
    )  # fmt: skip
    given: dict[str, Any] = {
        "decided_by": (plain,),
        "alternatives": (Alternative(study("mr_lumbar_wo"), plain.id),),
    }
    return review("mr_lumbar_wwo", Determination.NOT_SUPPORTED, Ground.UNMET, **{**given, **members})


def ct_ordered(**members: Any) -> Review:
    """CT where the same indication supports MRI: a change of modality."""
    given: dict[str, Any] = {
        "decided_by": (CT_INSTEAD,),
        "judged": judged((CT_INSTEAD, NOT_MET)),
        "unless": ("mri_contraindicated",),
        "alternatives": (Alternative(study("mr_lumbar_wo"), LUMBAR_MRI.id),),
    }
    return review("ct_lumbar_wo", Determination.NOT_SUPPORTED, Ground.UNMET, **{**given, **members})


def elsewhere(name: str, says: str, ground: Ground, **members: Any) -> Review:
    pointer = criterion(
        name,
        says,
        Outcome.REFER_OUT,
        pointer=members.pop("pointer", None),
        clinical_review=members.pop("person", False),
    )
    return review(
        "mr_lumbar_wo", Determination.GOVERNED_ELSEWHERE, ground, decided_by=(pointer,), judged=judged((pointer, MET)),
        **members,
    )  # fmt: skip


def unrecognised(text: str = "MRI spine, local code 17", reference: str = "ServiceRequest/draft-1") -> NotRecognised:
    resource = {**draft("mr_lumbar_wo", reference), "code": {"text": text}}
    return NotRecognised(reference, "The code is not in the study catalogue.", resource)


def aorta() -> Review:
    return elsewhere(
        "SP-1.2/aorta-aaa", "New back pain with a known aortic aneurysm: aortic imaging is the study.",
        Ground.URGENT_POINTER, pointer=Pointer.URGENT,
        evidence=(recorded("known_aortic_aneurysm", True), recorded("new_back_or_abdominal_pain", True)),
    )  # fmt: skip


def one_of_each_kind() -> dict[str, Review | NotRecognised]:
    """The approved examples, by kind of card. `answer_questions` comes with `needs_information`."""
    exam = criterion("SP-1.2/prereq-evaluation", "An in-person evaluation is asked for.", Outcome.REQUIRES)
    coding = criterion("SP-2.6/intraop-code", "Use 76998 during an operation.", Outcome.PREFER_INSTEAD, kind="coding")
    repeat = criterion("SP-1.0/repeat", "A repeat should be weighed.", Outcome.PREFER_INSTEAD, note_card=True)
    pain = recorded("spine_pain(lumbar)", True)
    return {
        "governed_elsewhere_urgent": aorta(),
        "red_flag_other_study": red_flag_xray(),
        "clinical_review": elsewhere(
            "SP-1.2/child-red-flag", "A red flag in a child: urgent clinical review.", Ground.POINTER,
            person=True, red_flag=True, evidence=(recorded("new_foot_drop", True),),
        ),
        "mri_contraindicated": supported(
            beside=("mri_contraindicated",), alternatives=(Alternative(study("ct_lumbar_wo"), CT_INSTEAD.id),),
            evidence=(pain, recorded("implanted_device_not_mr_conditional", True, "2019", "Device")),
        ),
        "infant_ultrasound_first": infant(),
        "xray_first": xray_first(),
        "not_yet": not_yet(),
        "other_study": ct_ordered(evidence=(pain,)),
        "wrong_contrast": wrong_contrast(evidence=(pain,)),
        "not_supported": not_yet(alternatives=(), steps=(), evidence=(pain,)),
        "indication_missing": review(
            "mr_lumbar_wo", Determination.NEEDS_INFORMATION, Ground.NO_INDICATION,
            asks_for=("indication",), guidelines=(),
        ),
        "needs_information": not_yet_asked(),
        "red_flag_step": supported(
            ground=Ground.RED_FLAG, decided_by=(SADDLE,), judged=judged((SADDLE, MET)), steps=(exam,), red_flag=True,
            evidence=(recorded("saddle_anesthesia", True),),
        ),
        "could_not_check": not_yet_asked(ground=Ground.NOT_READ, not_read=("DiagnosticReport", "ImagingStudy")),
        "not_recognised": unrecognised(),
        "governed_elsewhere": elsewhere("SP-7.1/transverse-myelitis", "Myelitis: another guideline.", Ground.REFERRAL),
        "preferred_study": supported(alternatives=(Alternative(study("mr_lumbar_wwo"), "SP-1.2/infection"),)),
        "coding_note": supported(
            "us_spinal_canal", notes=(coding,),
            alternatives=(Alternative(study("us_intraoperative_guidance"), coding.id),),
        ),
        "duplicate_or_recent": supported(
            beside=("recent_study",), notes=(repeat,), evidence=(recorded("months_since_prior_imaging(lumbar)", 2.0),)
        ),
        "no_guideline": review("angio_spinal_catheter", Determination.NO_GUIDELINE, Ground.NO_SECTION),
    }  # fmt: skip


def not_yet_asked(ground: Ground = Ground.OPEN, **members: Any) -> Review:
    given: dict[str, Any] = {
        "decided_by": (LUMBAR_MRI,),
        "judged": judged((LUMBAR_MRI, UNKNOWN)),
        "asks_for": ("conservative_treatment_failed", "clinical_reevaluation"),
        "unless": ("red_flag_any",),
        "evidence": (recorded("spine_pain(lumbar)", True),),
    }
    return review("mr_lumbar_wo", Determination.NEEDS_INFORMATION, ground, **{**given, **members})
