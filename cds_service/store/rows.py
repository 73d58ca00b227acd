"""What is stored, as plain values. Nothing here names a patient, an order or a user, with one exception: `comment`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

# The reason of a silence about no order at all: the request named none of its drafts.
NO_ORDER: Final = "the request names no draft order"


@dataclass(frozen=True, slots=True)
class Basis:
    """What an outcome rested on. `guidelines` are (document id, edition), `asks` the facts that would settle it."""

    determination: str | None = None
    criteria: tuple[str, ...] = ()
    guidelines: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card that left the service. `consultation` is a random id shared by what one response held.

    `milliseconds` is how long that response took.
    """

    card: str
    consultation: str
    issued_at: datetime
    service: str
    kind: str
    basis: Basis
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class KeptSilence:
    """An order that got no card, and why; or a request that named no order (`NO_ORDER`)."""

    consultation: str
    issued_at: datetime
    service: str
    reason: str
    basis: Basis
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """One outcome of one card, as a client reported it.

    `comment` is the clinician's free text: it may name a patient and never goes anywhere but the store. `at` is the
    client's own time, in its own spelling.
    """

    card: str
    outcome: str
    at: str
    accepted_suggestions: tuple[str, ...] = ()
    reason_code: str | None = None
    reason_system: str | None = None
    comment: str | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """The same for a report sent twice, so that it is stored once."""
        said: list[object] = [self.card, self.outcome, self.at, sorted(self.accepted_suggestions)]
        said += [self.reason_code, self.reason_system, self.comment]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()
