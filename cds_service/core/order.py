"""What the clinician is about to order, once understood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class StudyCode:
    """A code under which a study can be ordered. `system` is a URI, `label` our own words."""

    system: str
    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Study:
    """One orderable study of the catalogue (`guidelines/studies.yaml`).

    `regions` are guideline regions: cervical, thoracic, lumbar, pelvis, sacrum_coccyx, brain, abdomen, chest, kidney,
    entire_spine, whole_body. `keys` are the names criteria may use for it: its id and its CPT codes.
    `shared` studies also serve other organs and are reviewed only for a spinal reason.
    """

    id: str
    label: str
    modality: str
    regions: tuple[str, ...]
    contrast: str
    advanced: bool
    codes: tuple[StudyCode, ...]
    shared: bool = False
    components: tuple[str, ...] = ()

    @property
    def cpt(self) -> str | None:
        return next((c.code for c in self.codes if c.system == CPT), None)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.id, *(c.code for c in self.codes if c.system == CPT))


CPT = "http://www.ama-assn.org/go/cpt"


@dataclass(frozen=True, slots=True)
class ImagingOrder:
    """A draft order whose study we recognised.

    `code` is the CPT code on the order, or the study's own when it was ordered by another code. `contrast` is None
    when neither code nor order detail says it. `reasons` are (system URI, code) pairs. `resource` is the draft as sent.
    `recognised_by` is "coding", "billing_options" or "text" (the weakest thing it took). `shared` says that the code
    on the order also serves other organs. `labels` are kinds of study that the order's words name: they may be shown
    or asked about, and never refuse; only `flags` count as stated.
    """

    reference: str
    study: Study
    code: str | None
    contrast: str | None
    regions: tuple[str, ...]
    review_date: date
    units: float
    reasons: tuple[tuple[str, str], ...]
    has_reason: bool
    flags: frozenset[str]
    recognised_by: str
    resource: dict[str, Any]
    shared: bool = False
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An order we say nothing about: not imaging, not of the spine, not to be performed, or of another patient."""

    reference: str
    because: str


@dataclass(frozen=True, slots=True)
class NotRecognised:
    """An order that looks like spine imaging but names no study we know. `asks` says what would settle it."""

    reference: str
    because: str
    resource: dict[str, Any]


Recognition = ImagingOrder | LeftAlone | NotRecognised
