"""Keys of rows that a batch takes, read before they are changed."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.keys import (
    TakenKeys,
    asked_keys,
    key_columns,
    rows_of,
    taken_columns,
    taken_keys,
)
from retention.databases.sql import Row, Truth
from retention.databases.taking import Taken
from retention.planning.plan import Plan
from retention.planning.schema import Table


def keys_read(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    rows: tuple[Row, Table],
    condition: Truth | None = None,
) -> TakenKeys:
    """The keys and guards of these rows, or of those that pass; as one list a column where it can."""
    row, table = rows
    columns = key_columns(dialect, table, row, plan.guard_of(table.name), as_text=False)
    lists = [listed for column in columns if (listed := dialect.listed(column)) is not None]
    query = sa.select(*lists).select_from(row) if lists else asking_for_keys(plan, dialect, rows)
    found = rows_of(connection.execute(query if condition is None else query.where(condition)))
    if lists:
        return taken_columns(table, [*map(json.loads, found[0])])
    return taken_keys(table, found)


def keys_and_count(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    rows: tuple[Row, Table],
    condition: Truth,
    passing: Truth,
) -> tuple[TakenKeys, int]:
    """As `keys_read`, where keys come as lists; and how many of the rows pass one test more."""
    row, table = rows
    columns = key_columns(dialect, table, row, plan.guard_of(table.name), as_text=False)
    values: list[Any] = [sa.func.count().filter(passing), *map(dialect.listed, columns)]
    found = connection.execute(sa.select(*values).select_from(row).where(condition)).one()
    return taken_columns(table, [*map(json.loads, found[1:])]), found[0]


def asking_for_keys(plan: Plan, dialect: Dialect, rows: tuple[Row, Table]) -> sa.Select[Any]:
    """The query for `taken_keys` of these rows."""
    row, table = rows
    columns = asked_keys(dialect, table, row, plan.guard_of(table.name))
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
    table = rows[1]
    if not dialect.locks_rows:
        taken.note_keys(table.name, keys_read(connection, plan, dialect, rows, condition))
        return
    query = asking_for_keys(plan, dialect, rows).where(condition).with_for_update()
    taken.note_keys(table.name, taken_keys(table, rows_of(connection.execute(query))))
