"""What to do instead: studies that criteria name, studies that would be supported, and "not yet" with its date."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Protocol

from cds_service.core.criterion import Comparison, FactTest, Outcome
from cds_service.core.determination import Alternative, Determination, Ground
from cds_service.core.evaluate import Evaluation
from cds_service.core.judge import Judge
from cds_service.core.order import Study
from cds_service.core.plan import MRI_CONTRAINDICATED, Path
from cds_service.core.quantity import bounds
from cds_service.core.truth import MET, NOT_MET
from cds_service.core.verdict import Verdict

MOST = 4  # studies offered for one order; a longer list is not read
FEW = 3  # studies that a criterion may offer although the chart supports none of them
CODING = "coding"  # criteria of this kind name the right code, whatever the chart says
XRAY_ON_RECORD = "plain_xray_available"
PLAIN_XRAY = "plain_xray"
XRAY, MRI, CT = "XR", "MR", "CT"
SUPPORTING = (Determination.SUPPORTED, Determination.NEEDS_INFORMATION)


class Catalogue(Protocol):
    """The parts of the study catalogue that finding an alternative needs."""

    def with_key(self, key: str) -> tuple[Study, ...]: ...

    def plain_xray(self, region: str) -> Study | None: ...

    def find(self, modality: str, regions: Iterable[str], contrast: str | None) -> Study | None: ...


class Bench(Protocol):
    """Judges other studies for the same patient."""

    def verdict_on(self, study: Study) -> Verdict: ...

    def judge_of(self, study: Study) -> Judge: ...


class Alternatives:
    """Finds alternatives for one judged study."""

    def __init__(self, study: Study, judge: Judge, catalogue: Catalogue, bench: Bench, day: date) -> None:
        self._study = study
        self._judge = judge
        self._catalogue = catalogue
        self._bench = bench
        self._day = day

    def of(self, verdict: Verdict) -> tuple[Alternative, ...]:
        if verdict.ground in (Ground.URGENT_POINTER, Ground.NO_INDICATION, Ground.POINTER):
            return ()
        if verdict.ground is Ground.RED_FLAG:  # its steps wait for nothing; only a better study is worth a word
            return distinct(self.possible(self._preferences()), self._study)
        found = [*self._steps(verdict), *self._preferences(), *self._named(verdict), *self.right_study(verdict)]
        if verdict.ground is Ground.UNMET:
            found += self._not_yet(verdict)
        if (
            verdict.ground is Ground.OPEN and self._judge.is_urgent()
        ):  # while facts are asked, the urgent study is named
            found += self._judged(Ground.SUPPORT, self._candidates(every_region=True))
        return distinct(self.possible(found), self._study)

    def possible(self, alternatives: Iterable[Alternative]) -> list[Alternative]:
        """Without MRI where MRI is contraindicated."""
        contraindicated = self._judge.evaluation.truth(MRI_CONTRAINDICATED) is MET
        return [a for a in alternatives if not (contraindicated and a.study is not None and a.study.modality == MRI)]

    def for_red_flag(self) -> tuple[Alternative, ...]:
        """The advanced studies that a red flag of this patient supports, likeliest level first."""
        found = []
        for study in self._candidates(every_region=True):
            verdict = self._bench.judge_of(study).red_flag()
            if verdict is not None:
                found.append(Alternative(study, verdict.decided_by[0].id))
        found = self.possible(found)
        mri = [a for a in found if a.study is not None and a.study.modality == MRI]
        return distinct(mri or found, self._study)[:2]

    def for_urgent_review(self, red_flags_of: Callable[[Study], Iterable[Path]]) -> tuple[Alternative, ...]:
        """What a reviewer of a child's red flag would look at: studies supported for the child, else the adult ones."""
        supported = self._judged(Ground.SUPPORT, self._candidates(every_region=True))
        found = [
            Alternative(study, path.criterion.id)
            for study in self._candidates(every_region=True)
            for path in red_flags_of(study)
            if self._judge.evaluation.truth(path.when) is MET
        ]
        return distinct(self.possible(supported or found), self._study)[:2]

    def comparable(self) -> Iterator[Study]:
        """Studies to compare with, of every level."""
        return self._candidates(every_region=True)

    # -- sources of alternatives ------------------------------------------------------------------------------------

    def _steps(self, verdict: Verdict) -> Iterator[Alternative]:
        for step in self._judge.failed_steps(verdict.paths):
            for study in self._studies(step.instead):
                if study.modality != XRAY:
                    yield Alternative(study, step.id)
                elif not self._on_record(study):
                    yield Alternative(study, step.id, in_addition=True)

    def _on_record(self, film: Study) -> bool:
        """Whether a plain film of that region is there already: the step then misses something else."""
        return any(self._judge.evaluation.fact(f"{XRAY_ON_RECORD}({region})").value is True for region in film.regions)

    def _preferences(self) -> Iterator[Alternative]:
        for criterion in self._judge.live.preferences:
            if self._judge.holds(criterion) is MET:
                for study in self._fitting(self._studies(criterion.instead)):
                    yield Alternative(study, criterion.id)

    def _named(self, verdict: Verdict) -> Iterator[Alternative]:
        """What the deciding criteria name. An MRI in place of a CT only while that MRI is not itself refused."""
        for criterion in verdict.decided_by:
            if criterion.outcome is Outcome.REQUIRES:
                continue
            named = self._studies(criterion.instead)
            if criterion.outcome is Outcome.SUPPORTED_IF_MRI_CONTRAINDICATED:
                named = [study for study in named if self._bench.verdict_on(study).determination in SUPPORTING]
            if criterion.kind != CODING:
                named = self._fitting(named, for_technique=criterion.about_technique)
            for study in named:
                yield Alternative(study, criterion.id)

    def _fitting(self, named: list[Study], *, for_technique: bool = False) -> list[Study]:
        """Of the studies a criterion names, those the chart supports, else a short list of those it does not refuse."""
        supported = [study for study in named if self._bench.verdict_on(study).determination is Determination.SUPPORTED]
        if supported:
            return supported
        possible = [study for study in named if not self._is_refused(study, whatever_decided=for_technique)]
        return possible if len(possible) <= FEW else []

    def _is_refused(self, study: Study, *, whatever_decided: bool) -> bool:
        """Some criterion stands against the study, or none supports it. Plain films are never refused."""
        verdict = self._bench.verdict_on(study)
        if verdict.determination is not Determination.NOT_SUPPORTED or study.modality == XRAY:
            return False
        return whatever_decided or bool(verdict.decided_by) or self._bench.judge_of(study).speaks()

    def right_study(self, verdict: Verdict) -> list[Alternative]:
        """The same indication asks for another contrast, modality or level: the studies that it supports.

        Empty when the study is the right one and only a step is missing.
        """
        if verdict.determination is not Determination.NOT_SUPPORTED or verdict.ground is Ground.PRESENTATION:
            return []
        if any(self._judge.evaluation.truth(path.when) is MET for path in verdict.paths):
            return []
        own = set(self._judge.evaluation.regions) & set(LEVELS)
        modality = self._study.modality
        if modality in ADD_ONS or (modality in VESSELS and self._study.shared) or not (own or modality in (MRI, CT)):
            return []
        waiting = any(self._not_yet(verdict))
        for wanted, every_region in (
            (Ground.SUPPORT, False),
            (Ground.OPEN, False),
            (Ground.SUPPORT, True),
            (Ground.OPEN, True),
        ):
            if every_region and (waiting or not own):
                continue  # the right study already, only too early; or a study of another organ
            if wanted is Ground.OPEN and (len(own) > 1 or (every_region and verdict.paths)):
                continue  # of several levels, or of the right level: an open study of another one says nothing
            found = self._judged(wanted, self._candidates(every_region=every_region))
            found = [a for a in self.possible(found) if self._may_replace(a, verdict)]
            if found:
                return self._leading(found) if wanted is Ground.SUPPORT else found[:1]
        return []

    def _may_replace(self, alternative: Alternative, verdict: Verdict) -> bool:
        """CT takes the place of an MRI only where the section of the condition itself asks for it."""
        study = alternative.study
        if study is None or study.modality != CT or self._study.modality != MRI:
            return True
        sections = {criterion.section for criterion in verdict.decided_by}
        return not sections or alternative.because.partition("/")[0] in sections

    def _leading(self, alternatives: list[Alternative]) -> list[Alternative]:
        """Those of the modality that leads and of the one ordered: CT beside a supported MRI only if CT was ordered."""
        studies = [a.study for a in alternatives if a.study is not None]
        kept = {studies[0].modality, self._study.modality}
        return [a for a in alternatives if a.study is not None and a.study.modality in kept]

    def _judged(self, wanted: Ground, candidates: Iterable[Study]) -> list[Alternative]:
        """The candidates that the chart supports, or (OPEN) would support once a few facts are shown."""
        found: list[Alternative] = []
        for study in candidates:
            if not self._bench.judge_of(study).may_support():
                continue
            verdict = self._bench.verdict_on(study)
            supported = verdict.determination is Determination.SUPPORTED
            if verdict.decided_by and (
                supported if wanted is Ground.SUPPORT else verdict.ground is wanted and verdict.paths
            ):
                found.append(Alternative(study, verdict.decided_by[0].id))
            if len(found) == MOST:
                break
        return found

    def _candidates(self, *, every_region: bool) -> Iterator[Study]:
        """Advanced spine studies to compare with: those of the ordered region first, MRI without contrast leading."""
        own = [region for region in self._judge.evaluation.regions if region in LEVELS]
        for contrast in () if own else CONTRASTS:
            variant = self._catalogue.find(self._study.modality, self._study.regions, contrast)
            if variant is not None and variant.id != self._study.id:
                yield variant
        regions = [*own, *(level for level in LEVELS if level not in own)] if every_region else own
        for region in regions:
            for modality, contrast in COMPARED:
                study = self._catalogue.find(modality, (region,), contrast)
                if study is not None and study.id != self._study.id:
                    yield study
        yield from self._catalogue.with_key(SPINAL_ULTRASOUND)[:1]

    def _not_yet(self, verdict: Verdict) -> Iterator[Alternative]:
        for path in verdict.paths:
            days = (reached(self._judge.evaluation, test, self._day) for test in path.accruing)
            until = max((day for day in days if day is not None), default=None)
            if until is not None:
                step = next((s.id for s in self._judge.failed_steps([path])), path.criterion.id)
                yield Alternative(None, step, until)

    def _studies(self, keys: Iterable[str]) -> list[Study]:
        """The studies a criterion names, narrowed to the ordered regions when some of them image those."""
        named: list[Study] = []
        for key in keys:
            if key == PLAIN_XRAY:
                films = (self._catalogue.plain_xray(region) for region in self._judge.evaluation.regions)
                named.extend(film for film in films if film is not None)
            else:
                named.extend(self._catalogue.with_key(key)[:1])
        own = set(self._judge.evaluation.regions)
        return [study for study in named if own & set(study.regions)] or named


LEVELS = ("lumbar", "thoracic", "cervical", "pelvis")
COMPARED = ((MRI, "without"), (MRI, "without_and_with"), (CT, "without"))
SPINAL_ULTRASOUND = "76800"
CONTRASTS = ("without", "without_and_with")
VESSELS = frozenset({"CTA", "MRA"})
ADD_ONS = frozenset({"3D", "procedure", "XA"})  # nothing takes their place


def distinct(alternatives: Iterable[Alternative], ordered: Study) -> tuple[Alternative, ...]:
    """Each study once, without the one ordered, and one date at most; the first reason given is kept."""
    kept: dict[str, Alternative] = {}
    for alternative in alternatives:
        name = alternative.study.id if alternative.study else ""
        if alternative.study is not None and set(alternative.study.keys) & set(ordered.keys):
            continue
        earlier = kept.get(name)
        if earlier is None or (alternative.until and earlier.until and alternative.until < earlier.until):
            kept[name] = alternative
    return tuple(kept.values())[: MOST + 1]


def reached(evaluation: Evaluation, test: FactTest, day: date) -> date | None:
    """The day on which a growing duration passes its threshold; None for any other test."""
    definition = evaluation.vocabulary[test.fact]
    if not definition.accrues or not isinstance(test.operand, float) or evaluation.truth(test) is not NOT_MET:
        return None
    if test.comparison not in (Comparison.AT_LEAST, Comparison.MORE_THAN):
        return None
    for ref in test.refs(evaluation.regions):
        fact = evaluation.fact(ref)
        reached_on = None
        if fact.since is not None:
            reached_on = after(fact.since, test.operand, definition.unit)
        elif isinstance(fact.value, int | float) and not isinstance(fact.value, bool):
            reached_on = after(day, test.operand - bounds(fact.value)[0], definition.unit)
        if reached_on is not None:
            return reached_on + timedelta(days=1) if test.comparison is Comparison.MORE_THAN else reached_on
    return None


def after(day: date, duration: float, unit: str | None) -> date | None:
    """`day` plus a duration in days, weeks or calendar months; None for another unit."""
    if unit == "days":
        return day + timedelta(days=math.ceil(duration))
    if unit == "weeks":
        return day + timedelta(days=math.ceil(duration * 7))
    if unit != "months":
        return None
    months = day.year * 12 + day.month - 1 + math.ceil(duration)
    first = date(months // 12, months % 12 + 1, 1)
    following = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))
