"""The tables, for queries. The migrations create them; a test holds both equal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, DateTime, Float, Integer, MetaData, String, Table, Text

metadata: Final = MetaData()

# In a table's `info`: a row that is there already is replaced; in all other tables it stays.
OVERWRITTEN: Final = "overwritten"

issued_cards: Final = Table(
    "issued_cards",
    metadata,
    Column("card", String(36), primary_key=True),
    Column("consultation", String(36), nullable=False, index=True),
    Column("issued_at", DateTime(timezone=True), nullable=False, index=True),
    Column("service", String(100), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("determination", String(40)),
    Column("criteria", JSON, nullable=False),
    Column("guidelines", JSON, nullable=False),
    Column("asks", JSON),
    Column("milliseconds", Float),
)

kept_silences: Final = Table(
    "kept_silences",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("consultation", String(36), nullable=False, index=True),
    Column("issued_at", DateTime(timezone=True), nullable=False, index=True),
    Column("service", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("determination", String(40)),
    Column("criteria", JSON, nullable=False),
    Column("guidelines", JSON, nullable=False),
    Column("asks", JSON),
    Column("milliseconds", Float),
)

# No foreign key to issued_cards: feedback on a card that a fault kept out of the store is still worth having.
feedback: Final = Table(
    "feedback",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("card", String(36), nullable=False, index=True),
    Column("service", String(100), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("outcome_timestamp", String(40), nullable=False),
    Column("accepted_suggestions", JSON, nullable=False),
    Column("reason_code", Text),
    Column("reason_system", Text),
    Column("user_comment", Text),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

# One row, written by whoever asks whether the store takes rows.
heartbeat: Final = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    info={OVERWRITTEN: True},
)
