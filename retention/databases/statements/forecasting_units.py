"""When whole units (`together`) fall due: with the last of their rows, put together row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import joined, row_of
from retention.databases.statements.forecasting import FirstDue, Unstopped, first_due
from retention.databases.statements.one_row_asking import flag
from retention.databases.statements.units import in_a_unit
from retention.planning.plan import Plan, Step
from retention.planning.units import Unit

RowKey = tuple[Any, ...]
Due = int | None


def count_first_due_together(
    connection: sa.Connection,
    plan: Plan,
    dialect: Dialect,
    table: str,
    series: Sequence[Sequence[Step]],
    instants: Sequence[datetime],
) -> list[FirstDue]:
    """As `count_first_due`, for a table of which some steps take whole units."""
    unstopped, row = Unstopped(plan, dialect), row_of(plan.schema.tables[table])
    key = plan.schema.tables[table].key
    columns: list[Any] = [row.c[name] for name in key]
    for number, steps in enumerate(series):
        applies, first = first_due(unstopped, steps, row, instants)
        selects = unstopped.conditions.selects(row, steps[0].where)
        for name, test in (("applies", applies), ("selects", selects)):
            told = sa.literal_column("1") if test is None else flag(test)
            columns.append(told.label(f"{name}_{number}"))
        columns.append(first.label(f"due_{number}"))
    once: dict[str, Any] = {"compiled_cache": None}
    lines = connection.execute(sa.select(*columns), execution_options=once).fetchall()
    keys = [tuple(line[: len(key)]) for line in lines]
    found: list[list[Due]] = []
    for number, steps in enumerate(series):
        at = len(key) + 3 * number
        applies_to, members = [line[at] for line in lines], [line[at + 1] for line in lines]
        dues: list[Due] = [None if line[at + 2] is None else int(line[at + 2]) for line in lines]
        if steps[0].unit is not None:
            groups = _groups(connection, plan, table, steps[0].unit)
            dues = _latest(keys, dues, members, groups)
        found.append([due if one else None for due, one in zip(dues, applies_to, strict=True)])
    return list(Counter(zip(*found, strict=True)).items())


def _latest(
    keys: Sequence[RowKey], dues: Sequence[Due], members: Sequence[int], groups: dict[RowKey, Any]
) -> list[Due]:
    """For each row the instant of the last member of its unit; None where one has none."""
    last: dict[Any, Due] = {}
    for key, due, member in zip(keys, dues, members, strict=True):
        group = groups.get(key, key)
        if member:
            known = last.get(group, -1)
            last[group] = None if due is None or known is None else max(known, due)
    return [last.get(groups.get(key, key)) for key in keys]


def _groups(connection: sa.Connection, plan: Plan, table: str, unit: Unit) -> dict[RowKey, Any]:
    """What each row shares with its unit alone; rows that are in none are left out."""
    key = plan.schema.tables[table].key
    row, parent = (row_of(plan.schema.tables[table]).alias() for _ in range(2))
    own = [row.c[name] for name in key]
    if unit.reference is None:
        rank = sa.func.dense_rank().over(order_by=row.c[unit.column])
        query: sa.Select[Any] = sa.select(*own, rank).where(in_a_unit(unit, row))
        return {tuple(line[:-1]): line[-1] for line in connection.execute(query)}
    query = sa.select(*own, *(parent.c[name] for name in key))
    query = query.select_from(sa.join(row, parent, joined(unit.reference, row, parent)))
    heads: dict[RowKey, RowKey] = {}
    for line in connection.execute(query):
        first, second = _head(heads, tuple(line[: len(key)])), _head(heads, tuple(line[len(key) :]))
        heads[first] = second
    return {one: _head(heads, one) for one in list(heads)}


def _head(heads: dict[RowKey, RowKey], key: RowKey) -> RowKey:
    """The row that stands for all that are joined so far; the way to it is shortened."""
    here = key
    while heads.setdefault(here, here) != here:
        heads[here] = heads[heads[here]]
        here = heads[here]
    return here
