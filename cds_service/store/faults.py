"""What can be wrong with a database, in our own words: a driver's message may repeat the row it refused."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError


class Fault(StrEnum):
    """`of_the_rows`: other rows may well be stored. The others hold for every row until somebody mends them."""

    LOCKED = "the database is locked"
    FULL = "the disk is full"
    READ_ONLY = "the database is read-only"
    BROKEN = "the database file cannot be read or written"
    GONE = "the database cannot be reached"
    SCHEMA = "a table is missing or not the current one"
    ROWS = "a row cannot be stored"

    @property
    def of_the_rows(self) -> bool:
        return self in (Fault.SCHEMA, Fault.ROWS)


# Primary result codes of SQLite; the extended ones have them in their low byte.
_SQLITE: Final = {
    sqlite3.SQLITE_ERROR: Fault.SCHEMA,
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_IOERR: Fault.BROKEN,
    sqlite3.SQLITE_CORRUPT: Fault.BROKEN,
    sqlite3.SQLITE_NOTADB: Fault.BROKEN,
    sqlite3.SQLITE_CANTOPEN: Fault.GONE,
}

# SQLSTATE classes and codes of PostgreSQL; the longest match counts.
_POSTGRESQL: Final = {
    "42": Fault.SCHEMA,
    "3F": Fault.SCHEMA,
    "22": Fault.ROWS,
    "23": Fault.ROWS,
    "25006": Fault.READ_ONLY,
    "40": Fault.LOCKED,
    "53100": Fault.FULL,
    "55P03": Fault.LOCKED,
    "57014": Fault.LOCKED,  # waited longer than statement_timeout
    "58": Fault.BROKEN,
    "XX": Fault.BROKEN,
}


def fault_of(error: SQLAlchemyError) -> Fault:
    """What this error means for the rows that wait."""
    if not isinstance(error, DBAPIError):  # the rows never got as far as the driver, or no connection was free
        return Fault.GONE if type(error).__name__ == "TimeoutError" else Fault.ROWS
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, Fault.ROWS if _about_values(error) else Fault.BROKEN)
    state = getattr(error.orig, "sqlstate", None) or ""
    known = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    return known or (Fault.ROWS if _about_values(error) else Fault.GONE)


def _about_values(error: DBAPIError) -> bool:
    return isinstance(error, DataError | IntegrityError | ProgrammingError)
