"""Loads all guideline data once, checks it, and sorts the criteria by the study they speak of."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from cds_service.core.criterion import Criterion, Section
from cds_service.core.determination import Guideline
from cds_service.core.errors import GuidelineError
from cds_service.core.evaluate import facts_named
from cds_service.core.order import Study
from cds_service.core.plan import Plan, Stage, borrowed, plan_for
from cds_service.core.vocabulary import FactType, Role, Vocabulary
from cds_service.core.watch import Watch
from cds_service.guidelines import policy_sets as policies
from cds_service.guidelines import strict_yaml
from cds_service.guidelines.codebook import Codebook
from cds_service.guidelines.policy_sets import PolicySet, PolicySets
from cds_service.guidelines.sections import SectionReader
from cds_service.guidelines.studies import StudyCatalogue, load_studies
from cds_service.guidelines.value_sets import load_value_sets
from cds_service.guidelines.vocabulary import load_vocabulary

DATA = Path(__file__).parent
CASES = ".cases.yaml"


@dataclass(frozen=True, slots=True)
class Document:
    """One edition of a source document, in force from `first` to `last`; None means open on that side.

    `yields_to` are the families of the documents that it never contradicts.
    """

    guideline: Guideline
    folder: str
    first: date | None
    last: date | None
    yields_to: frozenset[str]

    def in_force(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    @property
    def family(self) -> str:
        return family_of(self)


@dataclass(frozen=True)
class Guidelines:
    """All guideline data, immutable. `plan` answers what the documents in force say about a study.

    A day alone stands for the default policy set.
    """

    documents: Mapping[str, Document]
    vocabulary: Vocabulary
    studies: StudyCatalogue
    value_sets: Codebook
    sections: Mapping[str, Section]
    policy_sets: PolicySets
    indications: AbstractSet[str]
    spinal_indications: AbstractSet[str]
    watch: Watch
    _facts: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict, repr=False)
    _plans: dict[tuple[str, ...], Plan] = field(default_factory=dict, repr=False)
    _editions: dict[tuple[date, str], tuple[str, ...]] = field(default_factory=dict, repr=False)

    def in_force(self, day: date, policy: PolicySet | None = None) -> tuple[Document, ...]:
        """The documents that judge an order of this day. Before a document's first edition its first one judges, and
        while none is in force the last one that was."""
        return tuple(self.documents[document] for document in self._in_force(day, policy or self.policy_sets.default))

    def facts_for(self, study: Study, day: date) -> frozenset[str]:
        """The names of all facts that judging a study on this day may read, whoever pays."""
        key = (study.id, *(document for policy in self.policy_sets for document in self._in_force(day, policy)))
        names = self._facts.get(key)
        if names is None:
            plans = [self.plan(study, day, Stage.ANY, policy) for policy in self.policy_sets]
            trees = [c.when for plan in plans for c in plan.criteria() if c.when is not None]
            names = self._facts[key] = frozenset(name for t in trees for name in facts_named(t, self.vocabulary))
        return names

    def plan(self, study: Study, day: date, stage: Stage, policy: PolicySet | None = None) -> Plan:
        editions = self._in_force(day, policy or self.policy_sets.default)
        key = (study.id, stage, *editions)
        plan = self._plans.get(key)
        if plan is None:
            criteria = [
                criterion
                for section in self.sections.values()
                if section.document in editions
                for criterion in section.criteria
            ]
            yields_to = {name: self._stronger(name, editions) for name in editions}
            plan = self._plans[key] = plan_for(
                study.keys,
                [*criteria, *self._borrowed(criteria)],
                stage=stage,
                yields_to=yields_to,
                vocabulary=self.vocabulary,
                watch=self.watch,
            )
        return plan

    def criterion(self, criterion_id: str) -> Criterion | None:
        return next((c for section in self.sections.values() for c in section.criteria if c.id == criterion_id), None)

    def _in_force(self, day: date, policy: PolicySet) -> tuple[str, ...]:
        known = self._editions.get((day, policy.id))
        if known is None:
            families: dict[str, list[Document]] = {}
            for document in self.documents.values():
                if document.family in policy.documents:
                    families.setdefault(document.family, []).append(document)
            known = tuple(_edition(editions, day).guideline.id for editions in families.values())
            if len(self._editions) > 1000:
                self._editions.clear()
            self._editions[day, policy.id] = known
        return known

    def _stronger(self, name: str, editions: tuple[str, ...]) -> frozenset[str]:
        """The documents in force, in whatever edition, that this one gives way to."""
        families = self.documents[name].yields_to
        return frozenset(other for other in editions if self.documents[other].family in families)

    def _borrowed(self, criteria: list[Criterion]) -> list[Criterion]:
        by_section: dict[str, list[Criterion]] = {}
        for criterion in criteria:
            by_section.setdefault(criterion.section, []).append(criterion)
        return [
            borrowed(target, criterion)
            for criterion in criteria
            if criterion.see_section
            for target in by_section.get(criterion.see_section, [])
            if target.outcome is not None
        ]


def family_of(document: Document) -> str:
    """Editions of one document share their id up to the trailing year: adult-spine-2026 and adult-spine-2027."""
    name, _, year = document.guideline.id.rpartition("-")
    return name if year.isdigit() else document.guideline.id


def _edition(editions: list[Document], day: date) -> Document:
    ordered = sorted(editions, key=lambda document: document.first or date.min)
    in_force = [document for document in ordered if document.in_force(day)]
    begun = [document for document in ordered if (document.first or date.min) <= day]
    return (in_force or begun or ordered[:1])[-1]


@cache
def load(root: Path = DATA) -> Guidelines:
    """Everything below `root`, checked. Raises GuidelineError with file and line at the first fault."""
    vocabulary = load_vocabulary(root / "facts.yaml")
    studies = load_studies(root / "studies.yaml")
    value_sets = load_value_sets(root / "value_sets")
    documents = _documents(root / "documents.yaml")
    families = dict.fromkeys(document.family for document in documents.values())
    reader = SectionReader(vocabulary, studies, value_sets)
    sections: dict[str, Section] = {}
    for document in documents.values():
        for path in section_files(root / document.folder):
            section = reader.read(path, document.guideline.id)
            if f"{document.guideline.id} {section.id}" in sections:
                raise GuidelineError(f"{path.name}:1", f"section {section.id} stands twice")
            sections[f"{document.guideline.id} {section.id}"] = section
    return Guidelines(
        documents,
        vocabulary,
        studies,
        value_sets,
        sections,
        policy_sets=policies.load_policy_sets(root / policies.FILE, families),
        indications=_indications(vocabulary, spinal=False),
        spinal_indications=_indications(vocabulary, spinal=True),
        watch=Watch(vocabulary),
    )


def section_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(CASES))


def _documents(path: Path) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    entries = strict_yaml.read(path).allow(("documents",)).mappings("documents")
    for entry in entries:
        entry.allow(("id", "title", "version", "folder", "in_force"), ("yields_to", "review_due", "url"))
        if entry.text("id") in documents:
            entry.fail(f"document {entry['id']} stands twice")
        if not (path.parent / entry.text("folder")).is_dir():
            entry.fail(f"there is no folder {entry['folder']}")
        first, last = entry.mapping("in_force").days()
        documents[entry["id"]] = Document(
            Guideline(entry.text("id"), entry.text("title"), entry.text("version"), entry.get("url")),
            entry.text("folder"),
            first,
            last,
            frozenset(entry.texts("yields_to")),
        )
    families = {document.family for document in documents.values()}
    for entry in entries:
        if unknown := [name for name in entry.texts("yields_to") if name not in families]:
            entry.fail(f"yields_to: unknown document {', '.join(unknown)}")
    return documents


def _indications(vocabulary: Vocabulary, *, spinal: bool) -> AbstractSet[str]:
    """Every fact, arguments filled in, whose being met is a reason to image; with `spinal`, the spine in particular.

    In the order of the vocabulary.
    """
    return dict.fromkeys(
        f"{definition.id}({argument})" if argument else definition.id
        for definition in vocabulary.values()
        if definition.role is Role.INDICATION
        and definition.defined_as is None
        and definition.type in (FactType.BOOLEAN, FactType.CODE)
        for argument in (definition.arguments or ("",))
        if not (spinal and argument in definition.elsewhere)
    ).keys()
