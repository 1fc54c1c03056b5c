"""The common way; `sqlite.py`, `postgresql.py` and `mariadb.py` hold differences only."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from retention.databases.sql import Expression, Row, Truth, bind
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.calendar import Cutoff
from retention.policies.masking import Network

_NO_TIME = timedelta(0)


class Dialect:
    """How one engine says what the statements need; differences from the standard only."""

    name = "standard"
    returns_updated_rows = True
    data_modifying_ctes = False
    locks_rows = True
    has_broken_dates = False

    def as_text(self, value: Expression) -> Expression:
        """The value as text, the same each time it is asked."""
        return sa.cast(value, sa.Text())

    def as_integer(self, digits: Expression) -> Expression:
        """Text made of digits as a 64-bit integer."""
        return sa.cast(digits, sa.BigInteger())

    def ordered_text(self, value: Expression) -> Expression:
        """Text compared character by character, whatever the column's collation."""
        return value

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        """TRUE where both are equal or both are NULL, to the letter."""
        return value.is_not_distinct_from(other)

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        """TRUE for text that is a real day, with or without a time of day."""
        raise NotImplementedError

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        """The `Z` or `+02:00` at the end of valid ISO text; '' where there is none."""
        raise NotImplementedError

    def iso_less(self, value: Expression, cutoff: Cutoff, naive: datetime, offsets: bool) -> Truth:
        """TRUE for valid ISO text before the cutoff: a day, a local time, or a time with offset."""
        tail = self.offset_of(value, offsets)
        size = self.length(value) - self.length(tail)
        local = sa.func.replace(sa.func.substr(value, 1, size), bind("T"), bind(" "))
        flat = self.ordered_text(sa.func.replace(local, bind(","), bind(".")))
        whens = [
            (size == 10, flat < bind(cutoff.day.isoformat())),
            (tail == bind(""), self._padded(flat, size) < bind(iso_text(naive))),
        ]
        for spellings, shift in _OFFSETS if offsets else _OFFSETS[:1]:
            moment = (cutoff.instant.astimezone(UTC) + shift).replace(tzinfo=None)
            known = tail.in_([bind(spelling) for spelling in spellings])
            whens.append((known, self._padded(flat, size) < bind(iso_text(moment))))
        return sa.case(*whens, else_=sa.false())

    def _padded(self, flat: Expression, size: Expression) -> Expression:
        return sa.case((size == 16, flat.concat(bind(":00"))), else_=flat)

    def is_digits(self, value: Expression) -> Truth:
        """TRUE for text of up to eighteen digits, with or without a minus."""
        raise NotImplementedError

    def is_number(self, value: Expression, column: Column) -> Truth:
        """TRUE where a number is stored."""
        return sa.true()

    def zero_date(self, value: Expression) -> Truth:
        """TRUE for the engine's own spelling of "no date" in a date column."""
        return sa.false()

    def broken_date(self, value: Expression) -> Truth:
        """TRUE for a date that has no month or day."""
        return sa.false()

    def instant(self, moment: datetime, form: ClockForm, stored_in: str) -> object:
        """An instant as the column stores it."""
        if form is ClockForm.TIMESTAMPTZ:
            return moment.astimezone(UTC)
        return wall_time(moment, stored_in)

    def truncated(self, value: Expression, column: Column, unit: str) -> Expression:
        """A date or timestamp cut to the start of its unit."""
        raise NotImplementedError

    def network(self, value: Expression, column: Column, mask: Network) -> Expression:
        """An address cut to its network; NULL (or '' in a NOT NULL column) for anything else."""
        raise NotImplementedError

    def rounded(self, value: Expression, step: int) -> Expression:
        """A number rounded down to a multiple of `step`."""
        return sa.func.floor(value / float(step)) * step

    def prefix(self, value: Expression, length: int) -> Expression:
        """The first characters of a text."""
        return sa.func.substr(value, 1, length)

    def concatenated(self, parts: list[Expression]) -> Expression:
        """Text parts joined; a NULL part counts as ''."""
        texts: list[Expression] = [sa.func.coalesce(part, bind("")) for part in parts]
        return reduce(lambda left, right: left.concat(right), texts)

    def length(self, value: Expression) -> Expression:
        """Characters, not bytes."""
        return sa.func.length(value)


def key_text(dialect: Dialect, table: Table, row: Row) -> Expression:
    """The row's key as text, parts joined by `|`, as holds and events name it."""
    first, *others = (dialect.as_text(row.c[name]) for name in table.key)
    parts: list[Expression] = [first]
    for other in others:
        parts += [bind("|"), other]
    return dialect.concatenated(parts) if others else first


def wall_time(moment: datetime, stored_in: str) -> datetime:
    """The naive local time of `moment`; where it comes twice, the start of the repeated time.

    A naive value in the repeated hour may mean the later instant, so doubt keeps it longer.
    """
    zone = ZoneInfo(stored_in)
    local = moment.astimezone(zone)
    wall = local.replace(tzinfo=None, fold=0) - _skipped(moment, zone)
    if local.fold or not _comes_twice(wall, zone):
        return wall
    wall = wall.replace(second=0, microsecond=0)
    while _comes_twice(wall - timedelta(minutes=1), zone):
        wall -= timedelta(minutes=1)
    return wall


def _skipped(moment: datetime, zone: ZoneInfo) -> timedelta:
    """How much of the time before `moment` the clocks skipped, while that is still in doubt.

    Applications store times that were skipped; what they mean by them may come after `moment`.
    """
    offset = moment.astimezone(zone).utcoffset() or _NO_TIME
    gap = offset - ((moment - timedelta(hours=3)).astimezone(zone).utcoffset() or _NO_TIME)
    if gap <= _NO_TIME:
        return _NO_TIME
    still = (moment - gap).astimezone(zone).utcoffset() or _NO_TIME
    return gap if still < offset else _NO_TIME


def _comes_twice(wall: datetime, zone: ZoneInfo) -> bool:
    first = wall.replace(tzinfo=zone, fold=0).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    return first is not None and second is not None and second < first


def iso_text(moment: datetime) -> str:
    """`2026-08-23 00:00:00`, with a fraction only where there is one."""
    return moment.isoformat(sep=" ")


def day_after(day: date, days: int = 1) -> date:
    """`day` moved on, kept inside the calendar."""
    return min(day, date.max - timedelta(days=days)) + timedelta(days=days)


NUMBER_KINDS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)


def _offsets() -> list[tuple[list[str], timedelta]]:
    """Every offset in use, with its spellings; UTC first."""
    hours = [timedelta(hours=hour) for hour in range(-12, 15) if hour]
    odd = ["-9:30", "-3:30", "-2:30", "3:30", "4:30", "5:30", "5:45", "6:30"]
    odd += ["8:45", "9:30", "10:30", "12:45", "13:45"]
    for text in odd:
        hour, _, minute = text.partition(":")
        shift = timedelta(hours=abs(int(hour)), minutes=int(minute))
        hours.append(-shift if hour.startswith("-") else shift)
    found = [(["Z", "+00:00", "-00:00", "+0000", "+00"], timedelta(0))]
    for shift in hours:
        sign = "-" if shift < timedelta(0) else "+"
        whole, rest = divmod(int(abs(shift).total_seconds()) // 60, 60)
        spellings = [f"{sign}{whole:02d}:{rest:02d}", f"{sign}{whole:02d}{rest:02d}"]
        if not rest:
            spellings.append(f"{sign}{whole:02d}")
        found.append((spellings, shift))
    return found


_OFFSETS = _offsets()
