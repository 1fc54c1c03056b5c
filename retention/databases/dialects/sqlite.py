"""SQLite: differences only. One column may hold text and numbers side by side."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from retention.databases.dialects.sqlite_masks import SQLiteMasks
from retention.databases.dialects.wall_times import iso_text, wall_time
from retention.databases.formula import Formula
from retention.databases.sql import Expression, Truth, bind, written
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column, ColumnKind
from retention.policies.calendar import Cutoff

# `+0200` and `+02` as `+02:00`, which SQLite's own functions read
_WITH_COLON = """(CASE
 WHEN length({0}) > 16 AND {0} GLOB '*[-+][0-9][0-9][0-9][0-9]'
 THEN substr({0}, 1, length({0}) - 2) || ':' || substr({0}, -2)
 WHEN {0} GLOB '*:*[-+][0-9][0-9]' THEN {0} || ':00' ELSE {0} END)"""
_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
# what programs store where no offset can hide; all else takes the longer way. The digits are for
# `date()` to see, which is much quicker than a pattern of classes
_SECOND = "????-??-??[ T]??:??:??"
_USUAL = f"""{{0}} GLOB '{_SECOND}' OR {{0}} GLOB '{_SECOND}.[0-9][0-9][0-9][0-9][0-9][0-9]'"""
# what most programs store is what SQLite writes itself: one call tells, however the text was made.
# Functions stop at a NUL within a text, which the comparison or the count of bytes sees
_VALID = f"""(CASE
 WHEN length({{0}}) = 19 AND datetime({{0}}, '+0 days') IS +{{0}} COLLATE BINARY THEN 1
 WHEN length({{0}}) = 10 THEN date({{0}}, '+0 days') IS +{{0}} COLLATE BINARY
 WHEN length(CAST({{0}} AS BLOB)) <> length({{0}}) THEN 0
 WHEN {_USUAL} THEN date(substr({{0}}, 1, 19), '+0 days') IS substr({{0}}, 1, 10)
 ELSE {{0}} GLOB '{_DAY}[ T][0-9][0-9]:[0-9][0-9]*'
 AND date(substr({{0}}, 1, 10), '+0 days') = substr({{0}}, 1, 10)
 AND substr({{0}}, 12, 2) < '24' AND julianday(WHOLE) IS NOT NULL END)"""
_LESS = f"""(CASE WHEN {{0}} < {{4}} THEN 1 WHEN length({{0}}) = 10 THEN {{0}} < {{1}}
 WHEN {_USUAL} THEN replace({{0}}, 'T', ' ') < {{3}}
 WHEN {{0}} GLOB '*[Z+]*' OR {{0}} GLOB '*:*-*' THEN strftime('%Y-%m-%d %H:%M:%f', WHOLE) < {{2}}
 WHEN length({{0}}) = 16 THEN replace({{0}}, 'T', ' ') || ':00' < {{3}}
 ELSE replace(replace({{0}}, 'T', ' '), ',', '.') < {{3}} END)"""
_DIGITS = """(typeof({0}) = 'text' AND length({0}) BETWEEN 1 AND 18
 AND NOT {0} GLOB '?*[^0-9]*' AND {0} GLOB '[-0-9]*' AND {0} <> '-')"""
_TWO_DAYS = timedelta(days=2)
_FIRST_DAYS = date.min + _TWO_DAYS


class SQLite(SQLiteMasks):
    """SQLite 3.35 or later (RETURNING)."""

    name = "sqlite"
    locks_rows = False
    seeks_keys_by_address = True
    repeats_sets = True
    dates_are_text = True

    def listed(self, value: Expression) -> Expression:
        if isinstance(value, sa.Cast):
            return sa.func.json_group_array(value)
        whole = sa.func.typeof(value) == written("'integer'")
        return sa.func.json_group_array(sa.case((whole, value), else_=self._told(value)))

    def key_part(self, value: Expression, column: Column) -> Expression:
        # a CASE for each number would be too deep for the parser where many rules ask for holds
        whole = column.kind is ColumnKind.INTEGER
        return self.as_text(value) if whole else self._told(value)

    def _told(self, value: Expression) -> Expression:
        """Bytes, which may lie in any column, as hexadecimal digits: most of them are no text."""
        digits = sa.func.lower(sa.func.hex(value))
        return sa.case(
            (sa.func.typeof(value) == written("'blob'"), digits), else_=self.as_text(value)
        )

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        """`date()` with a modifier keeps real days only; `julianday()` knows every time of day.

        Given a time, `date()` also turns 24:00 into another day.
        """
        return Formula(_of(_VALID, offsets), value)

    def iso_less(self, value: Expression, cutoff: Cutoff, naive: datetime, offsets: bool) -> Truth:
        """`strftime()` turns a time with an offset into UTC; all else is compared as text.

        Three days before the line no offset matters any more.
        """
        utc = cutoff.instant.astimezone(UTC).replace(tzinfo=None)
        precision = "microseconds" if utc.microsecond else "milliseconds"
        lines = (
            cutoff.day.isoformat(),
            utc.isoformat(sep=" ", timespec=precision),
            iso_text(naive),
            (max(cutoff.day, _FIRST_DAYS) - _TWO_DAYS).isoformat(),
        )
        return Formula(_of(_LESS, offsets), value, *map(bind, lines))

    def is_digits(self, value: Expression) -> Truth:
        return Formula(_DIGITS, value)

    def is_number(self, value: Expression, column: Column) -> Truth:
        return sa.func.typeof(value).in_([bind("integer"), bind("real")])

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        return value.collate("BINARY").is_not_distinct_from(other)

    def ordered_text(self, value: Expression) -> Expression:
        return value.collate("BINARY")

    def instant(self, moment: datetime, form: ClockForm, stored_in: str) -> object:
        return iso_text(wall_time(moment, stored_in))


def _of(text: str, offsets: bool) -> str:
    """The text over the whole value, fractions and offsets spelled as SQLite reads them."""
    whole = _WITH_COLON if offsets else "{0}"
    return text.replace("WHOLE", f"replace({whole}, ',', '.')")
