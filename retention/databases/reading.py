"""Transactions: those that change nothing, while others may write, and those that did not commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_WRITES = "retention_writes"


def may_write(connection: sa.Connection, *, writes: bool) -> None:
    """Say whether the connection's transactions are to change rows."""
    connection.info[_WRITES] = writes


def writes(connection: sa.Connection) -> bool:
    """TRUE where a transaction needs SQLite's write lock from its start."""
    return bool(connection.info.get(_WRITES, False))


@contextmanager
def reading(connection: sa.Connection) -> Iterator[None]:
    """One transaction, one snapshot of the file; only tables of our session may be made in it."""
    before = writes(connection)
    may_write(connection, writes=False)
    try:
        with connection.begin():
            yield
    finally:
        may_write(connection, writes=before)


def roll_back(connection: sa.Connection) -> None:
    """End what a COMMIT that failed has left open: SQLAlchemy holds it for ended."""
    if connection.closed or connection.invalidated:
        return
    try:
        connection.connection.rollback()
    except connection.dialect.loaded_dbapi.Error as fault:
        raise sa.exc.DBAPIError(None, None, fault) from fault
