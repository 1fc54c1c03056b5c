"""Rows whose column lies before a line: all others are passed over where they lie, not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Row, Truth, any_of, bind
from retention.planning.clocks import ClockColumn, ClockForm
from retention.planning.paths import Hop

_NATIVE = (ClockForm.DATE, ClockForm.TIMESTAMP, ClockForm.TIMESTAMPTZ)
WIDEST_OFFSET = timedelta(hours=16)
"""From UTC: Manila and Juneau, long ago; all others lie nearer."""


@dataclass(frozen=True, slots=True)
class Early:
    """Rows of which one of the columns lies before a line: a day, an instant, or a day among texts.

    `or_null`: or is NULL. The columns are those of one row: the row itself, or one it refers to.
    """

    columns: tuple[ClockColumn, ...]
    day: date
    instant: datetime
    text: str
    or_null: bool = False

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The way to the row whose columns these are."""
        return self.columns[0].path.hops

    def holds(self, dialect: Dialect, row: Row) -> Truth:
        """TRUE for those rows, where `row` is what the hops lead to."""
        return any_of(*(self._is_before(dialect, row, column) for column in self.columns))

    def tells_all(self, dialect: Dialect) -> bool:
        """True where none is left of them once all that was due is gone."""
        return (
            len(self.columns) == 1 and not self.or_null and self._is_exact(dialect, *self.columns)
        )

    def _is_exact(self, dialect: Dialect, column: ClockColumn) -> bool:
        """True where the column's values compare with the line itself, not with a day beyond it."""
        zone = column.form is ClockForm.TIMESTAMP and column.stored_in != "UTC"
        return _is_native(dialect, column) and not zone

    def _is_before(self, dialect: Dialect, row: Row, column: ClockColumn) -> Truth:
        value = row.c[column.path.column]
        if _is_native(dialect, column):
            before = value < bind(self._line(column))
        else:
            before = dialect.ordered_text(dialect.as_text(value)) < bind(self.text)
        return sa.or_(value.is_(None), before) if self.or_null else before

    def _line(self, column: ClockColumn) -> date:
        if column.form is ClockForm.DATE:
            return self.day
        moment = self.instant.astimezone(UTC)
        if column.form is ClockForm.TIMESTAMPTZ:
            return moment
        local = moment if column.stored_in == "UTC" else moment + WIDEST_OFFSET
        return local.replace(tzinfo=None)


def _is_native(dialect: Dialect, column: ClockColumn) -> bool:
    return column.form in _NATIVE and not dialect.dates_are_text
