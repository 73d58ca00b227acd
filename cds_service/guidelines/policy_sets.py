"""Policy sets: which documents judge, by who pays and on what date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cds_service.core.determination import Policy, PolicyReason
from cds_service.core.errors import GuidelineError
from cds_service.guidelines import strict_yaml

FILE: Final = "policy_sets.yaml"

# An identifier as FHIR has it: (system URI, value).
Payer = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PolicySet:
    """`documents` are families: ids without the year. In force from `first` to `last`; None means open on that side."""

    id: str
    title: str
    documents: tuple[str, ...]
    first: date | None
    last: date | None
    payers: frozenset[Payer]

    def in_force(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def overlaps(self, other: PolicySet) -> bool:
        earliest, latest = date.min, date.max
        return (self.first or earliest) <= (other.last or latest) and (other.first or earliest) <= (self.last or latest)


@dataclass(frozen=True, slots=True)
class PolicySets:
    """`default` judges where no other set does; `others` name their payers, and never two the same on one day."""

    default: PolicySet
    others: tuple[PolicySet, ...] = ()

    def __iter__(self) -> Iterator[PolicySet]:
        yield self.default
        yield from self.others

    @property
    def by_payer(self) -> bool:
        """Whether it makes a difference who pays."""
        return bool(self.others)

    def named(self, name: str) -> PolicySet:
        return next(policy for policy in self if policy.id == name)

    def choose(self, payers: Iterable[Payer] | None, day: date) -> Policy:
        """The set for an order of this day. `payers` are in the order in which they pay; None: not readable."""
        if not self.others:
            return Policy(self.default.id, PolicyReason.ONLY_ONE)
        if payers is None:
            return Policy(self.default.id, PolicyReason.PAYER_NOT_READ)
        reason = PolicyReason.PAYER_UNKNOWN
        for payer in payers:
            reason = max(reason, PolicyReason.NO_SET_FOR_PAYER, key=_RANKED.index)
            for policy in self.others:
                if payer in policy.payers:
                    if policy.in_force(day):
                        return Policy(policy.id, PolicyReason.PAYER)
                    reason = PolicyReason.NOT_IN_FORCE
        return Policy(self.default.id, reason)


_RANKED: Final = (PolicyReason.PAYER_UNKNOWN, PolicyReason.NO_SET_FOR_PAYER, PolicyReason.NOT_IN_FORCE)


def load_policy_sets(path: Path, families: Collection[str]) -> PolicySets:
    """Every set. Raises GuidelineError naming file and line for: an unknown or repeated key, set or document, a set
    without documents, none or several without payers, two sets for one payer on one day."""
    found: list[PolicySet] = []
    for entry in strict_yaml.read(path).allow(("policy_sets",)).mappings("policy_sets"):
        policy = _policy_set(entry, families)
        if any(policy.id == other.id for other in found):
            entry.fail(f"policy set {policy.id} stands twice")
        for other in found:
            if shared := sorted(policy.payers & other.payers):
                if policy.overlaps(other):
                    entry.fail(f"{policy.id} and {other.id} both judge for payer {shared[0][1]} on some days")
        if not policy.payers and any(not other.payers for other in found):
            entry.fail(f"{policy.id} names no payer, and so does another set: which is the default?")
        found.append(policy)
    default = next((policy for policy in found if not policy.payers), None)
    if default is None:
        raise GuidelineError(f"{path.name}:1", "one set must name no payer: it judges wherever no other does")
    if default.first or default.last:
        raise GuidelineError(
            f"{path.name}:1", f"{default.id} judges wherever no other set does, so it is always in force"
        )
    return PolicySets(default, tuple(policy for policy in found if policy is not default))


def _policy_set(entry: strict_yaml.Mapping, families: Collection[str]) -> PolicySet:
    entry.allow(("id", "title", "documents", "in_force", "payers"))
    documents = entry.texts("documents")
    if not documents:
        entry.fail(f"policy set {entry['id']} names no document")
    for document in documents:
        if document not in families:
            entry.fail(f"unknown document {document} (known: {', '.join(families)})")
    first, last = entry.mapping("in_force").days()
    payers = [named.allow(("system", "value")) for named in entry.mappings("payers")]
    return PolicySet(
        id=entry.text("id"),
        title=entry.text("title"),
        documents=documents,
        first=first,
        last=last,
        payers=frozenset((payer.text("system"), payer.text("value")) for payer in payers),
    )
