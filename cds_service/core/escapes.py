"""What would change the answer: silent facts that were read as absent and that alone would settle it otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.core.criterion import Criterion, FactTest, Node, fact_tests
from cds_service.core.determination import Determination, Ground
from cds_service.core.judge import Judge
from cds_service.core.plan import MRI_CONTRAINDICATED
from cds_service.core.truth import MET, NOT_MET, Truth
from cds_service.core.verdict import Verdict

RED_FLAG_ANY = FactTest("red_flag_any")
RED_FLAG_SPINAL = FactTest("red_flag_spinal", of_order=True)
LEVEL_KNOWN = FactTest("level_known")
RELEVANT_LEVEL = "relevant_level"


def escapes(judge: Judge, verdict: Verdict) -> tuple[str, ...]:
    """Names for `unless`, red flags first. Empty when the study is supported or judged elsewhere."""
    found: list[str] = []
    if verdict.determination in (Determination.NOT_SUPPORTED, Determination.NEEDS_INFORMATION):
        if _red_flag_would_help(judge):
            found.append(RED_FLAG_ANY.fact)
        if _level_would_help(judge):
            found.append(RELEVANT_LEVEL)
    if verdict.ground in (Ground.UNMET, Ground.OPEN):
        sections = {criterion.section for criterion in verdict.decided_by}
        near = [
            path
            for path in judge.live.paths
            if (path.criterion.red_flag or path.criterion.section in sections) and judge.speaks_of_patient(path)
        ]
        asked = frozenset(verdict.asks_for) if verdict.ground is Ground.OPEN else None
        found += _turns(judge, (judge.path_node(path) for path in near), MET, asked)
        if judge.plan.substitutions and judge.mri_is_supported():
            found.append(MRI_CONTRAINDICATED.fact)
    if verdict.ground in (Ground.TECHNIQUE, Ground.PRESENTATION):
        found += _turns(judge, (c.when for c in verdict.decided_by if c.when is not None), NOT_MET)
    # A part of an adult red flag may open another path as well, so those stay; other summaries stand for their parts.
    parts = {ref for name in found if name != RED_FLAG_ANY.fact for ref in _parts(judge, name)}
    return tuple(name for name in dict.fromkeys(found) if name not in parts)


def _parts(judge: Judge, name: str) -> Iterator[str]:
    """What a summary fact is made of: beside the summary, its parts are not listed."""
    definition = judge.evaluation.vocabulary.get(name)
    if definition is not None and definition.defined_as is not None:
        for test in fact_tests(definition.defined_as):
            yield from test.refs(judge.evaluation.regions)
            yield from _parts(judge, test.fact)


def _turns(judge: Judge, nodes: Iterable[Node], want: Truth, asked: frozenset[str] | None = None) -> list[str]:
    """Silent facts that alone settle a tree. Beside `asked` facts only those that spare at least one of them."""
    return sorted(
        turn
        for node in nodes
        for way in judge.ways.to(node, want, turning=True)
        if len(way.turns) == 1 and not way.blocked and (asked is None or way.asks < asked)
        for turn in way.turns
    )


def _red_flag_would_help(judge: Judge) -> bool:
    """A red flag could still support the study, or send a child to urgent review."""
    if judge.evaluation.truth(RED_FLAG_ANY) is MET:
        return False
    helped: list[Criterion] = [path.criterion for path in judge.plan.red_flags]
    helped += [pointer for pointer in judge.plan.pointers if pointer.only_if_uncovered]
    return any(judge.fits(criterion) is not NOT_MET for criterion in helped)


def _level_would_help(judge: Judge) -> bool:
    """A red flag is met, but nothing says that it concerns the level ordered."""
    red_flag, concerns_level, level_known = map(judge.evaluation.truth, (RED_FLAG_ANY, RED_FLAG_SPINAL, LEVEL_KNOWN))
    return red_flag is MET and concerns_level is not MET and level_known is not MET
