"""What a card asked. The documentation app knows the card's uuid and nothing else."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from cds_service.store.engines import READ_ONLY
from cds_service.store.schema import issued_cards


def asked_by(card: str, engine: Engine) -> tuple[str, ...]:
    """Fact references; empty for a card that asked nothing, is unknown, or cannot be looked up just now."""
    wanted = select(issued_cards.c.asks).where(issued_cards.c.card == card)
    try:
        with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            asks = connection.execute(wanted).scalar()
    except SQLAlchemyError:
        return ()
    return tuple(ref for ref in asks if isinstance(ref, str)) if isinstance(asks, list) else ()
