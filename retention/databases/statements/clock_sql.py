"""Clocks as SQL: three predicates per clock, so that predicates can use indexes.

`missing`: the clock has no start. `undecidable`: a value cannot be read as a time. `before`: the
start is there, readable, and lies before a constant. The calendar stays in Python; the database
only compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.sql import (
    Row,
    Truth,
    all_of,
    any_of,
    bind,
    is_true,
)
from retention.databases.statements.column_clock import ColumnClock
from retention.databases.statements.condition_sql import ConditionSql
from retention.databases.statements.rows import Alive, Reach
from retention.planning.clocks import Choice, Clock, ClockColumn
from retention.planning.schema import Column, ColumnKind, Schema
from retention.policies.calendar import Cutoff

EVENT_TIME = Column("happened_at", ColumnKind.TEXT, "text")


class ClockSql:
    """A whole clock over a row: own columns, rows referred to, child rows."""

    def __init__(
        self, dialect: Dialect, schema: Schema, clock: Clock, alive: Alive, now: Cutoff
    ) -> None:
        self.now = now
        self.dialect = dialect
        self.schema = schema
        self.clock = clock
        self.reach = Reach(schema, alive)
        self.conditions = ConditionSql(dialect, schema, alive)

    def missing(self, row: Row) -> Truth:
        """TRUE where no column has a value, a required one has none, or a purpose is open."""
        if self.clock.choice is Choice.ALL:
            return self._open(row)
        required = [sa.not_(self._has(row, spec)) for spec in self.clock.requires]
        nothing = all_of(*(sa.not_(self._has(row, spec)) for spec in self.clock.columns))
        return any_of(nothing, *required)

    def undecidable(self, row: Row) -> Truth:
        """TRUE where a value that counts cannot be read as a time."""
        required = [
            self._any(row, spec, lambda item: item.undecidable()) for spec in self.clock.requires
        ]
        return any_of(self._undecidable(row), *required)

    def _undecidable(self, row: Row) -> Truth:
        columns = self.clock.columns
        if self.clock.choice is Choice.ALL:
            found = [
                all_of(began, self._any(row, spec, lambda item: item.undecidable()))
                for spec, began in self._began(row)
            ]
            return any_of(*found)
        if self.clock.choice is Choice.FIRST:
            found = [
                all_of(
                    *(sa.not_(self._has(row, earlier)) for earlier in columns[:index]),
                    self._any(row, spec, lambda item: item.undecidable()),
                )
                for index, spec in enumerate(columns)
            ]
            return any_of(*found)
        return any_of(*(self._any(row, spec, lambda item: item.undecidable()) for spec in columns))

    def before(self, row: Row, cutoff: Cutoff) -> Truth:
        """TRUE where the clock's start is there, decidable, and before `cutoff`.

        May be unknown for a NULL; so that an index can serve it, it is not wrapped.
        """
        required = [
            self._any(row, spec, lambda item: item.before(self.now)) for spec in self.clock.requires
        ]
        return all_of(*required, self._chosen(row, cutoff))

    def _chosen(self, row: Row, cutoff: Cutoff) -> Truth:
        columns = self.clock.columns
        if self.clock.choice is Choice.ALL:
            return self._all_ended(row, cutoff)
        if len(columns) == 1 and not columns[0].path.reads_children and not columns[0].event:
            return self._any(row, columns[0], lambda item: item.before(cutoff))
        if self.clock.choice is Choice.LATEST:
            return self._latest(row, cutoff)
        if self.clock.choice is Choice.EARLIEST:
            early = any_of(
                *(self._any(row, spec, lambda item: item.before(cutoff)) for spec in columns)
            )
            return all_of(early, sa.not_(self.undecidable(row)))
        return any_of(
            *(
                all_of(
                    *(sa.not_(self._has(row, earlier)) for earlier in columns[:index]),
                    self._any(row, spec, lambda item: item.before(cutoff)),
                )
                for index, spec in enumerate(columns)
            )
        )

    def _latest(self, row: Row, cutoff: Cutoff) -> Truth:
        """Some value lies before the cutoff, and none at or after it or undecidable."""
        conditions: list[Truth] = []
        for spec in self.clock.columns:
            late = self._any(
                row,
                spec,
                lambda item: sa.not_(sa.or_(item.missing(), is_true(item.before(cutoff)))),
            )
            conditions.append(sa.not_(late))
        some = any_of(
            *(self._any(row, spec, lambda item: item.before(cutoff)) for spec in self.clock.columns)
        )
        return all_of(some, *conditions)

    def _began(self, row: Row) -> list[tuple[ClockColumn, Truth | None]]:
        """Each purpose's column, and whether the purpose ever began for this row."""
        return [
            (spec, self.conditions.selects(row, condition))
            for spec, (_, condition) in zip(self.clock.columns, self.clock.purposes, strict=True)
        ]

    def _remains(self, row: Row, spec: ClockColumn, began: Truth | None) -> Truth:
        """TRUE where the purpose counts: it began, and its child table has rows for this row."""
        if spec.path.reads_children:
            return all_of(began, self.reach.exists(row, spec.path.hops, lambda _: sa.true()))
        return all_of(began)

    def _open(self, row: Row) -> Truth:
        """TRUE where a purpose has not ended, or none remains."""
        found = [
            all_of(began, self._not_all(row, spec, lambda item: sa.not_(item.missing())))
            for spec, began in self._began(row)
        ]
        none = [sa.not_(self._remains(row, spec, began)) for spec, began in self._began(row)]
        return any_of(*found, all_of(*none))

    def _all_ended(self, row: Row, cutoff: Cutoff) -> Truth:
        """Every purpose that counts ended before the cutoff, and at least one counts."""
        parts: list[Truth] = []
        for spec, began in self._began(row):
            late = self._not_all(row, spec, lambda item: item.before(cutoff))
            parts.append(sa.not_(all_of(began, late)))
        some = any_of(*(self._remains(row, spec, began) for spec, began in self._began(row)))
        return all_of(some, *parts)

    def _not_all(self, row: Row, spec: ClockColumn, test: Callable[[ColumnClock], Truth]) -> Truth:
        """TRUE where the row, or one of its child rows, reaches no value that passes `test`."""
        if not spec.path.reads_children:
            return sa.not_(is_true(self._any(row, spec, test)))
        down, *ups = spec.path.hops
        column = self.schema.tables[spec.path.table].columns[spec.path.column]

        def over(target: Row) -> Truth:
            return test(ColumnClock(self.dialect, target.c[spec.path.column], column, spec))

        def fails(child: Row) -> Truth:
            return sa.not_(is_true(self.reach.exists(child, tuple(ups), over)))

        return self.reach.exists(row, (down,), fails)

    def _has(self, row: Row, spec: ClockColumn) -> Truth:
        return self._any(row, spec, lambda item: sa.not_(item.missing()))

    def _any(self, row: Row, spec: ClockColumn, test: Callable[[ColumnClock], Truth]) -> Truth:
        """`test` over the row's own value, or EXISTS a reached row that passes it."""
        if spec.event is not None:
            return self._any_event(row, spec, test)
        column = self.schema.tables[spec.path.table].columns[spec.path.column]

        def over(target: Row) -> Truth:
            return test(ColumnClock(self.dialect, target.c[spec.path.column], column, spec))

        if spec.path.is_own:
            return over(row)
        return self.reach.exists(row, spec.path.hops, over)

    def _any_event(
        self, row: Row, spec: ClockColumn, test: Callable[[ColumnClock], Truth]
    ) -> Truth:
        """EXISTS a recorded event of that name for the row whose time passes `test`."""
        if not self.schema.enrolled:
            return sa.false()
        names = ("name", "table_name", "row_key", "happened_at")
        events = sa.table("retention_event", *map(sa.column, names)).alias()
        table = self.schema.tables[spec.path.table]
        time = ColumnClock(self.dialect, events.c.happened_at, EVENT_TIME, spec)
        query: sa.Select[Any] = (
            sa.select(sa.literal_column("1"))
            .select_from(events)
            .where(
                events.c.table_name == bind(table.name),
                events.c.name == bind(spec.event),
                events.c.row_key == key_text(self.dialect, table, row),
                test(time),
            )
        )
        return sa.exists(query.correlate_except(events))
