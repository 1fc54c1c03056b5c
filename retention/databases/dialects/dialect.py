"""The common way; `sqlite.py`, `postgresql.py` and `mariadb.py` hold differences only."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce

import sqlalchemy as sa

from retention.databases.dialects.wall_times import OFFSETS, iso_text, wall_time
from retention.databases.key_parts import NO_PART
from retention.databases.sql import Expression, Row, Truth, bind, is_true
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.calendar import Cutoff
from retention.policies.masking.forms import Network
from retention.policies.masking.json_paths import JsonPath

EARLIEST_EPOCH = -30_610_224_000
LATEST_EPOCH = 253_402_300_799


class Dialect:
    """How one engine says what the statements need; differences from the standard only."""

    name = "standard"
    returns_updated_rows = True
    data_modifying_ctes = False
    locks_rows = True
    joins_to_update = False
    seeks_keys_by_address = False
    repeats_sets = False
    has_broken_dates = False
    dates_are_text = False

    def as_text(self, value: Expression) -> Expression:
        """The value as text, the same each time it is asked."""
        return sa.cast(value, sa.Text())

    def key_part(self, value: Expression, column: Column) -> Expression:
        """A column of a key as text, so that no two keys read the same."""
        return self.as_text(value)

    def comparable(self, value: Expression, column: Column) -> Expression:
        """The value, read so that bound again it compares with the column as the column's values do."""
        return value

    def packed_keys(self, table: Table, row: Row, guard: str | None) -> Expression | None:
        """Keys and guards of all rows as one value of bytes; None where they are read row by row.

        64-bit numbers, big-endian: all keys, then all guards in microseconds since 2000.
        """
        return None

    def packed_row(self, table: Table, row: Row, guard: str | None) -> Expression | None:
        """Key and guard of one row as hexadecimal digits of the same numbers, 16 each; None where they
        are read column by column.
        """
        return None

    def listed(self, value: Expression) -> Expression | None:
        """The values of all rows as one JSON list; None where they are read row by row."""
        return None

    def as_integer(self, digits: Expression) -> Expression:
        """Text made of digits as a 64-bit integer."""
        return sa.cast(digits, sa.BigInteger())

    def ordered_text(self, value: Expression) -> Expression:
        """Text compared character by character, whatever the column's collation."""
        return value

    def to_the_letter(self, text: Expression) -> Expression:
        """Text under a collation in which only the same letters are equal, last blanks included."""
        return self.ordered_text(text)

    def is_pseudonym(self, text: Expression) -> Truth:
        """TRUE where the text has the form of a token of ours, to the letter."""
        raise NotImplementedError

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        """TRUE where both are equal or both are NULL, to the letter."""
        return value.is_not_distinct_from(other)

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        """TRUE for text that is a real day, with or without a time of day."""
        raise NotImplementedError

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        """The `Z`, `+02:00` or ` +02:00` at the end of valid ISO text; '' where there is none."""
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
        for spellings, shift in OFFSETS if offsets else OFFSETS[:1]:
            moment = (cutoff.instant.astimezone(UTC) + shift).replace(tzinfo=None)
            known = sa.func.ltrim(tail).in_([bind(spelling) for spelling in spellings])
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

    # -- masks: each gives NULL for a value that it cannot read -----------------------------------

    def prefix(self, value: Expression, length: int) -> Expression:
        """The first characters of a text."""
        return sa.func.substr(value, 1, length)

    def last(self, value: Expression, length: int) -> Expression:
        """The last characters of a text."""
        return sa.func.right(value, length)

    def as_column(self, value: Expression, column: Column) -> Expression:
        """Text that can stand beside the column's own values in one expression."""
        return value

    def cut_date(self, value: Expression, column: Column, unit: str) -> Expression:
        """A date or timestamp cut to the start of its unit."""
        raise NotImplementedError

    def cut_text(self, value: Expression, unit: str) -> Expression:
        """ISO text cut to the start of its unit, written as it was: with `T`, with its offset."""
        kept = {"day": 10, "month": 7, "year": 4, "decade": 3}[unit]
        rest = {"day": "", "month": "-01", "year": "-01-01", "decade": "0-01-01"}[unit]
        tail = self.offset_of(value, offsets=True)
        size = self.length(value) - self.length(tail)
        start = [sa.func.substr(value, 1, kept), bind(rest), sa.func.substr(value, 11, 1)]
        return sa.case(
            (sa.not_(is_true(self.valid_iso(value, offsets=True))), sa.null()),
            (size == 10, self.concatenated(start[:2])),
            (size == 16, self.concatenated([*start, bind("00:00"), tail])),
            else_=self.concatenated([*start, bind("00:00:00"), tail]),
        )

    def cut_epoch(self, value: Expression, column: Column, unit: str, ticks: int) -> Expression:
        """A count of ticks since 1970, `ticks` a second, cut to the start of its unit in UTC."""
        raise NotImplementedError

    def network(self, value: Expression, mask: Network) -> Expression:
        """An address in text, cut to its network; a zone (`%eth0`) goes."""
        raise NotImplementedError

    def network_of_inet(self, value: Expression, column: Column, mask: Network) -> Expression:
        """An address in a column made for addresses, cut to its network."""
        return self.network(self.as_text(value), mask)

    def rounded(self, value: Expression, column: Column, step: int) -> Expression:
        """A number cut to a multiple of `step`, towards zero."""
        return value - value % sa.literal_column(str(step))

    def plain_number(self, text: Expression) -> Truth:
        """TRUE for text such as `34`, `-3` or `34.50`, of up to fifteen digits before the point."""
        raise NotImplementedError

    def whole_part(self, text: Expression) -> Expression:
        """The digits of a plain number before its point, as a whole number."""
        raise NotImplementedError

    # -- JSON documents: `at` is a place such as `$."customer"."email"` ---------------------------

    def json_readable(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Truth:
        """TRUE for JSON in which no key on the way to `paths` stands twice."""
        raise NotImplementedError

    def json_document(
        self, value: Expression, column: Column, paths: tuple[JsonPath, ...]
    ) -> Expression:
        """A readable document as the functions below take it."""
        return value

    def json_is(self, document: Expression, at: JsonPath, kind: str) -> Truth:
        """TRUE where a string, number, boolean, null, array or object stands there."""
        raise NotImplementedError

    def json_text(self, document: Expression, at: JsonPath) -> Expression:
        """The string or number that stands there, as text."""
        raise NotImplementedError

    def json_part(self, document: Expression, at: JsonPath) -> Expression:
        """What stands there, as JSON text."""
        raise NotImplementedError

    def json_same(self, document: Expression, at: JsonPath, text: str) -> Truth:
        """TRUE where this JSON, written without spaces, stands there."""
        raise NotImplementedError

    def json_string(self, text: Expression) -> Expression:
        """Text as a JSON string."""
        raise NotImplementedError

    def json_replaced(
        self, document: Expression, values: list[tuple[JsonPath, Expression]]
    ) -> Expression:
        """The document with other JSON, as text, in those of the places that are there."""
        raise NotImplementedError

    def as_json(self, text: Expression, column: Column) -> Expression:
        """JSON text as the column's type."""
        return text

    def json_stored(self, document: Expression, column: Column) -> Expression:
        """The document as its column keeps it."""
        return document

    def concatenated(self, parts: list[Expression]) -> Expression:
        """Text parts joined; a NULL part counts as ''."""
        texts: list[Expression] = [sa.func.coalesce(part, bind("")) for part in parts]
        return reduce(lambda left, right: left.concat(right), texts)

    def length(self, value: Expression) -> Expression:
        """Characters, not bytes."""
        return sa.func.length(value)


def key_text(dialect: Dialect, table: Table, row: Row) -> Expression:
    """The row's key as text, as holds and events name it: several parts as in `key_parts`."""
    parts = [dialect.key_part(row.c[name], table.columns[name]) for name in table.key]
    if len(parts) == 1:
        return parts[0]
    joined: list[Expression] = []
    for part in parts:
        marked = sa.func.replace(
            sa.func.replace(part, bind("~"), bind("~~")), bind("|"), bind("~|")
        )
        joined += [bind("|"), sa.func.coalesce(marked, bind(NO_PART))]
    return dialect.concatenated(joined[1:])


NUMBER_KINDS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
