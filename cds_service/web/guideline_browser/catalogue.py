"""Everything the pages show, looked up by the names that stand in addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from cds_service.card_builder.words import FactPhrase, Words
from cds_service.core.criterion import Criterion, Section, fact_tests
from cds_service.core.value_set import CodeSet
from cds_service.core.vocabulary import FactDefinition
from cds_service.guidelines.load import Document, Guidelines
from cds_service.guidelines.outline import Line, outline
from cds_service.guidelines.resolutions import Resolution, mentioned

SYSTEM_NAMES: Mapping[str, str] = {
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://www.whocc.no/atc": "ATC",
    "http://nucc.org/provider-taxonomy": "NUCC",
}


class Catalogue:
    """Guidelines, readings of what is unclear in them, and the words for facts."""

    def __init__(self, guidelines: Guidelines, readings: Mapping[str, Resolution], words: Words) -> None:
        self.guidelines = guidelines
        self.readings = readings
        self.words = words

    @property
    def documents(self) -> Mapping[str, Document]:
        return self.guidelines.documents

    @property
    def facts(self) -> Mapping[str, FactDefinition]:
        return self.guidelines.vocabulary

    @property
    def value_sets(self) -> Mapping[str, CodeSet]:
        return self.guidelines.value_sets

    def sections_of(self, document: str) -> tuple[Section, ...]:
        """In print order: SP-2.10 after SP-2.9."""
        listed = [section for section in self.guidelines.sections.values() if section.document == document]
        return tuple(sorted(listed, key=lambda section: _numbers(section.id)))

    def section(self, document: str, name: str) -> Section | None:
        return self.guidelines.sections.get(f"{document} {name}")

    def place_of(self, criterion: str) -> Section | None:
        """The section that holds a criterion; of several editions the one listed last."""
        holding = [s for s in self.guidelines.sections.values() if any(c.id == criterion for c in s.criteria)]
        return holding[-1] if holding else None

    def phrase(self, fact: str) -> FactPhrase | None:
        """The words of a fact; of one with arguments, those of its first."""
        definition = self.facts[fact]
        argument = next(iter(definition.arguments), None)
        return self.words.phrases.get(f"{fact}({argument})" if argument else fact)

    def statement(self, ref: str) -> str | None:
        """A fact, argument included, in words: "x-ray of the lumbar spine"; None for one that has no words."""
        phrase = self.words.phrases.get(ref)
        return phrase.statement if phrase else None

    @cached_property
    def criteria_reading(self) -> Mapping[str, tuple[Criterion, ...]]:
        """Fact id -> the criteria whose own tree tests it."""
        return _gathered(
            (test.fact, criterion)
            for criterion in self._criteria()
            if criterion.when
            for test in fact_tests(criterion.when)
        )

    @cached_property
    def criteria_comparing(self) -> Mapping[str, tuple[Criterion, ...]]:
        """Value set id -> the criteria that compare with it."""
        return _gathered(
            (name, criterion)
            for criterion in self._criteria()
            if criterion.when
            for name in _value_sets(outline(criterion.when, self.facts))
        )

    @cached_property
    def criteria_noting(self) -> Mapping[str, tuple[Criterion, ...]]:
        """Resolution id -> the criteria whose note names it."""
        return _gathered((name, criterion) for criterion in self._criteria() for name in mentioned(criterion.note))

    @cached_property
    def facts_built_on(self) -> Mapping[str, tuple[str, ...]]:
        """Fact id -> the facts that are derived from it."""
        found: dict[str, dict[str, None]] = {}
        for definition in self.facts.values():
            for test in fact_tests(definition.defined_as) if definition.defined_as else ():
                found.setdefault(test.fact, {})[definition.id] = None
        return {fact: tuple(built) for fact, built in found.items()}

    def _criteria(self) -> Iterator[Criterion]:
        for section in self.guidelines.sections.values():
            yield from section.criteria


def system_name(uri: str) -> str:
    return SYSTEM_NAMES.get(uri, uri.rpartition("/")[2])


def in_force(document: Document) -> str:
    """ "In force from 1 Sep 2026", "In force until 31 Aug 2026"; a document without dates judges on any day."""
    first = f"from {document.first.day} {document.first:%b %Y}" if document.first else ""
    last = f"until {document.last.day} {document.last:%b %Y}" if document.last else ""
    dates = " ".join(part for part in (first, last) if part)
    return f"In force {dates}" if dates else "No effective date printed: taken as in force on any day"


def _numbers(section: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", section))


def _gathered(pairs: Iterator[tuple[str, Criterion]]) -> Mapping[str, tuple[Criterion, ...]]:
    found: dict[str, dict[int, Criterion]] = {}
    for name, criterion in pairs:
        found.setdefault(name, {})[id(criterion)] = criterion
    return {name: tuple(criteria.values()) for name, criteria in found.items()}


def _value_sets(line: Line) -> Iterator[str]:
    if line.value_set:
        yield line.value_set
    for part in line.parts:
        yield from _value_sets(part)
