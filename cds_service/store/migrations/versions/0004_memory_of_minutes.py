"""What is remembered for minutes only, in PostgreSQL: used tokens and sessions of the documentation app.

Unlogged, for a power cut may take it. With SQLite both have files of their own, which belong to no schema.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    # Earlier versions made these tables themselves when they first needed them.
    op.execute(
        "create unlogged table if not exists seen_tokens"
        " (digest varchar(64) primary key, expires_at double precision not null)"
    )
    op.execute(
        "create unlogged table if not exists app_sessions"
        " (id varchar(64) primary key, box text not null, expires_at double precision not null)"
    )
