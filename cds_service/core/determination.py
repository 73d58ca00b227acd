"""What we concluded about one order, with everything needed to explain it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from cds_service.core.criterion import Criterion
from cds_service.core.fact import Fact
from cds_service.core.order import ImagingOrder, Study
from cds_service.core.truth import Truth


class Determination(StrEnum):
    SUPPORTED = "supported"
    NOT_SUPPORTED = "not_supported"
    NEEDS_INFORMATION = "needs_information"
    GOVERNED_ELSEWHERE = "governed_elsewhere"
    NO_GUIDELINE = "no_guideline"


class Ground(StrEnum):
    """The step of the order of judgement that decided (in that order; the first that holds wins)."""

    URGENT_POINTER = "urgent_pointer"  # another, urgent guideline comes first
    RED_FLAG = "red_flag"  # a red flag supports this study
    POINTER = "pointer"  # known cancer with suspicion, red flag in a child
    TECHNIQUE = "technique"  # an exclusion of the technique
    SUPPORT = "support"  # a supporting criterion with its prerequisites
    PRESENTATION = "presentation"  # an exclusion of the presentation
    REFERRAL = "referral"  # another guideline or a person decides
    OPEN = "open"  # facts that must be shown are not on record
    NOT_READ = "not_read"  # part of the chart could not be read
    NO_INDICATION = "no_indication"  # nothing says why
    UNMET = "unmet"  # sections speak of this study; none is satisfied
    PLAIN_XRAY = "plain_xray"  # plain films are never refused
    NO_SECTION = "no_section"  # no section speaks of it


NONE_YET = "none_yet"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a criterion says to do instead. `study` is None for "no imaging yet", which has a date when one is known.

    `in_addition` marks a study to do as well (an x-ray first) rather than in place of the order.
    """

    study: Study | None
    because: str
    until: date | None = None
    in_addition: bool = False

    @property
    def code(self) -> str | None:
        return self.study.cpt if self.study else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A known fact that the deciding criteria read. `ref` is the fact id with its argument."""

    ref: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Guideline:
    """A document in the edition that judged."""

    id: str
    title: str
    version: str
    url: str | None = None
    note: str | None = None


class PolicyReason(StrEnum):
    """Why a policy set judged."""

    ONLY_ONE = "only_one"  # there is no other
    PAYER = "payer"  # it names the payer of this order
    PAYER_UNKNOWN = "payer_unknown"  # nobody says who pays: the default set
    PAYER_NOT_READ = "payer_not_read"  # the coverage could not be read: the default set
    NO_SET_FOR_PAYER = "no_set_for_payer"  # the default set
    NOT_IN_FORCE = "not_in_force"  # the payer's set is for other dates: the default set


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy set that judged: its id in `guidelines/policy_sets.yaml`, and why it did."""

    id: str
    because: PolicyReason


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion and how it came out."""

    criterion: Criterion
    truth: Truth


@dataclass(frozen=True, slots=True)
class Review:
    """The whole answer for one order. Tuples are empty where there is nothing to say.

    `decided_by` are the criteria that decided; `judged` also holds those of the deciding sections that a reader
    wants beside them. `steps` are prerequisites still to do. `notes` change nothing. `not_read` names resource
    types that could not be read ("DiagnosticReport"); `unreadable` holds "Type/id" of what could not be understood;
    `foreign` holds "Type/id" of resources dropped because they belong to another patient, `foreign_more` is how many
    there are beyond those named.
    `unread` are facts that could not be read and that a step or note beside a supported study waits for.
    `red_flag` says that a red flag is met in this patient, whatever was ordered. `beside` is what else a card must
    say: "mri_contraindicated", "duplicate", "recent_study", "coding".
    """

    order: ImagingOrder
    determination: Determination
    ground: Ground
    decided_by: tuple[Criterion, ...] = ()
    judged: tuple[Judged, ...] = ()
    asks_for: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    steps: tuple[Criterion, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Criterion, ...] = ()
    guidelines: tuple[Guideline, ...] = ()
    edition_note: str | None = None
    policy: Policy | None = None
    red_flag: bool = False
    unread: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    foreign_more: int = 0
    beside: tuple[str, ...] = field(default=())

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(criterion.section for criterion in self.decided_by))
