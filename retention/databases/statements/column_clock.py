"""One stored value as a time: three predicates, whatever way the column stores it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.wall_times import day_after, iso_text, wall_time
from retention.databases.sql import (
    Expression,
    Truth,
    all_of,
    any_of,
    bind,
    is_true,
)
from retention.planning.clocks import TYPED, UNITS, ClockColumn, ClockForm
from retention.planning.schema import Column, ColumnKind
from retention.policies.calendar import Cutoff, local_midnight


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
        if self.spec.form in (ClockForm.DATE, ClockForm.TIMESTAMP, ClockForm.TIMESTAMPTZ):
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
        conditions.append(self._less(cutoff))
        if self.spec.form in TYPED.values() and self.dialect.has_broken_dates:
            # after the comparison, which is cheap and leaves few
            conditions.append(sa.not_(self.dialect.broken_date(self.value)))
        conditions += [sa.not_(found) for found in self._declared_missing()]
        return all_of(*conditions)

    def _too_early(self) -> Truth:
        """TRUE for a start that no row of this system can have."""
        day = self.spec.earliest_plausible
        if self.spec.form is ClockForm.TEXT:
            return self.dialect.ordered_text(self.value) < bind(day.isoformat())
        return self._less(Cutoff(_midnight(day), day))

    def between(self, cutoff: Cutoff) -> list[Truth]:
        """Plain comparisons that every start before `cutoff` passes, and an index serves; or none."""
        if self.spec.form is ClockForm.TEXT:
            return self._index_bounds(cutoff)
        first = self.spec.earliest_plausible
        if self.spec.form in UNITS:
            if self.column.kind not in (ColumnKind.INTEGER, ColumnKind.DECIMAL):
                return []
            # a whole number is stored as one by such a column, text that looks like one as well
            low, beyond = (self._ticks(moment) for moment in (_midnight(first), cutoff.instant))
            return [self.value >= bind(low), self.value < bind(beyond)]
        low_end = Cutoff(_midnight(first), first)
        return [sa.not_(self._less(low_end)), self._less(cutoff)]

    def near(self, cutoff: Cutoff) -> list[Truth]:
        """Plain comparisons that pass nearly the same values as `before`, but neither all nor only."""
        if self.spec.form is not ClockForm.TEXT:
            return self.between(cutoff)
        naive = wall_time(cutoff.instant, self.spec.stored_in)
        first = self.spec.earliest_plausible.isoformat()
        return [self.value >= bind(first), self.value < bind(iso_text(naive))]

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
            return self._number() < bind(self._ticks(cutoff.instant))
        if form is ClockForm.TEXT:
            return self._text_less(cutoff)
        return self.value < bind(self.dialect.instant(cutoff.instant, form, self.spec.stored_in))

    def _ticks(self, moment: datetime) -> int:
        """The first whole number that does not lie before the moment."""
        return ceil(_epoch_microseconds(moment) * UNITS[self.spec.form] / 1_000_000)

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
            found.append(is_true(self._on(date.fromisoformat(extra[:10]))))
        return found

    def _on(self, day: date) -> Truth:
        """TRUE for a value of that day: as it is written, or in the zone it is stored in."""
        if self.spec.form is ClockForm.TIMESTAMP:
            first, beyond = (datetime.combine(end, time()) for end in (day, day_after(day)))
            return sa.and_(self.value >= bind(first), self.value < bind(beyond))
        zone = ZoneInfo(self.spec.stored_in)
        start, end = (Cutoff(local_midnight(each, zone), each) for each in (day, day_after(day)))
        return sa.and_(sa.not_(self._less(start)), self._less(end))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _epoch_microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
