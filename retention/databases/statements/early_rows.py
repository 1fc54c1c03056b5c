"""Rows whose column lies before a line: all others are passed over where they lie, not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, bind
from retention.planning.clocks import ClockColumn, ClockForm

_NATIVE = (ClockForm.DATE, ClockForm.TIMESTAMP, ClockForm.TIMESTAMPTZ)
_WIDEST_OFFSET = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Early:
    """Rows whose clock column lies before a line: a day, an instant, or a day among texts."""

    column: ClockColumn
    day: date
    instant: datetime
    text: str

    def holds(self, dialect: Dialect, row: Row) -> Truth:
        """TRUE for those rows; a NULL is none of them."""
        value = row.c[self.column.path.column]
        if self._is_native(dialect):
            return value < bind(self._line())
        return dialect.ordered_text(dialect.as_text(value)) < bind(self.text)

    def tells_all(self, dialect: Dialect) -> bool:
        """True where none is left of them once all that was due is gone."""
        zone = self.column.form is ClockForm.TIMESTAMP and self.column.stored_in != "UTC"
        return self._is_native(dialect) and not zone

    def _is_native(self, dialect: Dialect) -> bool:
        return self.column.form in _NATIVE and not dialect.dates_are_text

    def _line(self) -> date:
        if self.column.form is ClockForm.DATE:
            return self.day
        moment = self.instant.astimezone(UTC)
        if self.column.form is ClockForm.TIMESTAMPTZ:
            return moment
        local = moment if self.column.stored_in == "UTC" else moment + _WIDEST_OFFSET
        return local.replace(tzinfo=None)
