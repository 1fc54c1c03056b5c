"""PostgreSQL: differences only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.dialects.postgresql_masks import PostgreSQLMasks, matches
from retention.databases.sql import Expression, Row, Truth, bind, written
from retention.planning.schema import Column, ColumnKind, Table

_NAMELESS = ("NULL", "ENUM")
"""Types that the catalogue knows by another name, or by none."""
_NO_TIME = "'\\x8000000000000000'::bytea"


class PostgreSQL(PostgreSQLMasks):
    """PostgreSQL 14 or later (scans by ranges of TIDs)."""

    name = "postgresql"
    data_modifying_ctes = True

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        if column.type_text == "JSONB":
            return value.is_not_distinct_from(sa.cast(other, postgresql.JSONB()))
        if column.kind in (ColumnKind.JSON, ColumnKind.ARRAY, ColumnKind.OTHER):
            if column.type_text not in _NAMELESS and column.kind is ColumnKind.OTHER:
                # '00:00' is kept as 00:00:00
                other = self.as_text(other).op("::", precedence=15)(written(column.type_text))
            return self.as_text(value).is_not_distinct_from(self.as_text(other))
        if column.kind is ColumnKind.TEXT:
            return self.as_text(value).collate("C").is_not_distinct_from(self.as_text(other))
        return value.is_not_distinct_from(other)

    def comparable(self, value: Expression, column: Column) -> Expression:
        """As text: the driver has no infinity, no year BC and no REAL, and takes JSON apart."""
        plain = column.kind in (ColumnKind.INTEGER, ColumnKind.TEXT)
        return value if plain else self.as_text(value)

    def packed_keys(self, table: Table, row: Row, guard: str | None) -> Expression | None:
        times = {
            ColumnKind.TIMESTAMP: sa.func.timestamp_send,
            ColumnKind.TIMESTAMPTZ: sa.func.timestamptz_send,
        }
        kinds = [table.columns[name].kind for name in table.key]
        if kinds != [ColumnKind.INTEGER] or (guard and table.columns[guard].kind not in times):
            return None
        number = sa.func.int8send(sa.cast(row.c[table.key[0]], sa.BigInteger()))
        at: Expression = sa.literal_column(_NO_TIME)
        if guard:
            column = table.columns[guard]
            sent = times[column.kind](row.c[guard])
            at = sa.func.coalesce(sent, at) if column.nullable else sent
        # two aggregates, joined at the end: to join the two values of each row costs twice as much
        nothing: Expression = sa.literal_column("''::bytea")
        return sa.func.string_agg(number, nothing).op("||")(sa.func.string_agg(at, nothing))

    def ordered_text(self, value: Expression) -> Expression:
        return value.collate("C")

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)" if offsets else " ?Z"
        found = sa.func.substring(value, bind(rf":\d\d(?:[.,]\d+)?({form})$"))
        return sa.func.coalesce(found, bind(""))

    def is_digits(self, value: Expression) -> Truth:
        return matches(value, r"^-?\d{1,18}$")
