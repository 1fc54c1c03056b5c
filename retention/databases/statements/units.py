"""Units (`together`): which rows share one with a row that has to wait, as one set a step.

Equal values are looked up in the set of values that wait; pieces joined by a reference are spread
from the rows that wait, along the reference in both directions, until nothing is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, all_of, bind, is_true, joined, row_of
from retention.databases.statements.rows import Alive
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference, Table
from retention.planning.units import Unit

Selected = Callable[[Step, Row], Truth | None]
Test = Callable[[Row], Truth]
Naming = Callable[[str, Table, sa.Select[Any]], sa.CTE]
"""What a set of rows is called, the table they are of, and the query that finds them."""


def in_a_unit(unit: Unit, row: Row) -> Truth:
    """TRUE for a row whose value joins it with others."""
    value = row.c[unit.column]
    return all_of(value.is_not(None), *(value != bind(nothing) for nothing in unit.nothing))


def _is_in(row: Row, key: tuple[str, ...], rows: Row) -> Truth:
    if len(key) == 1:
        return row.c[key[0]].in_(sa.select(rows.c[key[0]]))
    same = (row.c[name] == rows.c[name] for name in key)
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(rows).where(*same)
    return sa.exists(query.correlate_except(rows))


def nothing_blocks(_: Row) -> None:
    """Every row that refers blocks."""


class Units:
    """Sets of rows by their units; `selected` tells the members, `alive` who is there.

    `naming` makes a set of a query, once for all that mention it; None: each stands where it is used,
    as a statement that changes rows wants it.
    """

    def __init__(self, plan: Plan, alive: Alive, selected: Selected, naming: Naming | None) -> None:
        self.plan = plan
        self.alive = alive
        self.selected = selected
        self.naming = naming
        self._known: dict[tuple[Step, str], sa.CTE] = {}

    def share_with(self, step: Step, row: Row, what: str, test: Test) -> Truth:
        """TRUE where a member of the row's unit passes `test`, which is called `what`."""
        unit, table = step.unit, self.plan.schema.tables[step.table]
        assert unit is not None
        if self.naming is None or (step, what) not in self._known:
            self._known[step, what] = self._set(step, unit, what, test)
        found = self._known[step, what].alias()
        if unit.reference is not None:
            return _is_in(row, table.key, found)
        other = row_of(table).alias()
        values = sa.select(other.c[unit.column]).where(_is_in(other, table.key, found))
        return all_of(in_a_unit(unit, row), row.c[unit.column].in_(values))

    def blocking(
        self, table: str, row: Row, step: Step | None
    ) -> Iterator[tuple[Reference, Callable[[Row], Truth | None]]]:
        """References that block rows of `table`, and which rows do: none that leaves with `row`."""
        for reference in self.plan.referring(table, "block"):
            inside = step is not None and step.unit is not None and reference.table == step.table
            if inside and table == reference.table and step is not None:
                yield reference, partial(self._stays, step, reference, row)
            else:
                yield reference, nothing_blocks

    def _stays(self, step: Step, reference: Reference, row: Row, other: Row) -> Truth:
        """TRUE for a row that refers to `row` and is no member of its unit."""
        unit = step.unit
        assert unit is not None
        if unit.reference is None:
            same = all_of(in_a_unit(unit, row), row.c[unit.column] == other.c[unit.column])
        else:
            same = sa.true() if reference == unit.reference else sa.false()
        return sa.not_(is_true(all_of(same, self.selected(step, other))))

    def _set(self, step: Step, unit: Unit, what: str, test: Test) -> sa.CTE:
        """The members that pass, and, joined by a reference, all that they lead to."""
        name = f"{what}_{self.plan.steps.index(step)}"
        table = self.plan.schema.tables[step.table]
        row = row_of(table).alias()
        members = all_of(self.selected(step, row), self.alive(step.table, row), test(row))
        found = sa.select(*(row.c[column] for column in table.key)).where(members)
        if unit.reference is None:
            found = found.where(in_a_unit(unit, row))
            return self._named(name, table, found)
        # steps that ask for a later one each spread a set of their own, in one statement
        own = f"{name}_spread" if self.naming is None else None
        spread = found.cte(own, recursive=True, nesting=self.naming is None)
        pairs = self._pairs(step.table, unit.reference, table.key)
        same = (pairs.c[f"own_{at}"] == spread.c[one] for at, one in enumerate(table.key))
        beyond = sa.select(*(pairs.c[f"other_{at}"] for at in range(len(table.key))))
        spread = spread.union(beyond.select_from(sa.join(spread, pairs, sa.and_(*same))))
        if self.naming is None:
            return spread
        return self._named(name, table, sa.select(*(spread.c[column] for column in table.key)))

    def _named(self, name: str, table: Table, found: sa.Select[Any]) -> sa.CTE:
        if self.naming is None:
            return found.cte(name, nesting=True)
        return self.naming(name, table, found)

    def _pairs(self, table: str, reference: Reference, key: tuple[str, ...]) -> sa.Subquery:
        """The keys of every two rows that the reference joins, in both directions."""
        both = []
        for turned in (False, True):
            child, parent = (row_of(self.plan.schema.tables[table]).alias() for _ in range(2))
            own, other = (parent, child) if turned else (child, parent)
            columns = [own.c[name].label(f"own_{at}") for at, name in enumerate(key)]
            columns += [other.c[name].label(f"other_{at}") for at, name in enumerate(key)]
            query = sa.select(*columns).select_from(
                sa.join(child, parent, joined(reference, child, parent))
            )
            there = (self.alive(table, row) for row in (child, parent))
            both.append(query.where(*(test for test in there if test is not None)))
        return sa.union_all(*both).subquery()
