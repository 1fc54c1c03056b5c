"""The start of a clock as a value, to be written down before its evidence goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, bind, joined, row_of
from retention.databases.statements.column_clock import ColumnClock
from retention.databases.statements.rows import Reach, all_alive
from retention.planning.clocks import Choice, ClockColumn, ClockForm
from retention.planning.plan import Action, Plan, Step
from retention.planning.remembering import losing

_BLANK = " "


class RememberSql:
    """What is written, and for which rows; `taken`: rows that another step takes tonight."""

    def __init__(self, plan: Plan, dialect: Dialect, taken: Callable[[Step, Row], Truth]) -> None:
        self.plan = plan
        self.dialect = dialect
        self.taken = taken

    def value(self, step: Step, row: Row) -> Expression:
        """The start as the column stores it; NULL where no value can be read."""
        found = self._start(step, row)
        assert step.clock is not None
        assert step.clock.remembered is not None
        if step.clock.remembered.form is not ClockForm.TEXT:
            return found
        # what was compared stands first, what is stored behind it
        return sa.func.substr(found, _WIDTH + 1)

    def due(self, step: Step, row: Row) -> Truth:
        """TRUE where the row loses evidence tonight and the column does not say it yet."""
        assert step.clock is not None
        assert step.clock.remembered is not None
        written = row.c[step.clock.remembered.path.column]
        value = self.value(step, row)
        return all_of(self._loses(step, row), value.is_not(None), value.is_distinct_from(written))

    def _loses(self, step: Step, row: Row) -> Truth:
        reach = Reach(self.plan.schema, all_alive)
        found: list[Truth] = []
        for column, other in losing(self.plan, step):
            if other.action is not Action.DELETE or other.table != column.path.table:
                return sa.true()

            def goes(child: Row, other: Step = other) -> Truth:
                return self.taken(other, child)

            found.append(reach.exists(row, column.path.hops, goes))
        return any_of(*found)

    def _start(self, step: Step, row: Row) -> Expression:
        assert step.clock is not None
        earliest = step.clock.choice is Choice.EARLIEST
        first, *others = (self._one(column, row, earliest) for column in step.clock.columns)
        for other in others:
            before = first <= other if earliest else first >= other
            first = sa.case(
                (first.is_(None), other), (sa.or_(other.is_(None), before), first), else_=other
            )
        return first

    def _one(self, column: ClockColumn, row: Row, earliest: bool) -> Expression:
        if column.path.is_own:
            return self._readable(column, row)
        *between, target = self._walk(column)
        source: Any = target
        where: list[Truth] = []
        inner = [row, *between, target]
        for hop, here, there in zip(column.path.hops, inner, inner[1:], strict=False):
            pair = (there, here) if hop.down else (here, there)
            where.append(joined(hop.reference, *pair))
        chosen = (sa.func.min if earliest else sa.func.max)(self._readable(column, target))
        query = sa.select(chosen).select_from(source, *between).where(*where)
        return query.correlate(row).scalar_subquery()

    def _walk(self, column: ClockColumn) -> list[Row]:
        return [row_of(self.plan.schema.tables[hop.target]).alias() for hop in column.path.hops]

    def _readable(self, spec: ClockColumn, row: Row) -> Expression:
        table = self.plan.schema.tables[spec.path.table]
        value = row.c[spec.path.column]
        clock = ColumnClock(self.dialect, value, table.columns[spec.path.column], spec)
        unusable = sa.or_(clock.missing(), clock.undecidable())
        return sa.case((unusable, sa.null()), else_=self._sortable(spec, value))

    def _sortable(self, spec: ClockColumn, value: Expression) -> Expression:
        """Text in an order that is the order in time, padded, with what is stored behind it.

        A day without a time counts to its end, as it does for every clock.
        """
        if spec.form is not ClockForm.TEXT:
            return value
        flat = sa.func.replace(sa.func.substr(value, 1, _WIDTH), bind("T"), bind(_BLANK))
        flat = sa.func.replace(flat, bind("Z"), bind(""))
        whole = sa.case((sa.func.length(value) == 10, flat.concat(bind(" 24"))), else_=flat)
        padded = sa.func.substr(whole.concat(bind(_BLANK * _WIDTH)), 1, _WIDTH)
        return self.dialect.ordered_text(padded.concat(value))


_WIDTH = 32
"""Longer than any ISO text that clocks read."""
