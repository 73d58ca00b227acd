"""The examination: what was recorded and when, and findings that follow from graded results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import Fact, Source
from cds_service.core.quantity import Range
from cds_service.core.truth import NOT_MET
from cds_service.facts.answers import Statement
from cds_service.facts.evidence import day_of, happened, member_in, merged, regions_in, source_of, within_days
from cds_service.facts.problems import matches
from cds_service.facts.registry import ANSWERED, fact
from cds_service.fhir.codes import FACT, codes_of, codings
from cds_service.fhir.dates import DayRange
from cds_service.fhir.elements import Resource, mappings, text
from cds_service.fhir.status import Verification, current, usable, verification
from cds_service.fhir.units import whole_grade

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

_GRADE: Final = "muscle_strength_grade"
# Answers that show that a part of the examination was done: any of the first group, or all of the second.
_ANY_OF: Final[dict[str, tuple[str, ...]]] = {
    "motor_testing": (_GRADE, "concordant_root_finding(motor)"),
    "reflexes": ("concordant_root_finding(reflex)", "unexplained_hyperreflexia"),
    "dermatomal_sensation": ("concordant_root_finding(sensory)", "symptom(dermatomal_pain_or_paresthesia)"),
    "bowel_bladder_status": (
        "new_bowel_bladder_incontinence", "unexplained_urinary_retention", "symptom(bowel_bladder_dysfunction)",
    ),
}  # fmt: skip
_ALL_OF: Final[dict[str, tuple[str, ...]]] = {"pathologic_reflexes": ("babinski_sign", "hoffmann_sign")}
_NEUROLOGICAL: Final = (
    _GRADE, "concordant_root_finding(motor)", "concordant_root_finding(reflex)", "concordant_root_finding(sensory)",
    "babinski_sign", "hoffmann_sign", "unexplained_hyperreflexia", "new_neuro_deficit", "documented(neurological_exam)",
    "exam_finding(focal_neurologic_deficit)",
)  # fmt: skip
_ELECTRODIAGNOSTICS: Final = "proc-electrodiagnostics"
_LOCALISING: Final = (
    "traumatic-spine-fracture", "pathological-fracture-spine", "spinal-infection", "spinal-neoplasm", "myelopathy",
    "cauda-equina", "foot-drop", "bilateral-leg-weakness", "motor-weakness",
)  # fmt: skip


def _given(chart: Chart, refs: Iterable[str]) -> list[Statement]:
    """The newest answers to these facts that were given since the symptoms began."""
    newest = [chart.answers[ref][0] for ref in refs if ref in chart.answers]
    return [found for found in newest if found.when is not None and chart.episode.since(found.when) is not NOT_MET]


@fact("documented", reads=("Observation", "QuestionnaireResponse"), needs=(ANSWERED,))
def documented(chart: Chart, argument: str | None) -> Fact | None:
    """A part of the examination is on record once its structured results are, whatever they say."""
    wanted = _ALL_OF.get(argument or "", ())
    given = _given(chart, wanted or _ANY_OF.get(argument or "", ()))
    enough = len(given) >= len(wanted) if wanted else bool(given)
    return Fact.of(True, *merged(found.source for found in given)) if given and enough else None


@fact("months_since_neuro_exam", reads=("Observation", "QuestionnaireResponse"), needs=(ANSWERED,))
def months_since_neuro_exam(chart: Chart, _argument: str | None) -> Fact | None:
    given = [chart.answers[ref][0] for ref in _NEUROLOGICAL if ref in chart.answers]
    return _months(chart, [(found.when, found.source) for found in given])


@fact("months_since_electrodiagnostics", reads=("DiagnosticReport", "Procedure"), needs=(_ELECTRODIAGNOSTICS,))
def months_since_electrodiagnostics(chart: Chart, _argument: str | None) -> Fact | None:
    return _months(chart, [(day_of(chart, done), source_of(done, day_of(chart, done))) for done in _nerve_tests(chart)])


def _nerve_tests(chart: Chart) -> list[Resource]:
    codes = chart.codes(_ELECTRODIAGNOSTICS)
    found = [*chart.coded("DiagnosticReport", codes), *chart.coded("Procedure", codes)]
    return [done for done in found if usable(done) and done.get("status") != "in-progress"]


def _months(chart: Chart, dated: list[tuple[DayRange | None, Source]]) -> Fact | None:
    """Months since the newest of these."""
    known = [(day, source) for day, source in dated if day is not None and day.first <= chart.review_date]
    if not known:
        return None
    day, source = max(known, key=lambda pair: pair[0].last)
    months = day.months_until(chart.review_date)
    if isinstance(months, Range):
        months = Range(max(months.low, 0.0), months.high)
    return Fact.of(months, source, since=day.last)


@fact("concordant_root_finding(electrodiagnostics)", reads=("DiagnosticReport",), needs=(_ELECTRODIAGNOSTICS,))
def concordant_electrodiagnostics(chart: Chart, _argument: str | None) -> Fact | None:
    """The latest nerve test, when its coded conclusion is a radiculopathy."""
    dated = [(day, done) for done in _nerve_tests(chart) if (day := day_of(chart, done)) and happened(chart, day)]
    day, latest = max(dated, key=lambda pair: pair[0].last, default=(None, {}))
    concluded = any(
        member_in(chart.codes(f"radiculopathy-{region}"), latest.get("conclusionCode"))
        for region in ("cervical", "thoracic", "lumbar")
    )
    return Fact.of(True, source_of(latest, day)) if concluded else None


@fact("progressive_neuro_deficit", reads=("Observation",), needs=(ANSWERED,))
def progressive_neuro_deficit(chart: Chart, _argument: str | None) -> Fact | None:
    """The newest grade of a muscle is lower than an earlier one, the newest in this episode and not long ago."""
    grades: dict[object, list[tuple[DayRange, int, Source]]] = {}
    for observation in chart.record.distinct("Observation", chart.findings.stated):
        if (FACT, _GRADE) not in codes_of(observation) or not usable(observation):
            continue
        day, muscle, grade = day_of(chart, observation), _muscle(observation), whole_grade(observation)
        if day is None or muscle is None or grade is None or not 0 <= grade <= 5 or day.first > chart.review_date:
            continue
        grades.setdefault(muscle, []).append((day, grade, source_of(observation, day)))
    for found in grades.values():
        found.sort(key=lambda graded: graded[0].last)
        day, grade, source = found[-1]
        before = [earlier for earlier in found[:-1] if earlier[0].last < day.first]
        fresh = within_days(chart, day, chart.settings.new_finding_days) and chart.episode.since(day) is not NOT_MET
        worse = [earlier for earlier in before if earlier[1] > grade]
        if fresh and worse:
            return Fact.of(True, source, worse[-1][2])
    return None


def _muscle(observation: Resource) -> object | None:
    """Which muscle was graded: its codes, or its written name; None when nothing names it."""
    site = observation.get("bodySite")
    coded = frozenset(codings(site))
    return coded or next((text(found.get("text")) for found in mappings(site)), None)


@fact("relevant_level", reads=("Condition",), needs=_LOCALISING)
def relevant_level(chart: Chart, argument: str | None) -> Fact | None:
    """The level at which a current red flag condition lies, by its code or body site. Never denied by another level."""
    if argument is None:
        return None
    for name in _LOCALISING:
        for condition in chart.coded("Condition", chart.codes(name)):
            if _counts_now(condition) and matches(argument, regions_in(chart, condition)):
                return Fact.of(True, source_of(condition, day_of(chart, condition)))
    return None


def _counts_now(condition: Resource) -> bool:
    return verification(condition) is not Verification.REFUTED and current(condition)
