"""SQLite and MariaDB: rows of one table that go at once and refer to one another."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.mask_sql import kept_columns
from retention.planning.plan import Plan


def part(connection: sa.Connection, plan: Plan, name: str, going: Callable[[Row], Truth]) -> None:
    """Set the references between rows that go to NULL: one by one, they would hold each other.

    A reference that may not be NULL stays as it is.
    """
    table = plan.schema.tables[name]
    for reference in plan.schema.of(name):
        columns = [table.columns[own] for own in reference.columns]
        if reference.parent != name or not reference.declared:
            continue
        if all(column.nullable for column in columns):
            row = row_of(table)
            values = kept_columns(table, row) | {column.name: sa.null() for column in columns}
            refers = row.c[columns[0].name].is_not(None)
            connection.execute(sa.update(row).where(going(row), refers).values(values))
