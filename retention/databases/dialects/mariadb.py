"""MariaDB: differences only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.dialects.mariadb_masks import MariaDBMasks, matches
from retention.databases.sql import Expression, Row, Truth, bind
from retention.planning.schema import Column, ColumnKind, Table

_TIMES = (ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)
_NO_TIME = "'8000000000000000'"


def _letters(value: Expression) -> Expression:
    """Text as its letters, whatever character set and collation it has."""
    return sa.cast(sa.cast(value, mysql.CHAR(charset="utf8mb4")), sa.BINARY())


def _sixteen(number: Expression) -> Expression:
    """A whole number of 64 bits, signed, as hexadecimal digits."""
    return sa.func.lpad(sa.func.hex(number), 16, "0")


def _is_signed(column: Column) -> bool:
    """TRUE for whole numbers that 64 bits with a sign hold."""
    return (
        column.kind is ColumnKind.INTEGER and column.whole is not None and column.whole[1] < 2**63
    )


def _is_bit(column: Column) -> bool:
    return column.type_text.startswith("BIT")


class MariaDB(MariaDBMasks):
    """MariaDB 10.6 or later."""

    name = "mysql"
    returns_updated_rows = False
    joins_to_update = True
    repeats_sets = True
    has_broken_dates = True

    def as_text(self, value: Expression) -> Expression:
        return sa.cast(value, sa.CHAR())

    def key_part(self, value: Expression, column: Column) -> Expression:
        """Bytes as hexadecimal digits: as text, many of them would be the same question mark. BIT as
        a number, a FLOAT in all its digits.
        """
        if column.holds_bytes:
            return sa.func.lower(sa.func.hex(value))
        exact = _is_bit(column) or column.kind is ColumnKind.FLOAT
        return self.as_text(self.comparable(value, column) if exact else value)

    def packed_row(self, table: Table, row: Row, guard: str | None) -> Expression | None:
        """The driver takes every value apart by itself: one value a row costs half of two."""
        narrow = [_is_signed(table.columns[name]) for name in table.key]
        if narrow != [True] or (guard and table.columns[guard].kind not in _TIMES):
            return None
        at: Expression = sa.literal_column(_NO_TIME)
        if guard:
            since: Expression = sa.literal_column("TIMESTAMP'2000-01-01 00:00:00'")
            micro = sa.func.timestampdiff(sa.text("MICROSECOND"), since, row.c[guard])
            at = sa.func.coalesce(_sixteen(micro), at)
        return sa.func.concat(_sixteen(row.c[table.key[0]]), at)

    def comparable(self, value: Expression, column: Column) -> Expression:
        """ENUM, SET and BIT by their numbers, which they are sorted by; a FLOAT in all its digits, and
        not in the six it shows; what the driver makes objects of its own from, such as TIME, as text.
        """
        if column.choices or _is_bit(column):
            return sa.cast(value, mysql.INTEGER(unsigned=True))
        if column.kind is ColumnKind.FLOAT:
            return sa.cast(value, sa.Double())
        other = column.kind is ColumnKind.OTHER and not column.holds_bytes
        return self.as_text(value) if other else value

    def to_the_letter(self, text: Expression) -> Expression:
        return sa.cast(text, mysql.CHAR(charset="utf8mb4")).collate("utf8mb4_nopad_bin")

    def as_integer(self, digits: Expression) -> Expression:
        return sa.cast(digits, mysql.INTEGER())

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        if column.kind in (ColumnKind.TEXT, ColumnKind.JSON):
            return _letters(value).is_not_distinct_from(_letters(other))
        return value.is_not_distinct_from(other)

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r" ?(Z|[+-]\d\d(:?\d\d)?)$" if offsets else " ?Z$"
        tail = sa.func.regexp_substr(value, bind(form))
        return sa.case((sa.func.char_length(value) > 13, tail), else_=bind(""))

    def is_digits(self, value: Expression) -> Truth:
        return matches(value, r"^-?[0-9]{1,18}$")

    def zero_date(self, value: Expression) -> Truth:
        return value == bind("0000-00-00")

    def broken_date(self, value: Expression) -> Truth:
        return sa.or_(sa.func.month(value) == 0, sa.func.dayofmonth(value) == 0)

    def concatenated(self, parts: list[Expression]) -> Expression:
        return sa.func.concat(*(sa.func.coalesce(part, bind("")) for part in parts))

    def length(self, value: Expression) -> Expression:
        return sa.func.char_length(value)
