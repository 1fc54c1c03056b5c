"""What a mask makes of one value, as SQL: NULL where the value cannot be read as it expects."""

from __future__ import annotations

from datetime import UTC, date, datetime

import sqlalchemy as sa

from retention.databases.dialects.addresses import LONGEST
from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, all_of, bind, written
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.masking.bands import Band
from retention.policies.masking.forms import (
    Bands,
    Constant,
    KeepLast,
    Mask,
    Network,
    Prefix,
    Round,
    Template,
    Truncate,
)
from retention.policies.masking.parse import compact_json

TEXT = Column("", ColumnKind.TEXT, "TEXT")


class MaskValues:
    """Masks of single values, wherever they stand: in a column or inside a document."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def changed(
        self, value: Expression, column: Column, mask: Mask, row: Row, table: Table
    ) -> Expression:
        """The value as the mask leaves it; NULL where it cannot be read."""
        if column.kind in (ColumnKind.TEXT, ColumnKind.OTHER):
            value = self.dialect.as_text(value)
        match mask:
            case Template(_, parts):
                return self._template(row, table, parts)
            case Truncate(unit, ticks):
                return self._truncated(value, column, unit, ticks)
            case Network():
                return self._network(value, column, mask)
            case Prefix(length):
                return self.dialect.prefix(value, length)
            case KeepLast(length):
                return self.dialect.last(value, length)
            case Round(step):
                return self.dialect.rounded(value, column, step)
            case Bands(bands):
                return self._band(self.dialect.as_text(value), bands)
        raise AssertionError(mask)

    def constant(self, column: Column, constant: Constant) -> Expression:
        """The one value of all rows, in the form the column stores."""
        value = constant.value
        if column.kind is ColumnKind.JSON:
            return bind(compact_json(value))
        if isinstance(value, datetime) and value.tzinfo:
            # drivers that know no zones write the clock's hands as they stand
            value = value.astimezone(UTC)
            value = value if column.kind is ColumnKind.TIMESTAMPTZ else value.replace(tzinfo=None)
        if isinstance(value, date) and (self.dialect.name == "sqlite" or column.kind is TEXT.kind):
            return bind(str(value))
        return bind(value)

    def _template(self, row: Row, table: Table, parts: tuple[tuple[bool, str], ...]) -> Expression:
        pieces = [
            self.dialect.as_text(row.c[table.columns[part].name]) if is_column else bind(part)
            for is_column, part in parts
        ]
        return self.dialect.concatenated(pieces)

    def _truncated(self, value: Expression, column: Column, unit: str, ticks: int) -> Expression:
        if column.kind in (ColumnKind.TEXT, ColumnKind.OTHER):
            return self.dialect.cut_text(value, unit)
        if not ticks:
            return self.dialect.cut_date(value, column, unit)
        cut = self.dialect.cut_epoch(value, column, unit, ticks)
        if column.whole is None:
            return cut
        low = written(column.whole[0])
        return sa.case((cut < low, low), else_=cut)

    def _network(self, value: Expression, column: Column, mask: Network) -> Expression:
        if column.kind is ColumnKind.INET:
            return self.dialect.network_of_inet(value, column, mask)
        found = self.dialect.network(value, mask)
        if column.length is None or column.length >= LONGEST:
            return found
        return sa.case((self.dialect.length(found) <= column.length, found))

    def _band(self, text: Expression, bands: tuple[Band, ...]) -> Expression:
        """A masked value names its band already; every number below zero is below them all."""
        named = [
            (self.dialect.same(text, bind(band.name), TEXT), bind(band.name)) for band in bands
        ]
        number = self.dialect.whole_part(text)
        negative = self.dialect.prefix(text, 1) == bind("-")
        lowest = bind(bands[0].name) if bands[0].low is None else sa.null()
        inside = [
            (
                all_of(
                    None if band.low is None else number >= written(band.low),
                    None if band.beyond is None else number < written(band.beyond),
                ),
                bind(band.name),
            )
            for band in bands
        ]
        found = sa.case((negative, lowest), *inside)
        return sa.case(*named, (self.dialect.plain_number(text), found))
