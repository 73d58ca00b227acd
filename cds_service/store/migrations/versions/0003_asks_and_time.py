"""What was asked for, and how long the answer took; an index for reports over a range of days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("issued_cards", "kept_silences"):
        op.add_column(table, sa.Column("asks", sa.JSON))
        op.add_column(table, sa.Column("milliseconds", sa.Float))
        op.create_index(f"ix_{table}_issued_at", table, ["issued_at"])
