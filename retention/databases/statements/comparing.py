"""Two plans over the same rows: one scan of a table says which rows each of them takes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, all_of, is_true, row_of
from retention.databases.statements.gone import GoneSets
from retention.planning.plan import Plan

Pattern = tuple[tuple[bool, ...], tuple[bool, ...], int]


class NamedSets(GoneSets):
    """The rows that earlier steps take, under names of their own beside those of another plan."""

    def __init__(self, plan: Plan, dialect: Dialect, name: str) -> None:
        super().__init__(plan, dialect)
        self.name = name

    def set_of(self, position: int, table: str) -> sa.CTE:
        """As of one plan, with its name in front."""
        if (position, table) not in self._sets:
            found = super().set_of(position, table)
            self._sets[(position, table)] = found.element.cte(f"{self.name}_{found.name}")
        return self._sets[(position, table)]


def steps_on(plan: Plan, table: str) -> list[int]:
    """The places of the plan's steps that work on `table`."""
    return [index for index, step in enumerate(plan.steps) if step.table == table]


def taken_query(old: Plan, new: Plan, dialect: Dialect, table: str) -> sa.Select[Any]:
    """How many rows of `table` are due under the same steps of both plans: 1 or 0 for each step."""
    row = row_of(new.schema.tables[table])
    columns = [
        _taken(sets, index, row).label(f"{sets.name}_{index}")
        for sets in (NamedSets(old, dialect, "old"), NamedSets(new, dialect, "new"))
        for index in steps_on(sets.plan, table)
    ]
    found = sa.select(*columns).select_from(row).subquery("found")
    return sa.select(*found.c, sa.func.count()).group_by(*found.c)


def count_taken(
    connection: sa.Connection, old: Plan, new: Plan, dialect: Dialect, table: str
) -> list[Pattern]:
    """Which steps of `old` and of `new` take a row (in the order of `steps_on`), and how many."""
    width = len(steps_on(old, table))
    found: list[Pattern] = []
    for *flags, count in connection.execute(taken_query(old, new, dialect, table)):
        taken = tuple(bool(flag) for flag in flags)
        found.append((taken[:width], taken[width:], int(count)))
    return found


def _taken(sets: NamedSets, index: int, row: Row) -> Expression:
    step = sets.plan.steps[index]
    due = all_of(
        is_true(sets.predicates(index).doomed(step, row)), sets.alive(index)(step.table, row)
    )
    return sa.case(
        (due, sa.literal_column("1", sa.Integer)), else_=sa.literal_column("0", sa.Integer)
    )
