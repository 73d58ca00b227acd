"""The order of judgement: which step decides about one study, and on which criteria."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cds_service.core import truth
from cds_service.core.criterion import AllOf, Criterion, Enforce, FactTest, Node
from cds_service.core.determination import Determination, Ground
from cds_service.core.evaluate import Evaluation, Reading
from cds_service.core.fact import Why
from cds_service.core.plan import GENERAL, Path, Plan
from cds_service.core.truth import MET, NOT_MET, UNKNOWN, Truth
from cds_service.core.verdict import Verdict, governed, least, refused, supported
from cds_service.core.watch import Asleep
from cds_service.core.ways import Way

URGENT_PRESENTATION = FactTest("urgent_presentation", of_order=True)
INDICATION = "indication"
AGE, AGE_YEARS = "age_months", "age_years"
AGES = frozenset({AGE, AGE_YEARS})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the judgement of a study needs to know beyond its plan and its facts.

    `has_indication` looks through the chart for any presentation, finding or plan. `mri_verdicts` judges the MRI
    studies of the same region; it is asked only when a CT may stand in for one.
    """

    has_reason: bool
    has_indication: Callable[[], bool]
    mri_verdicts: Callable[[], Iterable[Verdict]]


class Judge:
    """Judges one study for one patient. The first step of `verdict` that holds decides (design: order of judgement).

    `live` is the plan without the criteria that are asleep.
    """

    __slots__ = ("_circumstances", "_fits", "_urgent", "evaluation", "live", "plan", "ways")

    def __init__(self, plan: Plan, evaluation: Evaluation, asleep: Asleep, circumstances: Circumstances) -> None:
        self.plan = plan
        self.live = plan if asleep.awake is None else plan.awake(asleep.awake)
        self.evaluation = evaluation
        self.ways = asleep.ways(evaluation)
        self._circumstances = circumstances
        self._fits: dict[tuple[FactTest, ...], Truth] = {}
        self._urgent: bool | None = None

    def verdict(self) -> Verdict:
        """The verdict with all that explains it."""
        return self.outcome() or self._unmet()

    def outcome(self) -> Verdict | None:
        """The verdict of the first step that holds; None when no step does, and nothing supports the study."""
        steps = (
            self._urgent_pointer,
            self._red_flag,
            self._pointer,
            self._technique,
            self._technique_open,
            self._support,
            self._substitution,
            self._presentation,
            self._referral,
            self._open,
            self._not_read,
            self._age_open,
            self._no_indication,
        )
        for step in steps:
            found = step()
            if found is not None:
                return found
        return None

    def red_flag(self) -> Verdict | None:
        """The verdict where a red flag supports the study, without looking at anything that comes later."""
        return None if self._urgent_pointer() else self._red_flag()

    # -- the steps, in order ----------------------------------------------------------------------------------------

    def _urgent_pointer(self) -> Verdict | None:
        return governed(Ground.URGENT_POINTER, self._governing(self._met(self.live.urgent)))

    def _red_flag(self) -> Verdict | None:
        # A red flag waits for nothing, not even for an age: only a known other age excludes it.
        paths = tuple(
            path
            for path in self.live.red_flags
            if self.evaluation.truth(path.when) is MET and self.fits(path.criterion) is not NOT_MET
        )
        return supported(Ground.RED_FLAG, self._preferred(paths))

    def _pointer(self) -> Verdict | None:
        pointers = [
            pointer for pointer in self._met(self.live.pointers) if not (pointer.only_if_uncovered and self._covered())
        ]
        if not pointers:
            return None
        return governed(Ground.POINTER, self._governing([*pointers, *self._met(self.live.referrals)]))

    def _technique(self) -> Verdict | None:
        return refused(Ground.TECHNIQUE, self._excluded(self.live.technique))

    def _technique_open(self) -> Verdict | None:
        """A technique that one answer may rule out as unsafe is not supported until that answer is there."""
        asked = self._asked_by(self.live.technique)
        if not asked:
            return None
        return self._asking([c for c, _ in asked], (), {fact for _, facts in asked for fact in facts})

    def _support(self) -> Verdict | None:
        paths = tuple(path for path in self.live.paths if self.path_truth(path) is MET)
        return supported(Ground.SUPPORT, self._preferred(paths))

    def _substitution(self) -> Verdict | None:
        """CT in place of an MRI that is contraindicated and would itself be supported."""
        standing_in = self._met(self.live.substitutions)
        if not standing_in:
            return None
        verdicts = list(self._circumstances.mri_verdicts())
        for wanted in (Determination.SUPPORTED, Determination.NEEDS_INFORMATION):
            for mri in verdicts:
                if mri.determination is wanted and mri.ground is not Ground.NO_INDICATION:
                    decided = (*standing_in, *mri.decided_by)
                    return Verdict(wanted, mri.ground, decided, mri.paths, mri.asks_for, mri.blocked)
        return None

    def _presentation(self) -> Verdict | None:
        return refused(Ground.PRESENTATION, self._excluded(self.live.exclusions))

    def _referral(self) -> Verdict | None:
        return governed(Ground.REFERRAL, self._governing(self._met(self.live.referrals)))

    def _open(self) -> Verdict | None:
        """The nearest path whose only open parts are facts to be shown."""
        # Where a technique is out anyway, no answer about the presentation would bring the study back.
        out = any(self.holds(criterion) is MET for criterion in self.live.technique)
        asked = [] if out else self._asked_by(self.live.exclusions)
        nearest: list[tuple[Path, Way]] = []
        for path in self._open_paths():
            ways = [way for way in self.ways.to(self.path_node(path)) if not way.blocked]
            if ways:
                nearest.append((path, ways[0]))
        if not nearest and not asked:
            return None
        decided = [criterion for criterion, _ in asked]
        facts = {fact for _, facts in asked for fact in facts}
        paths: tuple[Path, ...] = ()
        if nearest:
            shortest = min(way.size for _, way in nearest)
            chosen = next(way for _, way in nearest if way.size == shortest)
            paths = self._preferred(tuple(path for path, way in nearest if way == chosen))
            facts |= chosen.asks
            decided += self._with_open_requirements(paths)
        return self._asking(decided, paths, facts)

    def _asking(self, decided: list[Criterion], paths: tuple[Path, ...], facts: set[str]) -> Verdict:
        """Facts to be shown; while the record could not be read for one of them, nobody can say that it is missing."""
        blocked = sorted(ref for ref in facts if self.evaluation.fact(ref).why is Why.NOT_RETRIEVED)
        return Verdict(
            Determination.NEEDS_INFORMATION,
            Ground.NOT_READ if blocked else Ground.OPEN,
            tuple(decided),
            paths,
            asks_for=tuple(sorted(facts)),
            blocked=tuple(blocked),
        )

    def _not_read(self) -> Verdict | None:
        """Something that could support the study could not be read: that is no reason to refuse it."""
        shortest = {path: way for path in self._open_paths() for way in self.ways.to(self.path_node(path))[:1]}
        if not any(way.blocked for way in shortest.values()):
            return None
        speaking = {path: way for path, way in shortest.items() if self.speaks_of_patient(path)}
        if not speaking:  # which of so many criteria would be met is a guess: that the record was not read says it all
            blocked = {ref for way in shortest.values() for ref in way.blocked}
            return Verdict(Determination.NEEDS_INFORMATION, Ground.NOT_READ, (), blocked=tuple(sorted(blocked)))
        least = min(way.size for way in speaking.values())
        paths = self._preferred(tuple(path for path, way in speaking.items() if way.size == least))
        blocked = {ref for path in paths for ref in speaking[path].blocked}
        return Verdict(
            Determination.NEEDS_INFORMATION,
            Ground.NOT_READ,
            tuple(path.criterion for path in paths),
            paths,
            asks_for=tuple(sorted({ref for path in paths for ref in speaking[path].asks})),
            blocked=tuple(sorted(blocked)),
        )

    def _age_open(self) -> Verdict | None:
        """At some ages another guideline or a person takes over, and nothing but the age is open."""
        waiting: list[Criterion] = []
        facts: set[str] = set()
        for criterion in (*self.live.urgent, *self.live.pointers, *self.live.referrals):
            if criterion.when is not None and self.holds(criterion) is UNKNOWN:
                ways = self.ways.to(AllOf((*criterion.ages, criterion.when)))
                needed = ways[0].asks or ways[0].blocked if ways else frozenset()
                if needed and needed <= AGES:
                    waiting.append(criterion)
                    facts |= needed
        return self._asking(waiting, (), facts) if waiting else None

    def _no_indication(self) -> Verdict | None:
        if any(map(self.speaks_of_patient, self.live.paths)) or self._circumstances.has_indication():
            return None
        if self._circumstances.has_reason:
            # A reason that no section knows is not a missing reason, and never ground for a refusal.
            return Verdict(Determination.NO_GUIDELINE, Ground.NO_SECTION, ())
        return Verdict(Determination.NEEDS_INFORMATION, Ground.NO_INDICATION, (), asks_for=(INDICATION,))

    def _unmet(self) -> Verdict:
        paths, nearby = self.nearest_failed_paths()
        decided = [*self.open_exclusions(), *self._met(self.live.preferences)]
        decided += [path.criterion for path in (*paths, *nearby)]
        decided += self.failed_steps(paths)  # the steps of another condition are no business of this patient
        return Verdict(Determination.NOT_SUPPORTED, Ground.UNMET, tuple(dict.fromkeys(decided)), paths)

    # -- what the steps ask -----------------------------------------------------------------------------------------

    def fits(self, criterion: Criterion) -> Truth:
        """Whether the patient is of the age the criterion speaks of."""
        found = self._fits.get(criterion.ages)
        if found is None:
            found = self._fits[criterion.ages] = truth.all_of(map(self.evaluation.truth, criterion.ages))
        return found

    def holds(self, criterion: Criterion, reading: Reading = Reading.SUPPORT) -> Truth:
        fits = self.fits(criterion)
        if criterion.when is None or fits is NOT_MET:
            return NOT_MET
        return truth.all_of((fits, self.evaluation.truth(criterion.when, reading)))

    def binds(self, requirement: Criterion) -> bool:
        """Whether a missing prerequisite holds this study back, rather than riding beside it."""
        if requirement.enforce is Enforce.INFORMATION or self.fits(requirement) is NOT_MET:
            return False
        return not (requirement.enforce is Enforce.INFORMATION_IF_URGENT and self.is_urgent())

    def is_urgent(self) -> bool:
        if self._urgent is None:
            self._urgent = self.evaluation.truth(URGENT_PRESENTATION) is MET
        return self._urgent

    def path_truth(self, path: Path) -> Truth:
        if self.evaluation.truth(path.when) is NOT_MET:
            return NOT_MET
        return self.evaluation.truth(self.path_node(path))

    def path_node(self, path: Path) -> Node:
        """The whole path as one tree: age, criterion, and the prerequisites that bind."""
        return path.if_urgent if self.is_urgent() else path.whole

    def open_steps(self, paths: Iterable[Path]) -> tuple[Criterion, ...]:
        """Prerequisites of these paths that are not met, and count for this patient."""
        steps = [r for path in paths for r in path.requires if self.binds(r) and not self._is_done(r)]
        return tuple({step.id: step for step in steps}.values())

    def _is_done(self, step: Criterion) -> bool:
        # An unknown age is asked for; it does not make a documented visit undone.
        return step.when is not None and self.evaluation.truth(step.when) is MET

    def failed_steps(self, paths: Iterable[Path]) -> tuple[Criterion, ...]:
        """The steps that are known not to be done; all open ones when none is known."""
        steps = [step for step in self.open_steps(paths) if not self._is_unread(step)]
        failed = tuple(step for step in steps if self.holds(step) is NOT_MET)
        return failed or tuple(steps)

    def _is_unread(self, step: Criterion) -> bool:
        """Whether the record could not be read for a step: nobody can say that it is still to do."""
        ways = self.ways.to(step.when) if step.when is not None and self.holds(step) is UNKNOWN else ()
        return bool(ways) and all(way.blocked for way in ways)

    def unread_beside(self, paths: Iterable[Path]) -> tuple[str, ...]:
        """Facts that could not be read and that a step or a note beside a supported study waits for."""
        waiting = [*self.open_steps(paths), *(hint for hint in self.live.hints if hint.note_card)]
        nodes = [c.when for c in waiting if c.when is not None and self.holds(c) is UNKNOWN]
        return tuple(sorted({ref for node in nodes for way in self.ways.to(node) for ref in way.blocked}))

    def open_exclusions(self) -> list[Criterion]:
        """Exclusions that would hold if silence were absence, or that speak of this patient and are not ruled out."""
        return [
            c
            for c in (*self.live.technique, *self.live.exclusions, *self.live.hints)
            if c.when is not None
            and c.kind != GENERAL
            and not c.note_card
            and (self.holds(c) is MET or (self.holds(c) is UNKNOWN and self.evaluation.touches(c.when)))
        ]

    def nearest_failed_paths(self) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Of the paths that speak of this patient: those whose indication is met and that miss the fewest steps, and
        those that miss the fewest facts of any kind. Red flags are escapes, not paths.
        """
        speaking = self._preferred(
            tuple(
                path
                for path in self.live.paths
                if not path.criterion.red_flag
                and self.fits(path.criterion) is not NOT_MET
                and self.speaks_of_patient(path)
            )
        )
        missed = {path: len(self.ways.gap(self.path_node(path))) for path in speaking}
        indicated = [path for path in speaking if not self._misses_indication(path)]
        return least(indicated, missed), least(speaking, missed)

    def _misses_indication(self, path: Path) -> bool:
        return any(map(self.evaluation.is_indication, self.ways.gap(path.when)))

    def speaking_exclusions(self) -> tuple[Criterion, ...]:
        """Exclusions that name something the patient has, although other parts of them do not hold."""
        return tuple(
            c
            for c in (*self.live.technique, *self.live.exclusions)
            if c.when is not None and self.fits(c) is not NOT_MET and self.evaluation.touches(c.when)
        )

    def speaks_of_patient(self, path: Path) -> bool:
        """Whether a presentation, finding or plan that the path asks for is met."""
        return any(self.evaluation.truth(test) is MET for test in path.indications)

    def may_support(self) -> bool:
        """Whether some path is not ruled out. Cheap: asked of many studies, of which few pass."""
        return any(self.evaluation.truth(path.when) is not NOT_MET for path in self.live.paths)

    def speaks(self) -> bool:
        """Whether any criterion for this study speaks of the patient."""
        return (
            any(map(self.speaks_of_patient, self.live.paths))
            or bool(self.open_exclusions())
            or bool(self._met(self.live.preferences))
        )

    def speaks_plainly(self) -> bool:
        """Whether a supporting criterion, or an exclusion that names what the patient has, holds for this study."""
        return any(self.evaluation.truth(path.when) is MET for path in self.live.paths) or any(
            self.holds(c) is MET and c.when is not None and self.evaluation.touches(c.when)
            for c in (*self.live.technique, *self.live.exclusions)
        )

    def _open_paths(self) -> tuple[Path, ...]:
        return tuple(path for path in self.live.paths if self.path_truth(path) is UNKNOWN)

    def _covered(self) -> bool:
        """Whether some path supports the study, or would once its prerequisites are shown."""
        return any(
            self.evaluation.truth(path.when) is MET and self.path_truth(path) is not NOT_MET for path in self.live.paths
        )

    def _met(self, criteria: Iterable[Criterion]) -> list[Criterion]:
        return [c for c in criteria if self.holds(c) is MET]

    def _excluded(self, criteria: Iterable[Criterion]) -> list[Criterion]:
        return [c for c in criteria if self.holds(c, Reading.EXCLUSION) is MET]

    def mri_is_supported(self) -> bool:
        """Whether the MRI that this CT would stand in for is itself supported."""
        return any(mri.determination is Determination.SUPPORTED for mri in self._circumstances.mri_verdicts())

    def _asked_by(self, exclusions: Iterable[Criterion]) -> list[tuple[Criterion, list[str]]]:
        """Exclusions that only answers can settle, each with the facts that still lack one.

        Whether they speak of this patient at all may hang on what could not be read: that is named first.
        """
        asked = []
        for criterion in exclusions:
            if criterion.ask_open is None or self.fits(criterion) is not MET:
                continue
            when = criterion.ask_open.when
            holds = self.evaluation.truth(when)
            unanswered = [ref for ref in criterion.ask_open.facts if not self.evaluation.fact(ref).known]
            if holds is NOT_MET or not unanswered:
                continue
            ways = self.ways.to(when) if holds is UNKNOWN and not self.evaluation.touches(when) else ()
            unread = ways[0].blocked if ways and all(way.blocked for way in ways) else ()
            asked.append((criterion, [*sorted(unread), *unanswered]))
        return asked

    def _governing(self, criteria: list[Criterion]) -> list[Criterion]:
        """Without the criteria of documents that give way, unless those are all there is."""
        governing = [c for c in criteria if c.citation.document not in self.live.yielding]
        return governing or criteria

    def _with_open_requirements(self, paths: Iterable[Path]) -> list[Criterion]:
        chosen = tuple(paths)
        return [*(path.criterion for path in chosen), *self.open_steps(chosen)]

    def _preferred(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """The same for paths."""
        governing = {id(criterion) for criterion in self._governing([path.criterion for path in paths])}
        return tuple(path for path in paths if id(path.criterion) in governing)
