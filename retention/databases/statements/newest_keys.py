"""The highest key of a table: what came later lies above it."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import row_of
from retention.databases.statements.recounting import PlainRows
from retention.planning.schema import ColumnKind


def newest(rows: PlainRows, name: str) -> int | None:
    """The highest key, where keys are whole numbers: rows above it come later."""
    table = rows.schema.tables[name]
    first, *others = table.sought_by or ("",)
    column = table.columns.get(first)
    whole = column.kind is ColumnKind.INTEGER if column else first == table.row_address
    if others or not whole:
        return None
    highest = rows.connection.execute(sa.select(sa.func.max(row_of(table).c[first]))).scalar_one()
    if highest is not None and not isinstance(highest, int):
        return None  # SQLite may hold text there, which comes after every number
    return highest or 0
