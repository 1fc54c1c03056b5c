"""Two plans over the same rows: one scan of a table says which rows each of them takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, all_of, is_true, row_of
from retention.databases.statements.gone import GoneSets
from retention.databases.statements.kept_sets import kept_sets
from retention.planning.plan import Plan

Pattern = tuple[tuple[bool, ...], tuple[bool, ...], int]


def steps_on(plan: Plan, table: str) -> list[int]:
    """The places of the plan's steps that work on `table`."""
    return [index for index, step in enumerate(plan.steps) if step.table == table]


def taken_query(old: GoneSets, new: GoneSets, table: str) -> sa.Select[Any]:
    """How many rows of `table` are due under the same steps of both plans: 1 or 0 for each step."""
    row = row_of(new.plan.schema.tables[table])
    columns = [
        _taken(sets, index, row).label(f"{sets.prefix}{index}")
        for sets in (old, new)
        for index in steps_on(sets.plan, table)
    ]
    found = sa.select(*columns).select_from(row).subquery("found")
    return sa.select(*found.c, sa.func.count()).group_by(*found.c)


def count_taken(
    connection: sa.Connection, old: Plan, new: Plan, dialect: Dialect, table: str
) -> list[Pattern]:
    """Which steps of `old` and of `new` take a row (in the order of `steps_on`), and how many."""
    width = len(steps_on(old, table))
    with kept_sets(connection, dialect) as kept:
        before = GoneSets(old, dialect, kept, "old_")
        after = GoneSets(new, dialect, kept, "new_")
        return patterns(connection.execute(taken_query(before, after, table)), width)


def patterns(rows: Iterable[Sequence[Any]], width: int) -> list[Pattern]:
    """What `taken_query` found; `width`: how many of the flags are the old plan's."""
    found = []
    for *flags, count in rows:
        taken = tuple(bool(flag) for flag in flags)
        found.append((taken[:width], taken[width:], int(count)))
    return found


def _taken(sets: GoneSets, index: int, row: Row) -> Expression:
    step = sets.plan.steps[index]
    due = all_of(
        is_true(sets.predicates(index).doomed(step, row)), sets.alive(index)(step.table, row)
    )
    return sa.case(
        (due, sa.literal_column("1", sa.Integer)), else_=sa.literal_column("0", sa.Integer)
    )
