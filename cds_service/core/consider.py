"""One order considered from all sides: its verdict, alternatives, escapes, evidence and notes, as one Review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date

from cds_service.core.alternatives import Alternatives, Catalogue, distinct
from cds_service.core.criterion import REQUESTED_REGION, Criterion, Node, Outcome
from cds_service.core.determination import Alternative, Determination, Evidence, Ground, Judged, Review
from cds_service.core.escapes import RED_FLAG_ANY, escapes
from cds_service.core.evaluate import Evaluation, Reading
from cds_service.core.fact import NOT_DOCUMENTED, Fact, Facts, Value
from cds_service.core.judge import AGE, AGE_YEARS, Circumstances, Judge
from cds_service.core.order import ImagingOrder, Study
from cds_service.core.plan import ADULT_MONTHS, GENERAL, MRI_CONTRAINDICATED, Path, Plan, Stage
from cds_service.core.truth import MET, NOT_MET
from cds_service.core.verdict import Verdict
from cds_service.core.vocabulary import FactDefinition, Role, Vocabulary
from cds_service.core.watch import Asleep, Watch

LEVELS = ("cervical", "thoracic", "lumbar")
SPREAD = {"entire_spine", "whole_body"}
MRI_CONTRASTS = ("without", "without_and_with")
CONTRASTS = ("without", "with", "without_and_with")
CONDITIONS = (Outcome.SUPPORTED, Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED, Outcome.REQUIRES)
UNSUPPORTED = Verdict(Determination.NOT_SUPPORTED, Ground.UNMET, ())
REQUESTED_CONTRAST = "requested_contrast"
ORDER_FLAG = "order_flag"
XRAY, MRI, CT = "XR", "MR", "CT"
INFANT_MONTHS = 36  # until then an age is told in months


class Consideration:
    """Judges one order, and other studies for the same patient beside it.

    `facts` are those of this order; `watch` is that of the vocabulary; `plan_of` gives the criteria that speak of a
    study on the review date; `drafted` are the studies of the other draft orders; `indications` the facts that are a
    reason to image, and `spinal_indications` those among them that speak of the spine alone.
    """

    def __init__(
        self,
        order: ImagingOrder,
        *,
        facts: Facts,
        vocabulary: Vocabulary,
        watch: Watch,
        plan_of: Callable[[Study, date, Stage], Plan],
        catalogue: Catalogue,
        indications: AbstractSet[str],
        spinal_indications: AbstractSet[str],
        studies: Mapping[str, Study],
        drafted: frozenset[str] = frozenset(),
    ) -> None:
        self.order = order
        self._facts = facts
        self._vocabulary = vocabulary
        self._plan_of = plan_of
        self._catalogue = catalogue
        self._indications = indications
        self._spinal_indications = spinal_indications
        self._studies = studies
        self._drafted = drafted
        self._judges: dict[str, Judge] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._indicated: bool | None = None
        self._asleep = Asleep(watch, facts.awake)
        self._stage = stage_of(facts.read(AGE).value)
        self.judge = self.judge_of(order.study)

    def review(self) -> Review:
        """The order's review. Composite studies are judged by their parts, open contrast by what it could be."""
        study = self.order.study
        if study.components:
            return self._composite()
        if self.order.contrast is None and study.modality in (MRI, CT) and study.contrast in CONTRASTS:
            return self._contrast_open()
        if study.modality == XRAY and study.contrast != "intrathecal":
            return self._review(study, self._of_plain_film(study))
        return self._review(study, self.judge.verdict())

    def is_spinal(self) -> bool:
        """Whether a study that also serves other organs is ordered for the spine."""
        return self._any_documented(self._spinal_indications) or self.judge.speaks_plainly()

    def verdict_on(self, study: Study) -> Verdict:
        """The verdict on another study, without the explanation of a refusal that only the ordered one needs."""
        verdict = self._verdicts.get(study.id)
        if verdict is None:
            verdict = self._verdicts[study.id] = self.judge_of(study).outcome() or UNSUPPORTED
        return verdict

    def judge_of(self, study: Study) -> Judge:
        judge = self._judges.get(study.id)
        if judge is None:
            judge = self._judges[study.id] = Judge(
                self._plan_of(study, self.order.review_date, self._stage),
                self._evaluation(study),
                self._asleep,
                Circumstances(
                    has_reason=self.order.has_reason,
                    has_indication=self._has_indication,
                    mri_verdicts=lambda: self._mri_verdicts(study),
                ),
            )
        return judge

    # -- facts for a study ------------------------------------------------------------------------------------------

    def _evaluation(self, study: Study) -> Evaluation:
        ordered = study.id == self.order.study.id
        regions = self._regions(self.order.regions if ordered else study.regions)
        own = {REQUESTED_REGION: Fact.of(regions)}
        truths = self._asleep.truths.for_another_order()
        if ordered:
            return Evaluation(self._vocabulary, self._facts, regions, own, truths)
        # What the draft says about its own technique does not hold for another study.
        own |= flags_left_out(self._vocabulary[ORDER_FLAG])
        own["requested_cpt"] = Fact.of(study.cpt) if study.cpt else NOT_DOCUMENTED
        own[REQUESTED_CONTRAST] = Fact.of(study.contrast)
        return Evaluation(self._vocabulary, self._facts, regions, own, truths)

    def _regions(self, regions: tuple[str, ...]) -> tuple[str, ...]:
        """The regions a study stands for. A study of many levels stands for the symptomatic ones."""
        if not SPREAD & set(regions) and len(set(regions) & set(LEVELS)) < 2:
            return regions
        symptomatic = tuple(
            level
            for level in LEVELS
            if any(self._is_met(f"{fact}({level})") for fact in ("spine_pain", "spine_trauma"))
        )
        covered = tuple(level for level in LEVELS if SPREAD & set(regions) or level in regions)
        return tuple(level for level in symptomatic if level in covered) or covered

    def _is_met(self, ref: str) -> bool:
        return self._facts.read(ref).value is True

    def _has_indication(self) -> bool:
        if self._indicated is None:
            self._indicated = self._any_documented(self._indications)
        return self._indicated

    def _any_documented(self, refs: AbstractSet[str]) -> bool:
        awake = self._facts.awake
        return any(
            fact.value is True or (isinstance(fact.value, str) and fact.value != "none")
            for fact in map(self.judge.evaluation.fact, refs if awake is None else refs & awake)
        )

    def _mri_verdicts(self, study: Study) -> Iterator[Verdict]:
        for contrast in MRI_CONTRASTS:
            mri = self._catalogue.find(MRI, study.regions, contrast)
            if mri is not None:
                yield self.verdict_on(mri)

    # -- kinds of order ---------------------------------------------------------------------------------------------

    def _of_plain_film(self, study: Study) -> Verdict:
        """A plain film is never refused. What is urgent and comes before an MRI of its region comes before the film."""
        for mri in self._mri_verdicts(study):
            if mri.ground is Ground.URGENT_POINTER or (mri.ground is Ground.POINTER and self._has_red_flag()):
                return mri
        return Verdict(Determination.SUPPORTED, Ground.PLAIN_XRAY, ())

    def _has_red_flag(self) -> bool:
        return self.judge.evaluation.truth(RED_FLAG_ANY) is MET

    def _composite(self) -> Review:
        """All parts supported, or one by a red flag: supported. Else the first that is not decides."""
        parts = [self._studies[part] for part in self.order.study.components]
        verdicts = [self.verdict_on(part) for part in parts]
        for part, verdict in zip(parts, verdicts, strict=True):
            if verdict.ground is Ground.RED_FLAG:
                return self._review(part, verdict)
        supported = [part for part, verdict in zip(parts, verdicts, strict=True) if _is_supported(verdict)]
        failing = next((p for p, verdict in zip(parts, verdicts, strict=True) if not _is_supported(verdict)), None)
        if failing is None:
            decided = dict.fromkeys(c for verdict in verdicts for c in verdict.decided_by)
            return self._review(parts[0], replace(verdicts[0], decided_by=tuple(decided)))
        review = self._review(failing, self.judge_of(failing).verdict())
        offered = [Alternative(part, self.verdict_on(part).decided_by[0].id) for part in supported]
        return replace(review, alternatives=distinct([*offered, *review.alternatives], self.order.study))

    def _contrast_open(self) -> Review:
        """The code leaves contrast open: asked for when it decides."""
        study = self.order.study
        found = (self._catalogue.find(study.modality, study.regions, contrast) for contrast in CONTRASTS)
        variants = [variant for variant in found if variant is not None] or [study]
        supported = [variant for variant in variants if _is_supported(self.verdict_on(variant))]
        for variant in supported:
            if self.verdict_on(variant).ground is Ground.RED_FLAG:  # which waits for no answer
                return self._review(variant, self.verdict_on(variant))
        if not supported or len(supported) == len(variants):
            return self._review(variants[0], self.judge_of(variants[0]).verdict())
        asking = replace(
            self.verdict_on(supported[0]),
            determination=Determination.NEEDS_INFORMATION,
            ground=Ground.OPEN,
            asks_for=(REQUESTED_CONTRAST,),
        )
        review = self._review(supported[0], asking)
        offered = [Alternative(variant, self.verdict_on(variant).decided_by[0].id) for variant in supported]
        return replace(review, alternatives=tuple(offered), steps=())

    def _review(self, study: Study, verdict: Verdict) -> Review:
        judge = self.judge_of(study)
        red_flag = self._has_red_flag()
        found = Alternatives(study, judge, self._catalogue, self, self.order.review_date)
        nearby = verdict.decided_by
        if verdict.ground is Ground.UNMET:
            verdict = self._with_right_study(judge, verdict, found)
        unless = escapes(judge, replace(verdict, decided_by=(*verdict.decided_by, *nearby)))
        alternatives = found.of(verdict) if verdict.ground is not Ground.PLAIN_XRAY else ()
        if verdict.ground is Ground.POINTER and any(c.only_if_uncovered for c in verdict.decided_by):
            alternatives = found.for_urgent_review(self._adult_red_flags)
        if red_flag and self._red_flag_wants_another(verdict):
            for_red_flag = found.for_red_flag()
            verdict = self._decided_by_red_flag(verdict, for_red_flag)
            # Once the better study is drafted, a second-best one is no advice.
            alternatives = () if any(map(self._is_drafted, for_red_flag)) else (*for_red_flag, *alternatives)
            unless = escapes(judge, verdict)
        contraindicated = study.modality == MRI and judge.evaluation.truth(MRI_CONTRAINDICATED) is MET
        if contraindicated:
            alternatives = (*alternatives, *self._ct_instead(study))
        alternatives = distinct(alternatives, study)
        # Whoever takes over sees every red flag, not only the one that decided.
        taken_over = red_flag and verdict.determination is Determination.GOVERNED_ELSEWHERE
        return Review(
            order=self.order,
            determination=verdict.determination,
            ground=verdict.ground,
            decided_by=verdict.decided_by,
            judged=self._judged(judge, verdict, alternatives),
            asks_for=verdict.asks_for,
            unless=unless,
            steps=judge.failed_steps(verdict.paths),
            alternatives=tuple(a for a in alternatives if not self._is_drafted(a)),
            evidence=self._evidence(
                judge,
                verdict,
                before=(MRI_CONTRAINDICATED,) if contraindicated else (),
                after=(RED_FLAG_ANY,) if taken_over else (),
            ),
            notes=self._notes(judge, verdict),
            red_flag=red_flag,
            unread=judge.unread_beside(verdict.paths) if _is_supported(verdict) else (),
            beside=("mri_contraindicated",) if contraindicated else (),
        )

    def _spoken_of_at_all(self, judge: Judge, verdict: Verdict, found: Alternatives) -> Verdict:
        """No path of this study speaks of the patient: an exclusion may, or another study does, or nothing at all."""
        decided = judge.speaking_exclusions()
        for study in found.comparable() if not decided else ():
            other = self.judge_of(study)
            decided = tuple(path.criterion for path in other.nearest_failed_paths()[0]) or other.speaking_exclusions()
            if decided:
                break
        if decided:
            return replace(verdict, decided_by=decided)
        return replace(verdict, determination=Determination.NO_GUIDELINE, ground=Ground.NO_SECTION)

    def _adult_red_flags(self, study: Study) -> tuple[Path, ...]:
        return self._plan_of(study, self.order.review_date, Stage.ADULT).red_flags

    def _with_right_study(self, judge: Judge, verdict: Verdict, found: Alternatives) -> Verdict:
        """The indication is right and the study is not: what supports the right study decides, not a nearby path."""
        right = [a.study for a in found.right_study(verdict) if a.study is not None]
        elsewhere = [c for study in right for c in self.verdict_on(study).decided_by]
        if not elsewhere:
            return verdict if verdict.decided_by else self._spoken_of_at_all(judge, verdict, found)
        sections = {criterion.section for criterion in elsewhere}
        paths = tuple(path for path in verdict.paths if path.criterion.section in sections)
        steps = [step for path in paths for step in path.requires]
        own = [c for c in verdict.decided_by if c.section in sections or c in steps or c.outcome not in CONDITIONS]
        return replace(verdict, decided_by=tuple(dict.fromkeys((*own, *elsewhere))), paths=paths)

    def _ct_instead(self, study: Study) -> Iterator[Alternative]:
        ct = self._catalogue.find(CT, study.regions, "without")
        if ct is not None:
            for criterion in self.judge_of(ct).plan.substitutions[:1]:
                yield Alternative(ct, criterion.id)

    @staticmethod
    def _red_flag_wants_another(verdict: Verdict) -> bool:
        """A met red flag does not support what was ordered (plain films are never refused, and never enough)."""
        if verdict.ground in (Ground.RED_FLAG, Ground.URGENT_POINTER, Ground.POINTER):
            return False
        return not _is_supported(verdict) or verdict.ground is Ground.PLAIN_XRAY

    def _decided_by_red_flag(self, verdict: Verdict, alternatives: tuple[Alternative, ...]) -> Verdict:
        red_flags = [c for a in alternatives if a.study is not None for c in self.verdict_on(a.study).decided_by]
        if not red_flags:
            return verdict
        own = (path.criterion for path in verdict.paths)
        return replace(verdict, decided_by=tuple(dict.fromkeys((*red_flags, *own))))

    def _is_drafted(self, alternative: Alternative) -> bool:
        """Another draft already orders it, or, for a plain film, any film of that region."""
        study = alternative.study
        if study is None:
            return False
        return bool(self._drafted & set(study.keys)) or (
            study.modality == XRAY
            and any(
                self._studies[drafted].modality == XRAY and set(self._studies[drafted].regions) & set(study.regions)
                for drafted in self._drafted
                if drafted in self._studies
            )
        )

    # -- what is shown beside the verdict ---------------------------------------------------------------------------

    def _judged(self, judge: Judge, verdict: Verdict, offered: Iterable[Alternative]) -> tuple[Judged, ...]:
        """The deciding criteria, the prerequisites of their paths, and what else of their sections is not ruled out.

        A criterion that decides for a study that is offered holds of that study, not of the one ordered.
        """
        sections = {criterion.section for criterion in verdict.decided_by}
        required = [r for path in verdict.paths for r in path.requires if judge.fits(r) is not NOT_MET]
        beside = [c for c in judge.live.speaking() if c.section in sections and judge.holds(c) is not NOT_MET]
        speaking = {criterion: judge for a in offered if a.study for criterion, judge in self._deciding(a.study)}
        return tuple(
            Judged(criterion, speaking.get(criterion, judge).holds(criterion, _reading(criterion)))
            for criterion in dict.fromkeys((*verdict.decided_by, *required, *beside))
        )

    def _deciding(self, study: Study) -> Iterator[tuple[Criterion, Judge]]:
        for criterion in self.verdict_on(study).decided_by:
            yield criterion, self.judge_of(study)

    def _evidence(
        self, judge: Judge, verdict: Verdict, *, before: tuple[Node, ...], after: tuple[Node, ...]
    ) -> tuple[Evidence, ...]:
        """Known facts that the deciding criteria and what is said before and after them read, each once.

        Age only where a bound other than adulthood decides.
        """
        nodes = [*before, *(path.when for path in verdict.paths)]
        nodes += [r.when for path in verdict.paths for r in path.requires if r.when is not None and judge.binds(r)]
        nodes += [c.when for c in verdict.decided_by if c.when is not None and c.outcome is not Outcome.REQUIRES]
        nodes += after
        refs = [AGE, AGE_YEARS] if any(is_age_bound(c) for c in verdict.decided_by) else []
        refs += [ref for node in nodes for ref in judge.evaluation.bearing(node)]
        told_twice = AGE_YEARS if self._is_infant(judge) else AGE
        facts = {ref: judge.evaluation.fact(ref) for ref in refs if ref != told_twice}
        return tuple(
            Evidence(ref, fact)
            for ref, fact in facts.items()
            if fact.known and self._vocabulary[ref.partition("(")[0]].role is not Role.ORDER
        )

    @staticmethod
    def _is_infant(judge: Judge) -> bool:
        """Young enough for an age in months."""
        months = judge.evaluation.fact(AGE).value
        return isinstance(months, int | float) and not isinstance(months, bool) and months < INFANT_MONTHS

    def _notes(self, judge: Judge, verdict: Verdict) -> tuple[Criterion, ...]:
        """Hints that hold for this patient and change nothing."""
        return tuple(
            hint
            for hint in judge.live.hints
            if hint not in verdict.decided_by
            and judge.holds(hint) is MET
            and (hint.note_card or hint.kind == GENERAL or hint.when is None or judge.evaluation.touches(hint.when))
        )


def flags_left_out(definition: FactDefinition) -> dict[str, Fact]:
    return {f"{definition.id}({flag})": NOT_DOCUMENTED for flag in definition.arguments}


def stage_of(months: Value | None) -> Stage:
    if isinstance(months, bool) or not isinstance(months, int | float):
        return Stage.ANY
    return Stage.ADULT if months >= ADULT_MONTHS else Stage.CHILD


def is_age_bound(criterion: Criterion) -> bool:
    """Whether the criterion speaks of a narrower age than adults or children."""
    return any(months != ADULT_MONTHS for _, months in criterion.population.bounds())


def _reading(criterion: Criterion) -> Reading:
    return Reading.EXCLUSION if criterion.outcome is Outcome.NOT_SUPPORTED else Reading.SUPPORT


def _is_supported(verdict: Verdict) -> bool:
    return verdict.determination is Determination.SUPPORTED
