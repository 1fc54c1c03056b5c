"""SQLite and MariaDB: rows of one table that go at once and refer to one another."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, row_of
from retention.databases.statements.mask_sql import kept_columns
from retention.planning.plan import Plan


def part(connection: sa.Connection, plan: Plan, name: str, going: Callable[[Row], Truth]) -> None:
    """Set the references between rows that go to NULL: one by one, they would hold each other.

    NULL in one column is enough; a reference without one that may be NULL stays as it is.
    """
    table = plan.schema.tables[name]
    for reference in plan.schema.of(name):
        beside = [own for own in reference.columns if own not in table.key]
        loose = [own for own in beside if table.columns[own].nullable]
        if reference.parent == name and reference.declared and loose:
            row = row_of(table)
            values = kept_columns(table, row) | {own: sa.null() for own in loose}
            refers = row.c[loose[0]].is_not(None)
            connection.execute(sa.update(row).where(going(row), refers).values(values))
