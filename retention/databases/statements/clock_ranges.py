"""The rows that an index on a step's clock finds: all that may be due, and few others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, all_of, is_true
from retention.databases.statements.column_clock import ColumnClock
from retention.planning.clocks import Choice, ClockColumn
from retention.planning.plan import Plan, Step
from retention.policies.calendar import Cutoff


@dataclass(frozen=True, slots=True)
class ClockRange:
    """Rows whose clock column lies where starts before `line` do; every row that is due is one."""

    dialect: Dialect
    clock: ClockColumn
    plan: Plan
    line: Cutoff

    @property
    def column(self) -> str:
        """The clock's column."""
        return self.clock.path.column

    def holds(self, row: Row) -> Truth:
        """TRUE for those rows; plain comparisons with constants."""
        return all_of(*self._bounds(row))

    def lies_before(self, row: Row) -> Truth:
        """TRUE for rows that start after the range; where there are partitions, in later ones."""
        *_, upper = self._bounds(row)
        return sa.not_(upper)

    def reached(self, row: Row) -> Truth:
        """TRUE for rows that start before the line, and for no others."""
        return self._value(row).before(self.line)

    def nearly(self, row: Row) -> Truth:
        """TRUE for nearly the rows that are `reached`, all of which it `holds`; plain comparisons."""
        return is_true(all_of(*self._bounds(row), *self._value(row).near(self.line)))

    @property
    def is_plain(self) -> bool:
        """TRUE where comparisons with constants tell the rows."""
        return bool(self._bounds(sa.table("t", sa.column(self.column))))

    def _bounds(self, row: Row) -> list[Truth]:
        return self._value(row).between(self.line)

    def _value(self, row: Row) -> ColumnClock:
        column = self.plan.schema.tables[self.clock.path.table].columns[self.column]
        return ColumnClock(self.dialect, row.c[self.column], column, self.clock)

    def most(self, row: sa.TableClause, limit: int) -> sa.Select[Any]:
        """How many rows they are, counted up to `limit`."""
        some = sa.select(row.c[self.column]).where(self.holds(row)).limit(limit).subquery()
        return sa.select(sa.func.count()).select_from(some)


def clock_range(plan: Plan, dialect: Dialect, step: Step) -> ClockRange | None:
    """The range of a step whose one clock column, of the row itself, leads an index; else None."""
    found = early_range(plan, dialect, step)
    return found if found is not None and is_indexed(plan, step, found) else None


def is_within_reach(plan: Plan, step: Step, early: ClockRange) -> bool:
    """TRUE where the others are not read on the way to these rows: by an index, or by partitions."""
    return is_indexed(plan, step, early) or is_parted(plan, step, early)


def is_parted(plan: Plan, step: Step, early: ClockRange) -> bool:
    """TRUE where rows lie in one partition or another by the clock's column."""
    return plan.schema.tables[step.table].parted_by == early.column


def is_indexed(plan: Plan, step: Step, early: ClockRange) -> bool:
    """TRUE where the clock's column leads an index."""
    return early.column in plan.schema.tables[step.table].ordered


def early_range(plan: Plan, dialect: Dialect, step: Step) -> ClockRange | None:
    """The range of a step with one clock column, of the row itself, whatever finds it; else None."""
    line, clock = _line(step), step.clock
    if line is None or clock is None or clock.choice is Choice.ALL or len(clock.columns) != 1:
        return None
    (column,) = clock.columns
    if not column.path.is_own or column.event:
        return None
    found = ClockRange(dialect, column, plan, line)
    return found if found.is_plain else None


def _line(step: Step) -> Cutoff | None:
    """The line before which every start lies that the step may take; None where others may be."""
    deadlines = [deadline for deadline in (step.deadline, step.early) if deadline]
    if step.when is not None or step.early_when is not None or step.unit is not None:
        return None
    lines = [deadline.latest for deadline in deadlines if deadline.latest is not None]
    if not lines:
        return None
    return Cutoff(max(line.instant for line in lines), max(line.day for line in lines))
