"""Keys of rows that a batch masks beside its own, noted before they are changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.keys import key_columns, taken_keys
from retention.databases.sql import Row, Truth
from retention.databases.taking import Taken
from retention.planning.plan import Plan
from retention.planning.schema import Table


def note_keys(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    rows: tuple[Row, Table],
    condition: Truth,
    taken: Taken,
) -> None:
    """Note the keys of the rows that pass, and lock them where the engine can."""
    row, table = rows
    columns = key_columns(dialect, table, row, plan.guard_of(table.name), as_text=False)
    query: sa.Select[Any] = sa.select(*columns).where(condition)
    if dialect.locks_rows:
        query = query.with_for_update()
    found = connection.execute(query).fetchall()
    if found:
        taken.note_keys(table.name, taken_keys(table, found))
