"""Issued cards, kept silences, feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "issued_cards",
        sa.Column("card", sa.String(36), primary_key=True),
        sa.Column("consultation", sa.String(36), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("determination", sa.String(40)),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("guidelines", sa.JSON, nullable=False),
    )
    op.create_index("ix_issued_cards_consultation", "issued_cards", ["consultation"])
    op.create_table(
        "kept_silences",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("consultation", sa.String(36), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("determination", sa.String(40)),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("guidelines", sa.JSON, nullable=False),
    )
    op.create_index("ix_kept_silences_consultation", "kept_silences", ["consultation"])
    op.create_table(
        "feedback",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("service", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("outcome_timestamp", sa.String(40), nullable=False),
        sa.Column("accepted_suggestions", sa.JSON, nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason_system", sa.Text),
        sa.Column("user_comment", sa.Text),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_feedback_card", "feedback", ["card"])
