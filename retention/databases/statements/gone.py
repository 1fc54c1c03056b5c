"""The rows that earlier steps take, as named sets: a preview sees the night as it will go.

Every set is a common table expression built from earlier ones, so that the statement stays flat
however many rules work on one another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    all_of,
    any_of,
    detached,
    is_true,
    row_of,
)
from retention.databases.statements.circles import Circle
from retention.databases.statements.last_parents import goes_along
from retention.databases.statements.outcomes import Outcomes
from retention.databases.statements.rows import Alive, Reach, all_alive
from retention.databases.statements.units import Naming
from retention.databases.statements.unused import Leaving
from retention.databases.taking import set_columns
from retention.planning.circles import circle_of
from retention.planning.masked_columns import ColumnMask, MaskGroup
from retention.planning.paths import turned
from retention.planning.plan import Plan, Step
from retention.planning.schema import Reference, Table
from retention.planning.unused import LastUse


class GoneSets:
    """Sets of rows by step and table, and the predicates of a step as it will find the tables.

    `naming` makes a set of a query; None: a common table expression, whatever it is built on.
    `idle`: places of steps that were seen to have nothing to do; nobody asks what they take.
    """

    def __init__(
        self, plan: Plan, dialect: Dialect, naming: Naming | None = None, prefix: str = ""
    ) -> None:
        self.plan = plan
        self.dialect = dialect
        self.prefix = prefix
        self.idle: set[int] = set()
        self._naming = naming or _named
        self._sets: dict[tuple[int, str], sa.CTE] = {}
        self._unused: dict[tuple[int, str], sa.CTE] = {}
        self._leaving: dict[int, Leaving] = {}
        self._pieces: dict[tuple[int, tuple[str, ...]], tuple[Circle, sa.CTE]] = {}
        self._predicates: dict[int, Outcomes] = {}

    def predicates(self, index: int) -> Outcomes:
        """The decisions of the step at `index`, after the steps before it."""
        if index not in self._predicates:
            self._predicates[index] = self._made(index, ())
        return self._predicates[index]

    def apart(self, index: int, masking: Collection[int]) -> Outcomes:
        """As `predicates`, without the masks of the steps at `masking`: the asker sees to those."""
        return self._made(index, masking) if masking else self.predicates(index)

    def _made(self, index: int, unasked: Collection[int]) -> Outcomes:
        masked = partial(self._masked_before, index, unasked)
        alive, naming = self.alive(index), partial(self._unit_set, index)
        left = partial(self._left_before, index, unasked)
        # what a later step would take is asked of the tables as this one finds them, as in a run
        return Outcomes(self.plan, self.dialect, alive, masked=masked, naming=naming, left=left)

    def _unit_set(self, index: int, name: str, table: Table, query: sa.Select[Any]) -> sa.CTE:
        return self._naming(f"{self.prefix}{name}_{index}", table, query)

    def alive(self, index: int, unasked: Collection[int] = ()) -> Alive:
        """Leaves out the rows that the steps before `index` take; but for those at `unasked`."""

        def alive(table: str, row: Row) -> Truth | None:
            gone = [
                sa.not_(self.among(position, table, row))
                for position, step in self._busy_before(index)
                if position not in unasked and table in self.plan.lost_tables(step)
            ]
            return all_of(*gone) if gone else None

        return alive

    def among(self, position: int, table: str, row: Row) -> Truth:
        """TRUE for a row of `table` that the step at `position` takes."""
        if not self.plan.schema.tables[table].identity:
            return is_true(self._taken_at(position, table, row))
        found = [self._within(taken, table, row) for taken in self.gone(position, table)]
        return found[0] if len(found) == 1 else any_of(*found)

    def _within(self, taken: sa.CTE, table: str, row: Row) -> Truth:
        rows = taken.alias()
        identity = self.plan.schema.tables[table].identity
        same = sa.and_(*(rows.c[name] == row.c[name] for name in identity))
        query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(rows).where(same)
        return sa.exists(query.correlate_except(rows))

    def _taken_at(self, position: int, table: str, row: Row) -> Truth:
        return self._member(position, self.plan.steps[position], table, row)

    def gone(self, position: int, table: str) -> list[sa.CTE]:
        """The sets of rows of `table` that the step at `position` takes."""
        found = [self.set_of(position, table)] if table in self._direct(position) else []
        unused = self.unused(position)
        return [*found, unused[table]] if table in unused else found

    def unused(self, position: int) -> dict[str, sa.CTE]:
        """By table the rows that lose their last user by the step at `position`; users first."""
        uses = self.plan.last_uses(self.plan.steps[position])
        if uses:
            self.leaving(position)
        return {use.table: self._unused[position, use.table] for use in uses}

    def leaving(self, position: int) -> Leaving:
        """The rows that go with the step at `position`, those then unused among them."""
        if position not in self._leaving:
            step = self.plan.steps[position]
            direct = {name: self.set_of(position, name) for name in self.plan.taken_tables(step)}
            taken = partial(self._taken_at, position)
            # named sets, as MariaDB knows no set of the outer statement within a nested one
            naming, before = partial(self._unit_set, position), self.alive(position)
            leaving = Leaving(self.plan, self.dialect, direct, taken, before, naming)
            self._leaving[position] = leaving
            for use in self.plan.last_uses(step):
                found = self._unused_rows(position, use, leaving)
                leaving.add(use.table, found)
                self._unused[position, use.table] = found
        return self._leaving[position]

    def _unused_rows(self, position: int, use: LastUse, leaving: Leaving) -> sa.CTE:
        table = self.plan.schema.tables[use.table]
        row = row_of(table)
        columns = [row.c[name] for name in set_columns(self.plan, table)]
        number = list(self.plan.schema.tables).index(use.table)
        found = sa.select(*columns).where(leaving.goes_unused(use, row))
        return self._naming(f"{self.prefix}unused_{position}_{number}", table, found)

    def set_of(self, position: int, table: str) -> sa.CTE:
        """The rows of `table` that the step at `position` takes, directly or with their parents."""
        if (position, table) not in self._sets:
            step = self.plan.steps[position]
            row = row_of(self.plan.schema.tables[table])
            columns: list[sa.ColumnElement[Any]] = [
                row.c[name] for name in set_columns(self.plan, self.plan.schema.tables[table])
            ]
            columns = columns or [sa.literal_column("1").label("one")]
            found = (
                sa.select(*columns).select_from(row).where(self._member(position, step, table, row))
            )
            number = list(self.plan.schema.tables).index(table)
            name = f"{self.prefix}gone_{position}_{number}"
            known = self.plan.schema.tables[table]
            self._sets[(position, table)] = self._naming(name, known, found)
        return self._sets[(position, table)]

    def number_of(self, position: int, table: str) -> sa.Select[Any]:
        """How many rows `set_of` has; a set that nothing else is built on need not be kept for it."""
        step, count = self.plan.steps[position], sa.select(sa.func.count())
        taken = self.plan.gone_with(step).taken.values()
        below = any(way.parent == table for ways in taken for way in ways)
        if below or (position, table) in self._sets:
            return count.select_from(self.set_of(position, table))
        row = row_of(self.plan.schema.tables[table])
        return count.select_from(row).where(self._member(position, step, table, row))

    def with_parents(self, position: int, reference: Reference, row: Row) -> Truth:
        """TRUE for a row whose parent along `reference`, or the last of them, the step takes."""
        parents = self.set_of(position, reference.parent).alias()

        def stays(other: Row) -> Truth:
            gone = self._within(self.set_of(position, reference.parent), reference.parent, other)
            return all_of(sa.not_(gone), self.alive(position)(reference.parent, other))

        one = self.dialect.repeats_sets
        return goes_along(self.plan.schema, reference, row, parents, stays, in_one=one)

    def _member(self, position: int, step: Step, table: str, row: Row) -> Truth:
        tables = circle_of(self.plan.gone_with(step).circles, table)
        if tables:
            circle, piece = self._piece(position, tables)
            found = circle.within(table, row, piece)
        else:
            found = any_of(*self._entering(position, table, row, ()))
        return all_of(found, self.alive(position)(table, row))

    def _piece(self, position: int, tables: tuple[str, ...]) -> tuple[Circle, sa.CTE]:
        """The rows of a circle that the step at `position` takes, with all that goes with them."""
        if (position, tables) not in self._pieces:
            circle = Circle(self.plan, tables)
            first = []
            for table in tables:
                row = row_of(self.plan.schema.tables[table])
                found = any_of(*self._entering(position, table, row, tables))
                first.append(circle.rows(table, row, found))
            number = list(self.plan.schema.tables).index(tables[0])
            piece = circle.downwards(first, f"{self.prefix}piece_{position}_{number}")
            self._pieces[position, tables] = circle, piece
        return self._pieces[position, tables]

    def _entering(
        self, position: int, table: str, row: Row, circle: tuple[str, ...]
    ) -> Iterator[Truth]:
        """Why the step takes a row: for its own sake, or with parents that lie in no such circle."""
        step = self.plan.steps[position]
        if table == step.table:
            yield self.predicates(position).doomed(step, row)
        for reference in self.plan.gone_with(step).taken.get(table, ()):
            if reference.parent not in circle:
                yield self.with_parents(position, reference, row)
        for reference in step.removals:
            if reference.table == table:
                owned = self.with_parents(position, reference, row)
                free = self.predicates(position).may_go(table, row)
                yield all_of(owned, free)

    def _masked_before(
        self, index: int, unasked: Collection[int], mask: ColumnMask, row: Row
    ) -> Truth:
        """TRUE where a step before `index`, but for those `unasked`, masks this column of the row."""
        found: list[Truth] = []
        for position, step in self._busy_before(index):
            groups = step.mask_groups if position not in unasked else ()
            found += self._masked_at(position, groups, mask, row)
        return any_of(*found)

    def _masked_at(
        self, position: int, groups: Iterable[MaskGroup], mask: ColumnMask, row: Row
    ) -> Iterator[Truth]:
        """Why the step at `position` masks the column of the row: it takes it, or leaves it unused."""
        step = self.plan.steps[position]
        for group in groups:
            columns = {other.column for other in group.masks}
            if group.table == mask.table and mask.column in columns:
                yield self.masks(position, group, row)
        for use, masks in self.plan.last_masks(step):
            if any((one.table, one.column) == (mask.table, mask.column) for one in masks):
                yield self.leaving(position).left_anonymous(use, row, step.rule)

    def _left_before(
        self, index: int, unasked: Collection[int], table: str, column: str, row: Row
    ) -> Expression:
        """What the steps before `index` leave in a column of the row."""
        value: Expression = row.c[column]
        for position, step in self._busy_before(index):
            for reference in self.plan.gone_with(step).detached:
                if reference.table == table and column in reference.cut_columns:
                    cut = is_true(self.with_parents(position, reference, row))
                    value = sa.case((cut, detached(reference)), else_=value)
            for mask in (*step.masks, *step.above):
                if (mask.table, mask.column) == (table, column):
                    value = self._masked_value(position, unasked, mask, row, value)
        return value

    def _masked_value(
        self,
        position: int,
        unasked: Collection[int],
        mask: ColumnMask,
        row: Row,
        value: Expression,
    ) -> Expression:
        """The value, or what the step at `position` makes of it where it masks it.

        Steps `unasked` need no set: they mask rows of their own alone, and are asked in place.
        """
        step, table = self.plan.steps[position], self.plan.schema.tables[mask.table]
        earlier = [other for other in unasked if other < position]
        predicates = self.apart(position, earlier)
        if position in unasked:
            reached = predicates.doomed(step, row)
        else:
            reached = any_of(*self._masked_at(position, step.mask_groups, mask, row))
        needed = is_true(predicates.any_to_mask([mask], row))
        masked = predicates.masks.masked(row, table, table.columns[mask.column], mask.mask)
        return sa.case((sa.and_(is_true(reached), needed), masked), else_=value)

    def masks(self, position: int, group: MaskGroup, row: Row) -> Truth:
        """TRUE for a row of `group.table` to which the step's rows lead, and which may be masked."""
        step = self.plan.steps[position]
        taken = partial(self.among, position, step.table)
        if group.up:
            freed = self.predicates(position).freed(step, taken)
            return all_of(freed.reached(group, row, taken), freed.only(group, row))
        reach = Reach(self.plan.schema, all_alive)
        return any_of(*(reach.exists(row, turned(way), taken) for way in group.ways))

    def _busy_before(self, index: int) -> Iterator[tuple[int, Step]]:
        """The steps before `index` that may have something to do, with their places."""
        steps = enumerate(self.plan.steps[:index])
        return ((position, step) for position, step in steps if position not in self.idle)

    def _direct(self, position: int) -> tuple[str, ...]:
        """The step's own table, and tables whose rows it deletes or that go with those."""
        step = self.plan.steps[position]
        return (step.table, *self.plan.gone_with(step).taken)


def _named(name: str, _: Table, query: sa.Select[Any]) -> sa.CTE:
    return query.cte(name)
