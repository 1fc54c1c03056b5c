"""The rows that earlier steps take, as named sets: a preview sees the night as it will go.

Every set is a common table expression built from earlier ones, so that the statement stays flat
however many rules work on one another.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, all_of, any_of, joined, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.statements.rows import Alive, Reach, all_alive
from retention.databases.taking import set_columns
from retention.planning.paths import Hop
from retention.planning.plan import Action, ColumnMask, Plan, Step
from retention.planning.schema import Reference


class GoneSets:
    """Sets of rows by step and table, and the predicates of a step as it will find the tables."""

    def __init__(self, plan: Plan, dialect: Dialect) -> None:
        self.plan = plan
        self.dialect = dialect
        self._sets: dict[tuple[int, str], sa.CTE] = {}
        self._predicates: dict[int, Predicates] = {}

    def predicates(self, index: int) -> Predicates:
        """The decisions of the step at `index`, after the steps before it."""
        if index not in self._predicates:
            masked = partial(self._masked_before, index)
            self._predicates[index] = Predicates(
                self.plan, self.dialect, self.alive(index), self._taken_by, masked
            )
        return self._predicates[index]

    def alive(self, index: int) -> Alive:
        """Leaves out the rows that the steps before `index` take."""

        def alive(table: str, row: Row) -> Truth | None:
            gone = [
                sa.not_(self.among(position, table, row))
                for position, step in enumerate(self.plan.steps[:index])
                if self._takes(step, table)
            ]
            return all_of(*gone) if gone else None

        return alive

    def among(self, position: int, table: str, row: Row) -> Truth:
        """TRUE for a row of `table` that the step at `position` takes."""
        rows = self.set_of(position, table).alias()
        key = self.plan.schema.tables[table].key
        same = sa.and_(*(rows.c[name] == row.c[name] for name in key))
        query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(rows).where(same)
        return sa.exists(query.correlate_except(rows))

    def set_of(self, position: int, table: str) -> sa.CTE:
        """The rows of `table` that the step at `position` takes, directly or with their parents."""
        if (position, table) not in self._sets:
            step = self.plan.steps[position]
            row = row_of(self.plan.schema.tables[table])
            columns = [
                row.c[name] for name in set_columns(self.plan, self.plan.schema.tables[table])
            ]
            found = sa.select(*columns).where(self._member(position, step, table, row))
            number = list(self.plan.schema.tables).index(table)
            self._sets[(position, table)] = found.cte(f"gone_{position}_{number}")
        return self._sets[(position, table)]

    def with_parents(self, position: int, reference: Reference, row: Row) -> Truth:
        """TRUE for a row whose parent along `reference` the step takes."""
        parents = self.set_of(position, reference.parent).alias()
        query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(parents)
        query = query.where(joined(reference, row, parents))
        return sa.exists(query.correlate_except(parents))

    def _member(self, position: int, step: Step, table: str, row: Row) -> Truth:
        found: list[Truth] = []
        if table == step.table:
            found.append(self.predicates(position).doomed(step, row))
        if step.action is Action.DELETE:
            references = self.plan.companions(step.table).taken.get(table, ())
            found += [self.with_parents(position, reference, row) for reference in references]
        return all_of(any_of(*found), self.alive(position)(table, row))

    def _taken_by(self, step: Step, row: Row) -> Truth:
        return self.among(self.plan.steps.index(step), step.table, row)

    def _masked_before(self, index: int, mask: ColumnMask, row: Row) -> Truth:
        """TRUE where a step before `index` masks this column of the row."""
        found: list[Truth] = []
        for position, step in enumerate(self.plan.steps[:index]):
            for other in step.masks:
                if (other.table, other.column) == (mask.table, mask.column):
                    ups = tuple(Hop(hop.reference, down=False) for hop in reversed(other.hops))
                    masked = partial(self.among, position, step.table)
                    found.append(Reach(self.plan.schema, all_alive).exists(row, ups, masked))
        return any_of(*found)

    def _takes(self, step: Step, table: str) -> bool:
        if table == step.table:
            return step.takes_rows
        return step.action is Action.DELETE and table in self.plan.companions(step.table).taken
