"""Restricting a set of rows: an entry in our table, columns set, or the rows moved elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.sql import Row, bind, row_of
from retention.databases.state import restriction, stamp
from retention.planning.plan import Action, Plan, Step
from retention.planning.schema import Table


def entries_for(plan: Plan, dialect: Dialect, step: Step, rows: Row) -> sa.Insert:
    """An entry in retention_restriction for each of `rows`, which have the key's columns."""
    table = plan.schema.tables[step.table]
    values: Any = sa.select(
        bind(step.table),
        key_text(dialect, table, rows),
        bind(step.rule),
        bind(stamp(plan.as_of)),
        sa.literal_column("0"),
    ).select_from(rows)
    names = ("table_name", "row_key", "rule", "restricted_at", "at_request")
    return sa.insert(restriction).from_select(list(names), values)


def values_of(step: Step) -> dict[str, sa.ColumnElement[object]]:
    """What an UPDATE sets to restrict a row."""
    assert step.restriction is not None
    return {name: bind(value) for name, value in step.restriction.values}


def moved_columns(table: Table) -> list[str]:
    """The columns a moved row takes along: all that the database does not make itself."""
    return [name for name, column in table.columns.items() if not column.generated]


def into(plan: Plan, step: Step, rows: sa.Select[tuple[object, ...]]) -> sa.Insert:
    """INSERT of `rows`, which have the columns of `moved_columns`, into the table moved to."""
    assert step.restriction is not None
    target = row_of(plan.schema.tables[step.restriction.move_to])
    return sa.insert(target).from_select(moved_columns(plan.schema.tables[step.table]), rows)


def changed_columns(step: Step) -> Iterator[str]:
    """What the ledger's entry names as changed, besides masks."""
    if step.action is Action.REMEMBER and step.clock and step.clock.remembered:
        yield f"{step.table}.{step.clock.remembered.path.column}"
    if step.restriction is not None:
        for name, _ in step.restriction.values:
            yield f"{step.table}.{name}"
