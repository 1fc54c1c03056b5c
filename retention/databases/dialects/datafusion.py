"""DataFusion, which reads and rewrites lake tables (Delta): differences only."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer

from retention.databases.dialects.dialect import Dialect
from retention.databases.dialects.iso import ISO_OFFSET_PATTERN, ISO_PATTERN
from retention.databases.dialects.wall_times import OFFSETS, iso_text, wall_time
from retention.databases.formula import Formula
from retention.databases.sql import Expression, Truth, bind, written
from retention.planning.clocks import ClockForm
from retention.planning.schema import Column, ColumnKind
from retention.policies.calendar import Cutoff

_MICROSECOND = {
    True: """'Timestamp(Microsecond, Some("UTC"))'""",
    False: "'Timestamp(Microsecond, None)'",
}

_KEPT = {"day": (10, ""), "month": (7, "-01"), "year": (4, "-01-01"), "decade": (3, "0-01-01")}


class DataFusion(Dialect):
    """DataFusion as `deltalake` brings it; texts are compared by their bytes."""

    name = "datafusion"

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return _matches(value, ISO_OFFSET_PATTERN if offsets else ISO_PATTERN)

    def offset_of(self, value: Expression, offsets: bool) -> Expression:
        form = r" ?(?:Z|[+-]\d\d(?::?\d\d)?)" if offsets else " ?Z"
        has = _matches(value, rf":\d\d(?:[.,]\d+)?(?:{form})$")
        found = sa.func.regexp_replace(value, bind(rf"^.*:\d\d(?:[.,]\d+)?({form})$"), bind(r"\1"))
        return sa.case((has, found), else_=bind(""))

    def iso_less(self, value: Expression, cutoff: Cutoff, naive: datetime, offsets: bool) -> Truth:
        """Side by side, where a CASE with all offsets would be too deep for the parser."""
        flat, forms = self._apart(value, offsets)
        tests = zip(forms, _lines(cutoff, naive, offsets), strict=True)
        return sa.or_(*(sa.and_(form, flat < bind(line)) for form, line in tests))

    def _apart(self, value: Expression, offsets: bool) -> tuple[Expression, list[Truth]]:
        """ISO text without its offset, and whether it is a day, a local time, or has each offset."""
        tail = self.offset_of(value, offsets)
        size = self.length(value) - self.length(tail)
        local = sa.func.replace(sa.func.substr(value, written(1), size), bind("T"), bind(" "))
        flat = self._padded(sa.func.replace(local, bind(","), bind(".")), size)
        forms: list[Truth] = [size == 10, sa.and_(size != 10, tail == bind(""))]
        for spellings, _ in _known(offsets):
            forms.append(sa.func.ltrim(tail).in_([bind(spelling) for spelling in spellings]))
        return flat, forms

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
        """By way of text: date_trunc counts nanoseconds, and fails before 1677 and after 2262."""
        text = self.as_text(value)
        cut = self.concatenated([self.prefix(text, _KEPT[unit][0]), bind(_KEPT[unit][1])])
        if column.kind is ColumnKind.DATE:
            made: Expression = sa.cast(cut, sa.Date())
        else:
            zoned = column.kind is ColumnKind.TIMESTAMPTZ
            midnight = cut.concat(bind("T00:00:00Z" if zoned else "T00:00:00"))
            made = sa.func.arrow_cast(midnight, written(_MICROSECOND[zoned]))
        return sa.case((_matches(text, r"^\d{4}-"), made), else_=sa.null())

    def length(self, value: Expression) -> Expression:
        """Under the one of its names that `deltalake` can write down again."""
        return sa.func.character_length(value)

    def same(self, value: Expression, other: Expression, column: Column) -> Truth:
        # without parentheses its parser takes an AND that follows for a part of the right side
        return Formula("({0} IS NOT DISTINCT FROM {1})", value, other)

    def instant(self, moment: datetime, form: ClockForm, stored_in: str) -> object:
        if form is ClockForm.TIMESTAMPTZ:
            return moment.astimezone(UTC)
        return wall_time(moment, stored_in)


class OncePerRow(DataFusion):
    """For a query that compares the same texts with many lines: each is taken apart once a row.

    The tests read what `with_parts` puts beside the rows.
    """

    def __init__(self) -> None:
        self._parts: dict[str, str] = {}
        self._known: dict[tuple[str, bool], tuple[Expression, Expression]] = {}

    def valid_iso(self, value: Expression, offsets: bool) -> Truth:
        return self._part(super().valid_iso(value, offsets))

    def iso_less(self, value: Expression, cutoff: Cutoff, naive: datetime, offsets: bool) -> Truth:
        flat, form = self._of(value, offsets)
        lines = dict(enumerate(map(bind, _lines(cutoff, naive, offsets))))
        # nothing lies before the empty text
        return flat < sa.case(lines, value=form, else_=bind(""))

    def _of(self, value: Expression, offsets: bool) -> tuple[Expression, Expression]:
        asked = (text_of(value), offsets)
        if asked not in self._known:
            flat, forms = self._apart(value, offsets)
            form = sa.case(*((test, written(number)) for number, test in enumerate(forms)))
            self._known[asked] = (self._part(flat), self._part(form))
        return self._known[asked]

    def _part(self, made: Expression) -> Expression:
        # no column has a blank in its name
        name = self._parts.setdefault(text_of(made), f"part {len(self._parts)}")
        return sa.column(name, made.type)

    def with_parts(self, query: str, rows: str) -> str:
        """A query over `rows` that asks for the parts, so that it finds them there."""
        if not self._parts:
            return query
        parts = ", ".join(f'{made} AS "{name}"' for made, name in self._parts.items())
        return f'WITH "{rows}" AS (SELECT *, {parts} FROM "{rows}") {query}'


def _lines(cutoff: Cutoff, naive: datetime, offsets: bool) -> list[str]:
    """What a day, a local time, and a time with each offset are compared with."""
    instant = cutoff.instant.astimezone(UTC)
    zoned = (iso_text((instant + shift).replace(tzinfo=None)) for _, shift in _known(offsets))
    return [cutoff.day.isoformat(), iso_text(naive), *zoned]


def _known(offsets: bool) -> list[tuple[list[str], timedelta]]:
    return OFFSETS if offsets else OFFSETS[:1]


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


class _Shown(_Texts):
    """For a reader: the values that name a row stay `:key_1`, to be filled in."""

    def visit_bindparam(self, bindparam: Any, *args: Any, **options: Any) -> str:
        if str(bindparam.key).startswith("key_"):
            return f":{bindparam.key}"
        return super().visit_bindparam(bindparam, *args, **options)


class _Predicates(_Texts):
    """What `deltalake` reads, and writes down in the table's log."""

    def visit_case(self, clause: Any, **options: Any) -> str:
        """One WHEN inside the other: a list of them cannot be written down."""
        last = "NULL" if clause.else_ is None else self.process(clause.else_, **options)
        for condition, result in reversed(clause.whens):
            when, then = self.process(condition, **options), self.process(result, **options)
            last = f"CASE WHEN {when} THEN {then} ELSE {last} END"
        return last


class _Renderer(PGDialect):
    name = "datafusion"
    statement_compiler = _Texts
    preparer = _Names


class _PredicateRenderer(_Renderer):
    statement_compiler = _Predicates


class _ShownRenderer(_Renderer):
    statement_compiler = _Shown


_RENDERER = _Renderer(paramstyle="named")  # type: ignore[no-untyped-call]
_SHOWN = _ShownRenderer(paramstyle="named")  # type: ignore[no-untyped-call]
_OF_PREDICATES = _PredicateRenderer(paramstyle="named")  # type: ignore[no-untyped-call]


def text_of(query: sa.ClauseElement) -> str:
    """A query as DataFusion reads it, its values written out."""
    return str(query.compile(dialect=_RENDERER))


def shown_text(query: sa.ClauseElement) -> str:
    """As `text_of`, without the values that name a row."""
    return str(query.compile(dialect=_SHOWN))


def predicate_of(expression: sa.ClauseElement) -> str:
    """A condition or a value as `deltalake` takes it for a deletion or an update."""
    return str(expression.compile(dialect=_OF_PREDICATES))


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
