"""Which code reads which fact, and from which resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from cds_service.core.fact import NOT_DOCUMENTED, Fact, Source, Why
from cds_service.core.quantity import Range
from cds_service.core.truth import UNKNOWN
from cds_service.fhir.bundle import Failure
from cds_service.fhir.dates import read_date

if TYPE_CHECKING:
    from cds_service.facts.chart import Chart

# Reads one fact from the chart; the second argument is the fact's own ("lumbar"), None for a fact without one.
# None means that the chart holds nothing of the kind. Never raises for bad data.
Extractor = Callable[["Chart", str | None], Fact | None]

# Where structured answers stand. A fact is not undocumented while these could not be read.
ANSWERS: Final = ("QuestionnaireResponse", "Observation")
# Facts that a birth date settles better than any answer.
CHART_FIRST: Final = frozenset({"age_years", "age_months"})
# Facts of which a chart never holds more than a part, so that what could not be read can only add to them. Any other
# span of time is that from the latest event, and a later one may be unread.
LOWER_BOUNDS: Final = frozenset({"conservative_treatment_weeks"})
# Where the start of the present symptoms stands, when nobody states it.
PLACED_BY: Final = ("Condition",)
# Types that many servers do not offer at all, with the answers that say so. There, "no such search" means that nothing
# of the kind exists. A 400 may also mean a search that wants more parameters, so it counts for the rarest types only.
_NO_SUCH_TYPE: Final = frozenset({"http 404", "http 405", "http 501"})
_NOT_OFFERED: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("Appointment", "CarePlan", "Communication", "Device", "Goal", "MedicationStatement"),
        _NO_SUCH_TYPE | {"http 400"},
    ),
    **dict.fromkeys(("ImagingStudy", "QuestionnaireResponse"), _NO_SUCH_TYPE),
}


# A number that follows from another one: (the other fact, how many times it).
FOLLOWS: Final[dict[str, tuple[str, float]]] = {
    "age_months": ("age_years", 12.0),
    "conservative_treatment_days": ("conservative_treatment_weeks", 7.0),
}

# Signals beside the ids of value sets: what must be there for some readers to find anything.
ANSWERED: Final = "structured answers"
DRAFTED: Final = "other draft orders"
FLAGGED: Final = "details of the order"
IMAGED: Final = "imaging examinations"
SEEN: Final = "visits for this problem"
TREATED: Final = "treatment of the spine"
SIGNALS: Final = frozenset({ANSWERED, DRAFTED, FLAGGED, IMAGED, SEEN, TREATED})


@dataclass(frozen=True, slots=True)
class Reader:
    """`needs` are signals, one of which must be there for the reader to find anything; None: it is always asked.
    `in_episode`: what it finds counts only in the present episode."""

    extract: Extractor
    reads: tuple[str, ...]
    needs: frozenset[str] | None = None
    in_episode: bool = False


# By fact id, or by id and argument where one argument has a reader of its own: "condition(leukemia_only)".
REGISTRY: Final[dict[str, Reader]] = {}


def fact(
    ref: str, *, reads: Iterable[str], needs: Iterable[str] | None = None, in_episode: bool = False
) -> Callable[[Extractor], Extractor]:
    """Registers the decorated function as the reader of a fact.

    `reads` are the resource types it looks at; `needs` the value sets and other signals without any of which it finds
    nothing, so that it need not be asked (rows of the table of problems count by themselves). `in_episode`: what it
    finds is placed by the start of the present symptoms, which other problems tell.
    """

    def register(extract: Extractor) -> Extractor:
        if ref in REGISTRY:
            raise ValueError(f"two readers for {ref}")
        REGISTRY[ref] = Reader(extract, tuple(reads), None if needs is None else frozenset(needs), in_episode)
        return extract

    return register


@cache  # asked for every fact of every request, after the last reader is registered
def reads_of(fact_id: str) -> tuple[str, ...]:
    """The resource types in which a fact may stand, or that place it, those of answers and of all its arguments
    included, and of the fact that it follows from."""
    names = (fact_id, *FOLLOWS.get(fact_id, ())[:1])
    readers = [reader for ref, reader in REGISTRY.items() if ref.partition("(")[0] in names]
    kinds = [kind for reader in readers for kind in (*reader.reads, *(PLACED_BY if reader.in_episode else ()))]
    return tuple(dict.fromkeys((*kinds, *ANSWERS)))


def infer(chart: Chart, fact_id: str, argument: str | None) -> Fact:
    """The fact as the coded chart gives it.

    Unknown as NOT_RETRIEVED when a resource type that the fact reads could not be read in full. What was found all
    the same stands only where more reading could not undo it: a finding that holds, or a lower bound. What nobody
    could place before or after the start of the symptoms, because problems were not read, is not retrieved either.
    """
    reader = REGISTRY.get(f"{fact_id}({argument})") or REGISTRY.get(fact_id)
    found = reader.extract(chart, argument) if reader else None
    if found is not None and (found.value is True or (fact_id in LOWER_BOUNDS and isinstance(found.value, Range))):
        return found
    if reader is None or reader.reads:
        settled = found is not None and found.known and fact_id in CHART_FIRST
        unplaced = reader is not None and reader.in_episode and found is not None and _is_unplaced(chart, found)
        reads = (
            *(reader.reads if reader else ()),
            *(PLACED_BY if unplaced else ()),
            *(() if settled else ANSWERS),
        )
        failures = [failure for failure in chart.record.failures(reads) if not _not_offered(failure)]
        if failures:
            named = ", ".join(dict.fromkeys(f"{failure.resource_type}: {failure.reason}" for failure in failures))
            return Fact.unknown(Why.NOT_RETRIEVED, *(found.sources if found else ()), note=named)
    return found if found is not None else NOT_DOCUMENTED


def _is_unplaced(chart: Chart, found: Fact) -> bool:
    """Whether a fact stands on something that may lie before or after a start of the symptoms that was not read."""
    episode = chart.episode
    return episode.unread and any(episode.since(read_date(source.date)) is UNKNOWN for source in found.sources)


def _not_offered(failure: Failure) -> bool:
    return failure.reason in _NOT_OFFERED.get(failure.resource_type, ())


def unreadable(*sources: Source, note: str) -> Fact:
    return Fact.unknown(Why.UNREADABLE, *sources, note=note)


def open_fact(*sources: Source, note: str) -> Fact:
    """Not documented, although the chart holds something that comes close: `note` says why it does not count."""
    return Fact.unknown(Why.NOT_DOCUMENTED, *sources, note=note)
