"""Keys of rows that a batch takes, read before they are changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.keys import TakenKeys, key_columns, rows_of, taken_keys
from retention.databases.sql import Row, Truth
from retention.databases.taking import Taken
from retention.planning.plan import Plan
from retention.planning.schema import Table


def keys_read(
    connection: sa.Connection, plan: Plan, dialect: Dialect, rows: tuple[Row, Table]
) -> TakenKeys:
    """The keys and guards of all these rows."""
    return taken_keys(rows[1], rows_of(connection.execute(asking_for_keys(plan, dialect, rows))))


def asking_for_keys(plan: Plan, dialect: Dialect, rows: tuple[Row, Table]) -> sa.Select[Any]:
    """The query for `taken_keys` of these rows."""
    row, table = rows
    columns = key_columns(dialect, table, row, plan.guard_of(table.name), as_text=False)
    return sa.select(*columns).select_from(row)


def note_keys(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    rows: tuple[Row, Table],
    condition: Truth,
    taken: Taken,
) -> None:
    """Note the keys of the rows that pass, and lock them where the engine can."""
    query = asking_for_keys(plan, dialect, rows).where(condition)
    if dialect.locks_rows:
        query = query.with_for_update()
    table = rows[1]
    taken.note_keys(table.name, taken_keys(table, rows_of(connection.execute(query))))
