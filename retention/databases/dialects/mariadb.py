"""MariaDB: differences only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.sql import Expression, Truth, bind
from retention.planning.schema import Column, ColumnKind
from retention.policies.masking import Network


def matches(value: Expression, pattern: str) -> Truth:
    """A Perl-compatible regular expression over text."""
    return value.op("REGEXP", return_type=sa.Boolean())(bind(pattern))


class MariaDB(Dialect):
    """MariaDB 10.6 or later."""

    name = "mysql"
    returns_updated_rows = False
    has_broken_dates = True

    def as_text(self, value: Expression) -> Expression:
        return sa.cast(value, sa.CHAR())

    def as_integer(self, digits: Expression) -> Expression:
        return sa.cast(digits, mysql.INTEGER())

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        if column.kind is ColumnKind.TEXT:
            return sa.cast(value, sa.BINARY()).is_not_distinct_from(sa.cast(other, sa.BINARY()))
        return value.is_not_distinct_from(other)

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r"(Z|[+-]\d\d(:?\d\d)?)$" if offsets else "Z$"
        tail = sa.func.regexp_substr(value, bind(form))
        return sa.case((sa.func.char_length(value) > 13, tail), else_=bind(""))

    def is_digits(self, value: Expression) -> Truth:
        return matches(value, r"^-?[0-9]{1,18}$")

    def zero_date(self, value: Expression) -> Truth:
        return value == bind("0000-00-00")

    def broken_date(self, value: Expression) -> Truth:
        return sa.or_(sa.func.month(value) == 0, sa.func.dayofmonth(value) == 0)

    def truncated(self, value: Expression, column: Column, unit: str) -> Expression:
        pattern = {
            "day": "%Y-%m-%d",
            "month": "%Y-%m-01",
            "year": "%Y-01-01",
        }.get(unit)
        if pattern is not None:
            return sa.func.date_format(value, bind(pattern))
        decade = sa.func.left(sa.func.date_format(value, bind("%Y")), 3)
        return sa.func.concat(decade, bind("0-01-01"))

    def network(self, value: Expression, column: Column, mask: Network) -> Expression:
        text = self.as_text(value)
        nothing = sa.null() if column.nullable else bind("")
        return sa.case(
            (sa.func.is_ipv4(text) == 1, self._v4(text, mask.v4)),
            (sa.func.is_ipv6(text) == 1, self._v6(text, mask.v6)),
            else_=nothing,
        )

    def _v4(self, text: Expression, width: int) -> Expression:
        bits = (0xFFFFFFFF << (32 - width)) & 0xFFFFFFFF
        return sa.func.inet_ntoa(sa.func.inet_aton(text).op("&")(sa.literal_column(str(bits))))

    def _v6(self, text: Expression, width: int) -> Expression:
        """Whole bytes are cut in binary; the byte in the middle by arithmetic."""
        whole, bits = divmod(width, 8)
        binary = sa.func.inet6_aton(text)
        parts: list[Expression] = [sa.func.left(binary, whole)]
        if bits:
            mask = (0xFF << (8 - bits)) & 0xFF
            byte = sa.func.ord(sa.func.substr(binary, whole + 1, 1))
            parts.append(sa.func.char(byte.op("&")(sa.literal_column(str(mask)))))
        padding = 16 - whole - bool(bits)
        parts.append(sa.literal_column(f"REPEAT(0x00, {padding})"))
        return sa.func.inet6_ntoa(sa.cast(sa.func.concat(*parts), sa.BINARY(16)))

    def prefix(self, value: Expression, length: int) -> Expression:
        return sa.func.left(value, length)

    def concatenated(self, parts: list[Expression]) -> Expression:
        return sa.func.concat(*(sa.func.coalesce(part, bind("")) for part in parts))

    def length(self, value: Expression) -> Expression:
        return sa.func.char_length(value)
