"""Masks of values inside a JSON document, as SQL."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, bind, is_true, written
from retention.databases.statements.mask_values import TEXT, MaskValues
from retention.planning.schema import Column, ColumnKind, Table
from retention.policies.masking.forms import (
    Bands,
    Constant,
    Empty,
    Json,
    JsonConstant,
    JsonMask,
    Null,
    Round,
    Template,
)
from retention.policies.masking.json_paths import JsonPath
from retention.policies.masking.parse import compact_json

_NULL = "null"
_UNREADABLE = "{}"


class MaskJson:
    """A document with values masked in their places; what is absent or null stays so.

    A document that cannot be read for certain becomes `{}`: whatever stands in it may be personal.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values = MaskValues(dialect)

    def masked(self, row: Row, table: Table, column: Column, mask: Json) -> Expression:
        """What the column becomes."""
        value = row.c[column.name]
        document = self._document(value, column, mask)
        new = [
            (path, self._at(document, path, self._new(document, path, inner, row, table)))
            for path, inner in mask.paths
        ]
        stored = self.dialect.json_stored(self.dialect.json_replaced(document, new), column)
        nothing = self.dialect.as_json(bind(_UNREADABLE), column)
        return sa.case((self._readable(value, column, mask), stored), else_=nothing)

    def differs(self, row: Row, table: Table, column: Column, mask: Json) -> Truth:
        """TRUE where a place is not yet masked, or the document cannot be read; '' is no document."""
        value = row.c[column.name]
        document = self._document(value, column, mask)
        blank = value == bind("") if column.kind is ColumnKind.TEXT else sa.false()
        places = [
            is_true(self._differs_at(document, path, inner, row, table))
            for path, inner in mask.paths
        ]
        whens = [(self._readable(value, column, mask), any_of(*places))]
        return all_of(value.is_not(None), sa.not_(blank), sa.case(*whens, else_=sa.true()))

    def _readable(self, value: Expression, column: Column, mask: Json) -> Truth:
        return self.dialect.json_readable(value, column, tuple(path for path, _ in mask.paths))

    def _document(self, value: Expression, column: Column, mask: Json) -> Expression:
        return self.dialect.json_document(value, column, tuple(path for path, _ in mask.paths))

    def _at(self, document: Expression, path: JsonPath, new: Expression) -> Expression:
        """JSON text for a place; a null stays, and `[0]` of what is no list is no place."""
        kept = self.dialect.json_part(document, path)
        stays = [self.dialect.json_is(document, path, _NULL)]
        stays += [sa.not_(is_true(test)) for test in self._lists(document, path)]
        return sa.func.coalesce(sa.case((any_of(*stays), kept), else_=new), bind(_NULL))

    def _lists(self, document: Expression, path: JsonPath) -> list[Truth]:
        return [
            self.dialect.json_is(document, place, "array")
            for place, step in path.taken
            if isinstance(step, int)
        ]

    def _differs_at(
        self, document: Expression, path: JsonPath, mask: JsonMask, row: Row, table: Table
    ) -> Truth:
        lists = self._lists(document, path)
        absent = self.dialect.json_is(document, path, _NULL)
        unchanged = is_true(self._unchanged(document, path, mask, row, table))
        return all_of(*lists, sa.not_(absent), sa.not_(unchanged))

    def _unchanged(
        self, document: Expression, path: JsonPath, mask: JsonMask, row: Row, table: Table
    ) -> Expression:
        dialect = self.dialect
        text = dialect.json_text(document, path)
        is_string = dialect.json_is(document, path, "string")
        match mask:
            case Null():
                return sa.false()
            case Empty():
                return any_of(*(dialect.json_same(document, path, it) for it in ('""', "[]", "{}")))
            case Constant(value) if isinstance(value, str):
                return _both(is_string, dialect.same(text, bind(value), TEXT))
            case Constant(value):
                return dialect.json_same(document, path, compact_json(value))
            case JsonConstant(constant):
                return dialect.json_same(document, path, constant)
            case Round(step):
                is_number = dialect.json_is(document, path, "number")
                return _both(is_number, dialect.same(text, self._rounded(text, step), TEXT))
        new = self.values.changed(text, TEXT, mask, row, table)
        return _both(is_string, dialect.same(text, new, TEXT))

    def _new(
        self, document: Expression, path: JsonPath, mask: JsonMask, row: Row, table: Table
    ) -> Expression:
        """JSON text for the place; `null` where the value cannot be read as the mask expects."""
        dialect = self.dialect
        text = dialect.json_text(document, path)
        is_string = dialect.json_is(document, path, "string")
        is_number = dialect.json_is(document, path, "number")
        match mask:
            case Null():
                return bind(_NULL)
            case Empty():
                return sa.case(
                    (is_string, bind('""')),
                    (dialect.json_is(document, path, "array"), bind("[]")),
                    (dialect.json_is(document, path, "object"), bind("{}")),
                    else_=bind(_NULL),
                )
            case Constant(value):
                return bind(compact_json(value))
            case JsonConstant(constant):
                return bind(constant)
            case Round(step):
                rounded = sa.case((is_number, self._rounded(text, step)))
                return sa.func.coalesce(rounded, bind(_NULL))
            case Template():
                readable: Expression = sa.true()
            case Bands():
                readable = sa.or_(is_string, is_number)
            case _:
                readable = is_string
        new = dialect.json_string(self.values.changed(text, TEXT, mask, row, table))
        return sa.func.coalesce(sa.case((readable, new)), bind(_NULL))

    def _rounded(self, text: Expression, step: int) -> Expression:
        whole = self.dialect.whole_part(text)
        cut = whole - whole % written(step)
        return sa.case((self.dialect.plain_number(text), self.dialect.as_text(cut)))


def _both(first: Truth, second: Truth) -> Expression:
    """A CASE, so that the second is not looked at where the first does not hold."""
    return sa.case((first, second), else_=sa.false())
