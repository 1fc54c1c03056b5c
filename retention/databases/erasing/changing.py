"""How many rows a statement has changed, on every engine."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def changed(connection: sa.Connection, statement: sa.Executable) -> int:
    """Carry the statement out; the number of rows that it deleted, updated or inserted."""
    result: sa.CursorResult[Any] = connection.execute(
        statement, execution_options={"preserve_rowcount": True}
    )
    if result.rowcount >= 0:
        return result.rowcount
    # Python's sqlite3 does not count what begins with WITH
    return int(connection.exec_driver_sql("SELECT changes()").scalar_one())
