"""Search over everything the pages show. All words must occur; where they occur decides the order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cds_service.core.criterion import Criterion
from cds_service.core.vocabulary import FactDefinition
from cds_service.web.guideline_browser.catalogue import Catalogue, system_name

MOST_HITS: Final = 100
LONGEST_QUERY: Final = 200

# The kinds of page, in the order in which hits of equal weight are listed.
KINDS: Final = ("section", "criterion", "fact", "study", "value set", "resolution")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be found. `document` is that of a section or criterion; `rest` is searched and not shown.

    `codes`, in lower case, are the ones it stands for: whoever types a code wants what it means.
    """

    kind: str
    name: str
    title: str
    document: str = ""
    section: str = ""
    rest: str = ""
    codes: frozenset[str] = frozenset()

    def weight(self, terms: tuple[str, ...]) -> int:
        """0 when a term is missing; more where the name or the title holds it."""
        name, title, rest = self.name.casefold(), self.title.casefold(), self.rest.casefold()
        total = 0
        for term in terms:
            found = 8 if term == name else 6 if term in self.codes else 4 if term in name else 2 if term in title else 0
            found = found or int(term in rest)
            if not found:
                return 0
            total += found
        return total


class Index:
    """Made once; a search walks it from end to end, which a few thousand entries allow."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._entries = tuple(_entries(catalogue))

    def search(self, query: str) -> tuple[tuple[Entry, ...], int]:
        """The best hits, and how many there are in all."""
        terms = tuple(query[:LONGEST_QUERY].casefold().split())
        if not terms:
            return (), 0
        weighed = [(entry.weight(terms), entry) for entry in self._entries]
        hits = [(weight, entry) for weight, entry in weighed if weight]
        hits.sort(key=lambda hit: (-hit[0], KINDS.index(hit[1].kind)))
        return tuple(entry for _, entry in hits[:MOST_HITS]), len(hits)


def _entries(catalogue: Catalogue) -> Iterator[Entry]:
    for section in catalogue.guidelines.sections.values():
        yield Entry("section", section.id, section.title, section.document, section.id)
        for criterion in section.criteria:
            yield _criterion(criterion, section.document)
    for fact in catalogue.facts.values():
        yield _fact(fact, catalogue)
    for study in catalogue.guidelines.studies.studies.values():
        codes = " ".join(f"{code.code} {code.label}" for code in study.codes)
        yield Entry(
            "study",
            study.id,
            study.label,
            rest=f"{codes} {study.modality} {' '.join(study.regions)}",
            codes=_lower(code.code for code in study.codes),
        )
    for code_set in catalogue.value_sets.values():
        codes = " ".join(f"{member.code} {member.label}" for member in code_set.members)
        systems = " ".join({system_name(member.system) for member in code_set.members})
        yield Entry(
            "value set",
            code_set.id,
            code_set.title,
            rest=f"{codes} {systems}",
            codes=_lower(member.code for member in code_set.members),
        )
    for reading in catalogue.readings.values():
        yield Entry("resolution", reading.id, reading.topic, rest=reading.text)


def _lower(codes: Iterable[str]) -> frozenset[str]:
    return frozenset(code.casefold() for code in codes)


def _criterion(criterion: Criterion, document: str) -> Entry:
    rest = " ".join([criterion.note or "", criterion.refers_to or "", criterion.kind, *sorted(criterion.studies)])
    return Entry("criterion", criterion.id, criterion.says, document, criterion.section, rest)


def _fact(fact: FactDefinition, catalogue: Catalogue) -> Entry:
    phrase = catalogue.phrase(fact.id)
    asked = f"{phrase.statement} {phrase.question}" if phrase else ""
    arguments = " ".join(f"{argument} {means}" for argument, means in fact.arguments.items())
    return Entry("fact", fact.id, fact.means, rest=f"{asked} {arguments} {' '.join(fact.codes)}")
