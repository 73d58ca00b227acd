"""A sealed session needs both halves: the cookie's secret and the box in the store."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from cds_service.store.app_sessions import open_app_sessions
from cds_service.web.documentation.sealing import Sealed, new_secret

TOKEN = "a-token-that-opens-a-chart"


def test_a_session_opens_with_its_own_secret_only(tmp_path: Path) -> None:
    sealed = Sealed(open_app_sessions(f"sqlite:///{tmp_path / 's'}", clock=lambda: 0))
    secret = new_secret()
    sealed.keep(secret, {"token": TOKEN}, 60)
    assert sealed.open(secret) == {"token": TOKEN}
    assert sealed.open(new_secret()) is None
    assert sealed.open("short") is None
    sealed.end(secret)
    assert sealed.open(secret) is None


def test_neither_token_nor_secret_stands_in_the_database(tmp_path: Path) -> None:
    sealed = Sealed(open_app_sessions(f"sqlite:///{tmp_path / 's'}", clock=lambda: 0))
    secret = new_secret()
    sealed.keep(secret, {"token": TOKEN}, 60)
    sealed.store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert TOKEN.encode() not in kept
    assert secret.encode() not in kept


def test_a_box_that_was_changed_does_not_open(tmp_path: Path) -> None:
    sealed = Sealed(open_app_sessions(f"sqlite:///{tmp_path / 's'}", clock=lambda: 0))
    secret = new_secret()
    sealed.keep(secret, {"token": TOKEN}, 60)
    engine = create_engine(f"sqlite:///{tmp_path / 's.app-sessions'}")
    with engine.begin() as connection:
        connection.execute(text("update app_sessions set box = replace(box, substr(box, 40, 1), '-')"))
    assert sealed.open(secret) is None
    engine.dispose()
