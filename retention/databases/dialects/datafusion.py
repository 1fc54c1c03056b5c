"""DataFusion, which reads and rewrites lake tables (Delta): differences only."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer

from retention.databases.dialects.dialect import Dialect, wall_time
from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.sql import Expression, Truth, bind, written
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column, ColumnKind

_MICROSECOND = {
    True: """'Timestamp(Microsecond, Some("UTC"))'""",
    False: "'Timestamp(Microsecond, None)'",
}


class DataFusion(Dialect):
    """DataFusion as `deltalake` brings it; texts are compared by their bytes."""

    name = "datafusion"

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return _matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r"Z|[+-]\d\d(?::?\d\d)?" if offsets else "Z"
        has = _matches(value, rf":\d\d(?:[.,]\d+)?(?:{form})$")
        found = sa.func.regexp_replace(value, bind(rf"^.*:\d\d(?:[.,]\d+)?({form})$"), bind(r"\1"))
        return sa.case((has, found), else_=bind(""))

    def is_digits(self, value: Expression) -> Truth:
        return _matches(value, r"^-?[0-9]{1,18}$")

    def plain_number(self, text: Expression) -> Truth:
        return _matches(text, r"^-?[0-9]{1,15}(\.[0-9]+)?$")

    def whole_part(self, text: Expression) -> Expression:
        part = sa.func.split_part(text, bind("."), written(1))
        whole = sa.case((self.plain_number(text), part), else_=sa.null())
        return sa.cast(whole, sa.BigInteger())

    def last(self, value: Expression, length: int) -> Expression:
        return sa.func.right(value, written(length))

    def prefix(self, value: Expression, length: int) -> Expression:
        return sa.func.substr(value, written(1), written(length))

    def cut_date(self, value: Expression, column: Column, unit: str) -> Expression:
        cut = sa.func.date_trunc(bind(unit), value)
        return sa.cast(cut, sa.Date()) if column.kind is ColumnKind.DATE else cut

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        return value.is_not_distinct_from(other)

    def instant(self, moment: datetime, form: ClockForm, stored_in: str) -> object:
        if form is ClockForm.TIMESTAMPTZ:
            return moment.astimezone(UTC)
        return wall_time(moment, stored_in)


def _matches(value: Expression, pattern: str) -> Truth:
    return value.op("~", return_type=sa.Boolean())(bind(pattern))


class _Names(PGIdentifierPreparer):
    """Every name in quotes: DataFusion makes others small letters."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class _Texts(PGCompiler):
    """One table, no parameters: names stand alone and values are written out."""

    def visit_column(self, column: Any, *args: Any, **options: Any) -> str:
        return super().visit_column(column, *args, **{**options, "include_table": False})

    def visit_bindparam(self, bindparam: Any, *args: Any, **options: Any) -> str:
        return literal(bindparam.effective_value)


class _Renderer(PGDialect):
    name = "datafusion"
    statement_compiler = _Texts
    preparer = _Names


_RENDERER = _Renderer()  # type: ignore[no-untyped-call]


def text_of(element: sa.ClauseElement) -> str:
    """A statement or an expression as DataFusion reads it, its values written out."""
    return str(element.compile(dialect=_RENDERER))


def literal(value: object) -> str:
    """A value as DataFusion reads it; a time to the microsecond, so that no column is cast.

    A literal of nanoseconds would turn a column into nanoseconds, which end in the year 2262.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime():
            text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
            return f"arrow_cast('{text}', {_MICROSECOND[value.tzinfo is not None]})"
        case date():
            return f"CAST('{value.isoformat()}' AS DATE)"
        case str():
            return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no literal of a {type(value).__name__}")
