"""Signs of danger, and what makes them likelier. Suspicion is what a red flag is: provisional diagnoses count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cds_service.core.fact import Fact
from cds_service.core.truth import MET, NOT_MET
from cds_service.facts.evidence import day_of, member_of, merged, source_of, why_unplaced
from cds_service.facts.medicines import TYPES, long_term_glucocorticoids
from cds_service.facts.problems import Found, Problem, declare, look, newness, out_of_shape
from cds_service.facts.registry import fact, unreadable
from cds_service.fhir.codes import ICD10CM
from cds_service.fhir.status import Verification, current, usable, verification

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

NEW: Final[dict[str, Any]] = {"suspected": True, "new": True}
FLAG: Final[dict[str, Any]] = {"suspected": True, "reason": True}
# As the reason of an order these only raise a suspicion; on a problem list they are cancer.
_OF_THE_SPINE: Final = ("C41.2", "C41.4", "C70.1", "C72.0", "C72.1", "C79.3", "C79.4", "C79.5", "C90.0")

declare(
    # deficits
    Problem("new_motor_weakness", ("motor-weakness",), dated=True, **NEW),
    Problem("new_foot_drop", ("foot-drop",), **NEW),
    Problem("new_bilateral_leg_weakness", ("bilateral-leg-weakness",), **NEW),
    Problem("new_neuro_deficit", ("motor-weakness",), dated=True, **NEW),
    Problem("new_neuro_deficit", ("foot-drop", "bilateral-leg-weakness", "cauda-equina"), **NEW),
    Problem("new_neuro_deficit", ("spinal-cord-injury",), fresh=True, **NEW),
    # cauda equina
    Problem("red_flag_cauda_equina", ("cauda-equina",), injury=True, **FLAG),
    Problem("saddle_anesthesia", ("saddle-anesthesia",), exam=True, sites=("body-site-perineum",), **FLAG),
    Problem("unexplained_urinary_retention", ("urinary-retention",), reason=True, without=("R33.0",), **NEW),
    Problem("new_bowel_bladder_incontinence", ("bladder-incontinence", "bowel-incontinence"),
            without=("N39.44", "N39.46"), **NEW),
    # aorta
    Problem("known_aortic_aneurysm", ("aortic-aneurysm-dissection", "abdominal-aortic-aneurysm"), reason=True),
    Problem("suspected_aortic_dissection", ("aortic-dissection",), known=False, **FLAG),
    Problem("suspected_aortic_dissection", ("aortic-dissection",), new=True),
    # cancer
    Problem("known_cancer_history", ("malignancy-active",), now=False),
    Problem("known_cancer_history", ("malignancy-active",), now=False, reason=True, without=_OF_THE_SPINE),
    Problem("known_cancer_history", ("malignancy-history",), now=False, reason=True),
    Problem("spinal_neoplastic_involvement", ("spinal-neoplasm",), now=False),
    Problem("suspected_spinal_malignancy", ("spinal-neoplasm",), known=False, unless_known=True, **FLAG),
    Problem("suspected(cord_tumor)", ("cord-tumor",), known=False, unless_known=True, **FLAG),
    Problem("night_pain", ("night-pain",)),
    Problem("unintended_weight_loss", ("weight-loss",), exam=True, episode=True, **FLAG),
    # fracture
    Problem("suspected_pathologic_fracture", ("pathological-fracture-spine",), fresh=True, **FLAG),
    Problem("suspected_traumatic_fracture", ("traumatic-spine-fracture",), fresh=True, episode=True, **FLAG),
    # infection
    Problem("suspected_spinal_infection", ("spinal-infection",), **FLAG),
    Problem("red_flag_infection", ("spinal-infection",), suspected=True),
    Problem("condition(spinal_infection)", ("spinal-infection",)),
    Problem("suspected(epidural_abscess)", ("epidural-abscess",), **FLAG),
    Problem("iv_drug_use", ("iv-drug-use",), now=False, exam=True),
    Problem("recent_bacterial_infection", ("recent-bacterial-infection",), now=False, within="recent_infection_days"),
    Problem("immunocompromised", ("immunocompromised-condition",)),
    Problem("hiv_aids", ("hiv",), now=False),
    Problem("diabetes_mellitus", ("diabetes",)),
    Problem("chronic_dialysis", ("chronic-dialysis",)),
    Problem("wound_over_spine", ("pressure-ulcer-back",), injury=True, exam=True),
    # bone
    Problem("condition(low_bone_mineral_density)", ("osteoporosis-low-bmd",), now=False),
    Problem("condition(prior_low_energy_fracture)", ("prior-low-energy-fracture",), now=False),
    Problem("predisposed_to_insufficiency_fracture", ("osteoporosis-low-bmd", "prior-low-energy-fracture"), now=False),
    Problem("condition(insufficiency_fracture)", ("pathological-fracture-spine",), injury=True, without=("M84.5",)),
    apart=("condition(low_bone_mineral_density)", "predisposed_to_insufficiency_fracture"),
)  # fmt: skip

_SIDES: Final = {"M5431": "right", "M5441": "right", "M5432": "left", "M5442": "left"}
_SCIATICA: Final = Problem("acute_bilateral_sciatica", ("bilateral-sciatica",), **NEW)


@fact("acute_bilateral_sciatica", reads=("Condition",), needs=("bilateral-sciatica",))
def acute_bilateral_sciatica(chart: Chart, _argument: str | None) -> Fact | None:
    """A right and a left sciatica, both current and both new. An unspecified side is no second side."""
    sides = {"right": Found(), "left": Found()}
    for condition in chart.coded("Condition", chart.codes("bilateral-sciatica")):
        day = day_of(chart, condition)
        new = newness(chart, condition, day)
        if verification(condition) is Verification.REFUTED or not current(condition) or new is NOT_MET:
            continue
        for system, code in chart.record.codes(condition):
            side = _SIDES.get(code.replace(".", "")) if system == ICD10CM else None
            if side and new is MET:
                sides[side].for_it.append(source_of(condition, day))
            elif side:
                sides[side].unclear.append((source_of(condition, day), why_unplaced(condition, day) or ""))
    for found in sides.values():
        out_of_shape(chart, _SCIATICA, found)
    right, left = (found.fact() for found in sides.values())
    if right is None or left is None:
        return None
    if right.known and left.known:
        return Fact.of(True, *right.sources[:1], *left.sources[:1])
    unclear = [side for side in (right, left) if not side.known]
    return unreadable(*merged(source for side in unclear for source in side.sources), note=unclear[0].note or "")


@fact("condition(leukemia_only)", reads=("Condition",), needs=("malignancy-active",))
def leukemia_only(chart: Chart, _argument: str | None) -> Fact | None:
    """Leukemia on record, and no other cancer, as far as all problems could be read."""
    if chart.record.failures(("Condition",)):
        return None
    leukemia, cancer = chart.codes("leukemia"), chart.codes("malignancy-active")
    found = Found()
    for condition in chart.coded("Condition", cancer):
        if usable(condition) and member_of(chart, cancer, condition):
            of_blood = any(key in leukemia for key in chart.record.codes(condition))
            (found.for_it if of_blood else found.against).append(source_of(condition, day_of(chart, condition)))
    if not found.for_it or found.against:
        return None
    odd = chart.record.out_of_shape("Condition")
    if odd:
        return unreadable(*merged(map(source_of, odd)), note="the code of a problem cannot be read")
    return Fact.of(True, *found.for_it)


@fact(
    "predisposed_to_insufficiency_fracture",
    reads=("Condition", *TYPES),
    needs=("med-corticosteroid-systemic", "long-term-steroid-dx"),
)
def predisposed_to_insufficiency_fracture(chart: Chart, _argument: str | None) -> Fact | None:
    """Weak bone, an earlier low-energy fracture, or long-term systemic steroids."""
    coded = look(chart, "predisposed_to_insufficiency_fracture").fact()
    if coded is not None and coded.value is True:
        return coded
    steroids = long_term_glucocorticoids(chart, None)
    return steroids if steroids is not None and steroids.value is True else coded
