"""SQLite: differences only. One column may hold text and numbers side by side."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from retention.databases.dialects.dialect import iso_text, wall_time
from retention.databases.dialects.sqlite_masks import SQLiteMasks
from retention.databases.sql import Expression, Truth, all_of, bind
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column
from retention.policies.calendar import Cutoff

_TIMED = "??????????[ T][0-9][0-9]:[0-9][0-9]*"
_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*"


def _glob(value: Expression, pattern: str) -> Truth:
    return value.op("GLOB", return_type=sa.Boolean())(bind(pattern))


class SQLite(SQLiteMasks):
    """SQLite 3.35 or later (RETURNING)."""

    name = "sqlite"
    locks_rows = False
    repeats_sets = True
    dates_are_text = True

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        """`date()` with a modifier keeps real days only; `julianday()` knows every time of day."""
        day = sa.func.substr(value, 1, 10)
        whole = self._with_colon(value) if offsets else value
        return all_of(
            _glob(value, _DAY),
            sa.func.date(day, bind("+0 days")) == day,
            sa.or_(sa.func.length(value) == 10, _glob(value, _TIMED)),
            sa.func.substr(value, 12, 2) < bind("24"),
            sa.func.julianday(whole).is_not(None),
        )

    def iso_less(self, value: Expression, cutoff: Cutoff, naive: datetime, offsets: bool) -> Truth:
        """`strftime()` turns a time with an offset into UTC; all else is compared as text."""
        whole = self._with_colon(value) if offsets else value
        flat = sa.func.replace(value, bind("T"), bind(" "))
        size = sa.func.length(value)
        zoned = sa.or_(_glob(value, "*[Z+]*"), _glob(value, "*:*-*"))
        in_utc = sa.func.strftime(bind("%Y-%m-%d %H:%M:%f"), whole)
        utc = cutoff.instant.astimezone(UTC).replace(tzinfo=None)
        precision = "microseconds" if utc.microsecond else "milliseconds"
        return sa.case(
            (size == 10, value < bind(cutoff.day.isoformat())),
            (zoned, in_utc < bind(utc.isoformat(sep=" ", timespec=precision))),
            (size == 16, flat.concat(bind(":00")) < bind(iso_text(naive))),
            else_=flat < bind(iso_text(naive)),
        )

    def _with_colon(self, value: Expression) -> Expression:
        """`+0200` and `+02` as `+02:00`, which SQLite's own functions read."""
        size = sa.func.length(value)
        head = sa.func.substr(value, 1, size - 2)
        return sa.case(
            (
                sa.and_(size > 16, _glob(value, "*[-+][0-9][0-9][0-9][0-9]")),
                head.concat(bind(":")).concat(sa.func.substr(value, -2)),
            ),
            (_glob(value, "*:*[-+][0-9][0-9]"), value.concat(bind(":00"))),
            else_=value,
        )

    def is_digits(self, value: Expression) -> Truth:
        return all_of(
            sa.func.typeof(value) == bind("text"),
            sa.func.length(value).between(1, 18),
            sa.not_(_glob(value, "?*[^0-9]*")),
            _glob(value, "[-0-9]*"),
            value != bind("-"),
        )

    def is_number(self, value: Expression, column: Column) -> Truth:
        return sa.func.typeof(value).in_([bind("integer"), bind("real")])

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        return value.collate("BINARY").is_not_distinct_from(other)

    def ordered_text(self, value: Expression) -> Expression:
        return value.collate("BINARY")

    def instant(self, moment: datetime, form: ClockForm, stored_in: str) -> object:
        return iso_text(wall_time(moment, stored_in))
