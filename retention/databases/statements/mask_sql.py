"""Masks as SQL: what a column becomes, and whether it already is."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, bind
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.masking import (
    Constant,
    Mask,
    Network,
    Null,
    Prefix,
    Round,
    Template,
    Truncate,
)


class MaskSql:
    """The masked value of a column of one row, and the test that finds rows still to mask."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def masked(self, row: Row, table: Table, column: Column, mask: Mask) -> Expression:
        """What the column becomes."""
        value = row.c[column.name]
        match mask:
            case Null():
                return sa.null()
            case Constant(constant):
                return bind(constant)
            case Template(_, parts):
                return self._template(row, table, parts)
            case Truncate(unit):
                return self.dialect.truncated(value, column, unit)
            case Network():
                return self.dialect.network(value, column, mask)
            case Prefix(length):
                return self.dialect.prefix(value, length)
            case Round(step):
                return self.dialect.rounded(value, step)

    def differs(self, row: Row, table: Table, column: Column, mask: Mask) -> Truth:
        """TRUE where the column is not yet masked; a NULL has nothing left to mask.

        Only "null" and constants apply to a NULL at all: masking must not invent a value where
        there was none, so a NULL stays NULL.
        """
        value = row.c[column.name]
        present = value.is_not(None)
        if isinstance(mask, Null):
            return present
        wanted = self.masked(row, table, column, mask)
        return sa.and_(present, sa.not_(self.dialect.same(value, wanted, column)))

    def _template(self, row: Row, table: Table, parts: tuple[tuple[bool, str], ...]) -> Expression:
        pieces = [
            self._text_of(row, table.columns[part]) if is_column else bind(part)
            for is_column, part in parts
        ]
        return self.dialect.concatenated(pieces)

    def _text_of(self, row: Row, column: Column) -> Expression:
        value = row.c[column.name]
        return value if column.kind is ColumnKind.TEXT else self.dialect.as_text(value)
