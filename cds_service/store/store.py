"""The store as the rest of the service sees it: keep cards, keep feedback, say whether all is well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Engine

from cds_service.store import schema
from cds_service.store.health import Health
from cds_service.store.rows import Basis, Feedback, IssuedCard, KeptSilence
from cds_service.store.writer import Row, Writer


@dataclass(frozen=True)
class Store:
    """`writer` owns the only thread that writes."""

    engine: Engine
    writer: Writer

    @cached_property
    def health(self) -> Health:
        return Health(self.engine, self.writer)

    def keep_issued(self, issued: Iterable[IssuedCard | KeptSilence]) -> None:
        """Never waits and never raises: a card reaches the clinician whether or not the store works."""
        rows = [_issued_row(item) for item in issued]
        if rows:
            self.writer.offer(rows)

    def keep_feedback(self, service: str, reports: Sequence[Feedback], received_at: datetime, timeout: float) -> bool:
        """True once the reports are on disk. A report that is there already is not stored again."""
        rows: list[Row] = [(schema.feedback, _feedback_row(service, report, received_at)) for report in reports]
        return self.writer.write(rows, timeout)

    def problem(self) -> str | None:
        """Why the store cannot be relied on, in a few words, or None."""
        return self.health.problem()

    def close(self) -> None:
        self.writer.close()
        self.engine.dispose()


def _issued_row(item: IssuedCard | KeptSilence) -> Row:
    values: dict[str, Any] = {
        "consultation": item.consultation,
        "issued_at": item.issued_at,
        "service": item.service,
        "milliseconds": item.milliseconds,
        **_basis(item.basis),
    }
    if isinstance(item, IssuedCard):
        return schema.issued_cards, {"card": item.card, "kind": item.kind, **values}
    return schema.kept_silences, {"reason": item.reason, **values}


def _basis(basis: Basis) -> dict[str, Any]:
    return {
        "determination": basis.determination,
        "criteria": list(basis.criteria),
        "guidelines": [{"id": document, "version": edition} for document, edition in basis.guidelines],
        "asks": list(basis.asks),
    }


def _feedback_row(service: str, report: Feedback, received_at: datetime) -> dict[str, Any]:
    return {
        "digest": report.digest,
        "card": report.card,
        "service": service,
        "outcome": report.outcome,
        "outcome_timestamp": report.at,
        "accepted_suggestions": list(report.accepted_suggestions),
        "reason_code": _storable(report.reason_code),
        "reason_system": _storable(report.reason_system),
        "user_comment": _storable(report.comment),
        "received_at": received_at,
    }


def _storable(text: str | None) -> str | None:
    """PostgreSQL keeps every character but one; a report must not be refused for it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if text else text
