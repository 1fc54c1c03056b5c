"""Rows whose column lies before a day: all others are passed over where they lie, not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, bind
from retention.planning.clocks import ClockColumn, ClockForm

_NATIVE = (ClockForm.DATE, ClockForm.TIMESTAMP, ClockForm.TIMESTAMPTZ)


@dataclass(frozen=True, slots=True)
class Early:
    """Rows of the clock column's table whose value sorts before `day`, in UTC or as it is written."""

    column: ClockColumn
    day: date

    def holds(self, dialect: Dialect, row: Row) -> Truth:
        """TRUE for those rows; a NULL is none of them."""
        value = row.c[self.column.path.column]
        if self.column.form in _NATIVE and not dialect.dates_are_text:
            return value < bind(self.day)
        return dialect.ordered_text(dialect.as_text(value)) < bind(self.day.isoformat())
