"""Clocks as SQL: three predicates per clock, so that predicates can use indexes.

`missing`: the clock has no start. `undecidable`: a value cannot be read as a time. `before`: the
start is there, readable, and lies before a constant. The calendar stays in Python; the database
only compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any

import sqlalchemy as sa

from retention.databases.condition_sql import ConditionSql
from retention.databases.dialect import Dialect, day_after, key_text, wall_time
from retention.databases.rows import Alive, Reach
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    all_of,
    any_of,
    bind,
    is_true,
)
from retention.planning.clocks import UNITS, Choice, Clock, ClockColumn, ClockForm
from retention.planning.schema import Column, ColumnKind, Schema
from retention.policies.calendar import Cutoff


class ColumnClock:
    """One stored value as a time: the three predicates over `value`."""

    def __init__(
        self, dialect: Dialect, value: Expression, column: Column, spec: ClockColumn
    ) -> None:
        self.dialect = dialect
        self.value = value
        self.column = column
        self.spec = spec

    def missing(self) -> Truth:
        """TRUE for NULL and every other spelling of "no date"."""
        value = self.value
        kinds: list[Truth] = [value.is_(None)]
        if self.spec.form is ClockForm.TEXT or self._numeric_text() or self._mixed():
            kinds += [sa.func.trim(value) == bind(""), value.like(bind("0000-00-00%"))]
        if self.spec.form in UNITS:
            kinds.append(all_of(self.readable(), self._number() <= 0))
        if self.spec.form in (ClockForm.DATE, ClockForm.TIMESTAMP):
            kinds.append(self.dialect.zero_date(value))
        return is_true(any_of(*kinds, *self._declared_missing()))

    def readable(self) -> Truth:
        """TRUE for a value that can be read as a time, plausible or not."""
        value = self.value
        if self.spec.form is ClockForm.TEXT:
            return self.dialect.valid_iso(value, self.spec.offsets)
        if self.spec.form in UNITS:
            if self._numeric_text():
                return self.dialect.is_digits(value)
            number = self.dialect.is_number(value, self.column)
            return sa.or_(number, self.dialect.is_digits(value)) if self._mixed() else number
        return sa.not_(self.dialect.broken_date(value))

    def undecidable(self) -> Truth:
        """TRUE for a value that is there but cannot be trusted as a time."""
        doubtful = sa.or_(sa.not_(is_true(self.readable())), is_true(self._too_early()))
        return sa.and_(sa.not_(self.missing()), doubtful)

    def before(self, cutoff: Cutoff) -> Truth:
        """TRUE for a readable, plausible start before `cutoff`."""
        conditions = [*self._index_bounds(cutoff), sa.not_(self._too_early())]
        if self.spec.form is ClockForm.TEXT or self.spec.form in UNITS:
            conditions.append(self.readable())
        elif self.dialect.has_broken_dates:
            conditions.append(sa.not_(self.dialect.broken_date(self.value)))
        conditions.append(self._less(cutoff))
        conditions += [sa.not_(found) for found in self._declared_missing()]
        return all_of(*conditions)

    def _too_early(self) -> Truth:
        """TRUE for a start that no row of this system can have."""
        day = self.spec.earliest_plausible
        if self.spec.form is ClockForm.TEXT:
            return self.dialect.ordered_text(self.value) < bind(day.isoformat())
        return self._less(Cutoff(_midnight(day), day))

    def _index_bounds(self, cutoff: Cutoff) -> list[Truth]:
        """A wider, plain comparison that an index on text can serve."""
        if self.spec.form is not ClockForm.TEXT or self.dialect.name != "sqlite":
            return []
        return [self.value < bind(day_after(cutoff.day, 2).isoformat())]

    def _less(self, cutoff: Cutoff) -> Truth:
        form = self.spec.form
        if form is ClockForm.DATE:
            return self.value < bind(cutoff.day)
        if form in UNITS:
            unit = UNITS[form]
            whole = ceil(_epoch_microseconds(cutoff.instant) * unit / 1_000_000)
            return self._number() < bind(whole)
        if form is ClockForm.TEXT:
            return self._text_less(cutoff)
        return self.value < bind(self.dialect.instant(cutoff.instant, form, self.spec.stored_in))

    def _text_less(self, cutoff: Cutoff) -> Truth:
        naive = wall_time(cutoff.instant, self.spec.stored_in)
        return self.dialect.iso_less(self.value, cutoff, naive, self.spec.offsets)

    def _number(self) -> Expression:
        if self._numeric_text():
            return sa.case(
                (self.dialect.is_digits(self.value), self.dialect.as_integer(self.value)),
                else_=sa.null(),
            )
        if self._mixed():
            return sa.case(
                (self.dialect.is_digits(self.value), self.dialect.as_integer(self.value)),
                else_=self.value,
            )
        return self.value

    def _numeric_text(self) -> bool:
        return self.spec.form in UNITS and not self._mixed() and self.column.kind is ColumnKind.TEXT

    def _mixed(self) -> bool:
        """TRUE where one column may hold numbers and text side by side."""
        return self.dialect.name == "sqlite" and self.spec.form in UNITS

    def _declared_missing(self) -> list[Truth]:
        found: list[Truth] = []
        for extra in self.spec.missing:
            if isinstance(extra, int):
                if self.spec.form in UNITS:
                    found.append(is_true(self._number() == bind(extra)))
                continue
            if self.spec.form is ClockForm.TEXT:
                found.append(is_true(sa.func.substr(self.value, 1, len(extra)) == bind(extra)))
                continue
            day = date.fromisoformat(extra[:10])
            ends = (Cutoff(_midnight(day), day), Cutoff(_midnight(day_after(day)), day_after(day)))
            found.append(is_true(sa.and_(sa.not_(self._less(ends[0])), self._less(ends[1]))))
        return found


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


EVENT_TIME = Column("happened_at", ColumnKind.TEXT, "text")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _epoch_microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
