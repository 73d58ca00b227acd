"""Facts that a chart says nothing about, told from its signals alone.

A signal is the id of a value set that occurs somewhere in the chart or on the order, or one of the few named in
`registry`. Nine facts in ten have no signal in a given chart: they are NOT_DOCUMENTED without asking their readers,
who would each find the same. Measured on 90 resources, this is the difference between 4 ms and 0.3 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from cds_service.core.criterion import REQUESTED_REGION
from cds_service.core.fact import NOT_DOCUMENTED, Fact
from cds_service.core.vocabulary import Vocabulary
from cds_service.facts.evaluation import visits
from cds_service.facts.imaging_done import examinations_on_record
from cds_service.facts.problems import TABLE, TableReader, matches
from cds_service.facts.registry import (
    ANSWERED,
    DRAFTED,
    FLAGGED,
    FOLLOWS,
    IMAGED,
    REGISTRY,
    SEEN,
    TREATED,
    reads_of,
)
from cds_service.facts.treatment import items

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart


class Quiet:
    """Which facts of a vocabulary wake at which signal, worked out once."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._silent: dict[str, Fact] = {}
        self._restless: set[str] = set()
        self._by_signal: dict[str, set[str]] = {}
        self._by_type: dict[str, set[str]] = {}
        for definition in vocabulary.values():
            for argument in definition.arguments or (None,):
                ref = definition.id if argument is None else f"{definition.id}({argument})"
                names = {ref, regional(definition.id)}
                needs = needs_of(definition.id, argument)
                if needs is None:
                    self._restless |= names
                    continue
                self._silent[ref] = NOT_DOCUMENTED
                for signal in needs:
                    self._by_signal.setdefault(signal, set()).update(names)
                for kind in reads_of(definition.id):
                    self._by_type.setdefault(kind, set()).update(names)

    def facts_of(self, chart: Chart) -> tuple[dict[str, Fact], set[str]]:
        """The facts that this chart is silent about, and the names of all others.

        A fact that a failed query might have told of is not silent. A fact with a region is also named as of the
        ordered one, as criteria ask for it.
        """
        awake = self._restless.copy()
        for signal in signals_of(chart):
            awake.update(self._by_signal.get(signal, ()))
        for kind in chart.record.failed_types:
            awake.update(self._by_type.get(kind, ()))
        for ref in chart.answers:
            awake |= {ref, regional(ref.partition("(")[0])}
        facts = self._silent.copy()
        for ref in awake:
            facts.pop(ref, None)
        return facts, awake


def regional(name: str) -> str:
    """A fact of the ordered region, whichever that is."""
    return f"{name}({REQUESTED_REGION})"


_KEPT: Final[dict[int, tuple[Vocabulary, Quiet]]] = {}


def quiet(vocabulary: Vocabulary) -> Quiet:
    """The one of this vocabulary. It is kept beside the vocabulary itself, so that the id stays its own."""
    known = _KEPT.get(id(vocabulary))
    if known is None:
        known = _KEPT[id(vocabulary)] = (vocabulary, Quiet(vocabulary))
    return known[1]


def needs_of(name: str, argument: str | None) -> frozenset[str] | None:
    """The signals without any of which a fact is silent, unless it is answered; None for one that is always read."""
    reader = REGISTRY.get(f"{name}({argument})") or REGISTRY.get(name)
    if name in FOLLOWS:
        return None
    if reader is None:
        return frozenset()
    if reader.needs is None and not isinstance(reader.extract, TableReader):
        return None
    return (reader.needs or frozenset()).union(_sets_of_rows(name, argument))


def _sets_of_rows(name: str, argument: str | None) -> Iterator[str]:
    for row in TABLE.get(f"{name}({argument})", ()):
        yield from row.sets
    for row in TABLE.get(name, ()):
        if argument is None or not row.regions or matches(argument, frozenset(row.regions)):
            yield from row.sets


def signals_of(chart: Chart) -> Iterator[str]:
    yield from chart.signals
    there: Mapping[str, object] = {
        ANSWERED: chart.answers or chart.findings.stated,
        DRAFTED: chart.drafts,
        FLAGGED: chart.order.flags,
        IMAGED: examinations_on_record(chart),
        SEEN: visits(chart),
        TREATED: items(chart),
    }
    yield from (signal for signal, found in there.items() if found)
