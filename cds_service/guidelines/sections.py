"""Reads one section file into criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from cds_service.core.criterion import (
    AskOpen,
    Citation,
    Criterion,
    Enforce,
    Outcome,
    Pointer,
    Population,
    Section,
)
from cds_service.core.evaluate import order_bound_facts
from cds_service.core.quantity import Quantity
from cds_service.core.value_set import CodeSet
from cds_service.core.vocabulary import Vocabulary
from cds_service.guidelines import strict_yaml
from cds_service.guidelines.studies import StudyCatalogue
from cds_service.guidelines.trees import TreeReader

KINDS = (
    "indication",
    "prerequisite",
    "exclusion",
    "exception",
    "alternative",
    "interval",
    "contrast",
    "coding",
    "referral",
    "population",
    "general",
    "definition",
)

E = TypeVar("E", bound=StrEnum)

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
PLAIN_XRAY = "plain_xray"  # in `instead`: the plain film of the region ordered

_OPTIONAL = (
    "outcome",
    "enforce",
    "red_flag",
    "about",
    "sufficient",
    "pointer",
    "only_if_uncovered",
    "review",
    "see_section",
    "note_card",
    "population",
    "note",
    "studies",
    "applies_to",
    "instead",
    "refers_to",
    "when",
    "ask_open",
)


@dataclass(frozen=True, eq=False, slots=True)
class Icd10Codes:
    """The ICD-10-CM codes of a value set, narrower codes included where the set says so."""

    code_set: CodeSet

    def __contains__(self, code: object) -> bool:
        return (ICD10CM, code) in self.code_set


class SectionReader:
    """Reads section files against one vocabulary and catalogue. Errors name file and line."""

    def __init__(self, vocabulary: Vocabulary, studies: StudyCatalogue, value_sets: Mapping[str, CodeSet]) -> None:
        self._studies = studies
        self._trees = TreeReader(
            vocabulary,
            {name: Icd10Codes(found) for name, found in value_sets.items()}.get,
            order_bound_facts(vocabulary),
        )

    def read(self, path: Path, document: str) -> Section:
        data = strict_yaml.read(path).allow(("section", "title", "document", "population", "criteria"))
        if data.text("document") != document:
            data.fail(f"document is {data['document']}, but the folder belongs to {document}")
        section = data.text("section")
        default = self._population(data.mapping("population"))
        criteria = tuple(
            self._criterion(entry, Citation(document, section), default) for entry in data.mappings("criteria")
        )
        seen: set[str] = set()
        for entry, criterion in zip(data.mappings("criteria"), criteria, strict=True):
            if criterion.id in seen:
                entry.fail(f"criterion {criterion.id} stands twice")
            if criterion.id.partition("/")[0] != section:
                entry.fail(f"criterion {criterion.id} does not belong to section {section}")
            seen.add(criterion.id)
        return Section(section, data.text("title"), document, criteria)

    def _criterion(self, entry: strict_yaml.Mapping, citation: Citation, default: Population) -> Criterion:
        entry.allow(("id", "kind", "says"), _OPTIONAL)
        if entry.text("kind") not in KINDS:
            entry.fail(f"unknown kind {entry['kind']} (known: {', '.join(KINDS)})")
        outcome = self._one_of(Outcome, entry, "outcome")
        population = self._population(entry.mapping("population")) if "population" in entry else default
        if outcome is not None and "when" not in entry and outcome is not Outcome.REFER_OUT:
            entry.fail("a criterion with an outcome needs `when`")
        return Criterion(
            id=entry.text("id"),
            says=entry.text("says"),
            citation=citation,
            kind=entry["kind"],
            outcome=outcome,
            when=self._trees.node(entry["when"], entry) if "when" in entry else None,
            studies=frozenset(self._study_keys(entry, "studies")),
            population=population,
            ages=self._trees.age_tests(population),
            enforce=self._one_of(Enforce, entry, "enforce"),
            red_flag=entry.flag("red_flag"),
            about_technique=self._word(entry, "about", "technique"),
            sufficient=entry.get("sufficient", True) is not False,
            pointer=self._one_of(Pointer, entry, "pointer"),
            only_if_uncovered=entry.flag("only_if_uncovered"),
            clinical_review=self._word(entry, "review", "clinical"),
            applies_to=entry.texts("applies_to"),
            instead=self._study_keys(entry, "instead"),
            ask_open=self._ask_open(entry),
            note_card=entry.flag("note_card"),
            see_section=entry.get("see_section"),
            refers_to=entry.get("refers_to"),
            note=entry.get("note"),
        )

    def _one_of(self, kind: type[E], entry: strict_yaml.Mapping, key: str) -> E | None:
        if key not in entry:
            return None
        try:
            return kind(entry.text(key))
        except ValueError:
            entry.fail(f"unknown {key} {entry[key]}")

    def _word(self, entry: strict_yaml.Mapping, key: str, word: str) -> bool:
        if key in entry and entry.text(key) != word:
            entry.fail(f"{key} can only be {word}")
        return key in entry

    def _study_keys(self, entry: strict_yaml.Mapping, key: str) -> tuple[str, ...]:
        keys: list[str] = []
        for name in entry.texts(key):
            if name in self._studies.groups:
                keys.extend(self._studies.groups[name])
            elif self._studies.with_key(name) or (key == "instead" and name == PLAIN_XRAY):
                keys.append(name)
            else:
                entry.fail(f"{key}: unknown study or group {name}")
        return tuple(dict.fromkeys(keys))

    def _population(self, data: strict_yaml.Mapping) -> Population:
        data.allow((), ("from", "over", "through", "under"))
        months: dict[str, float] = {}
        for key in data:
            try:
                months[key] = Quantity.parse(data.text(key)).to("months")
            except ValueError as error:
                data.fail(str(error))
        return Population(months.get("from"), months.get("over"), months.get("through"), months.get("under"))

    def _ask_open(self, entry: strict_yaml.Mapping) -> AskOpen | None:
        if "ask_open" not in entry:
            return None
        data = entry.mapping("ask_open").allow(("when", "facts"))
        for ref in data.texts("facts"):
            self._trees.resolve(ref, data)
        return AskOpen(self._trees.node(data["when"], data), data.texts("facts"))
