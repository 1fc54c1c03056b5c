"""Masks as SQL: what a column becomes, and whether it already is."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, bind, written
from retention.databases.statements.mask_json import MaskJson
from retention.databases.statements.mask_values import MaskValues
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.masking.forms import (
    Constant,
    Empty,
    Json,
    JsonConstant,
    Mask,
    Null,
    Pseudonym,
    Template,
)

_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)
_TEXTUAL = (ColumnKind.TEXT, ColumnKind.OTHER)


class MaskSql:
    """The masked value of a column of one row, and the test that finds rows still to mask."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values = MaskValues(dialect)
        self.documents = MaskJson(dialect)

    def masked(self, row: Row, table: Table, column: Column, mask: Mask) -> Expression:
        """What the column becomes; pseudonyms are written later, by `erasing.pseudonyms`."""
        if isinstance(mask, Null):
            return sa.null()
        if isinstance(mask, Pseudonym):
            return row.c[column.name]
        return self.dialect.as_column(self._masked(row, table, column, mask), column)

    def _masked(self, row: Row, table: Table, column: Column, mask: Mask) -> Expression:
        value = row.c[column.name]
        match mask:
            case Empty():
                return self._empty(value, column)
            case Constant():
                return self.values.constant(column, mask)
            case JsonConstant(text):
                return bind(text)
            case Json():
                return self.documents.masked(row, table, column, mask)
            case Template():
                return self.values.changed(value, column, mask, row, table)
        return self._or_nothing(self.values.changed(value, column, mask, row, table), value, column)

    def differs(self, row: Row, table: Table, column: Column, mask: Mask) -> Truth:
        """TRUE where the column is not yet masked; a NULL has nothing left to mask.

        Masking must not invent a value where there was none, so a NULL stays NULL.
        """
        value = row.c[column.name]
        present = value.is_not(None)
        if isinstance(mask, Null):
            return present
        if isinstance(mask, Pseudonym):
            text = self.dialect.as_text(value)
            blank = self.dialect.same(value, bind(""), column)
            return sa.and_(present, sa.not_(blank), sa.not_(self.dialect.is_pseudonym(text)))
        if isinstance(mask, Json):
            return self.documents.differs(row, table, column, mask)
        wanted = self.masked(row, table, column, mask)
        return sa.and_(present, sa.not_(self.dialect.same(value, wanted, column)))

    def _or_nothing(self, changed: Expression, value: Expression, column: Column) -> Expression:
        """What cannot be read goes: NULL, or what is nothing where NULL cannot stand. '' stays."""
        if column.kind in _NUMBERS:
            return changed if column.nullable else sa.func.coalesce(changed, written(0))
        if column.kind not in _TEXTUAL and not self.dialect.dates_are_text:
            return changed
        nothing = sa.null() if column.nullable else bind("")
        blank = self.dialect.same(value, bind(""), column)
        return sa.case((blank, bind("")), else_=sa.func.coalesce(changed, nothing))

    def _empty(self, value: Expression, column: Column) -> Expression:
        match column.kind:
            case ColumnKind.JSON:
                start = sa.func.substr(sa.func.ltrim(self.dialect.as_text(value)), 1, 1)
                empty = sa.case((start == bind("["), bind("[]")), else_=bind("{}"))
                return self.dialect.as_json(empty, column)
            case ColumnKind.ARRAY:
                return bind("{}")
            case ColumnKind.BINARY:
                return bind(b"")
        return bind("")


def kept_columns(table: Table, row: Row) -> dict[str, Expression]:
    """Columns that the database sets anew with every UPDATE, as they are: a clock may read them."""
    return {name: row.c[name] for name, column in table.columns.items() if column.renews_itself}
