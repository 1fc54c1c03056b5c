"""Rows that may still hold what a mask should have taken: all others are passed over where they lie.

Written from the mask's own words, and nothing of it is what the eraser compiles. A value is passed over
only where the recount would take the very same text for masked; in doubt its row is handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, any_of, bind, bind_all, is_true, written
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import Hop
from retention.planning.schema import ColumnKind
from retention.policies.masking import KeepLast, Prefix, Pseudonym, Round, Template, Truncate
from retention.policies.masking.pseudonyms import PREFIX, WIDTH

_DATES = (ColumnKind.DATE, ColumnKind.TIMESTAMP, ColumnKind.TIMESTAMPTZ)
_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL)
_CUT = {"day": (11, ""), "month": (8, "-01"), "year": (5, "-01-01"), "decade": (4, "0-01-01")}
"""Where a date that is shown as text is cut, and what follows; a year of five digits fits none."""
_MIDNIGHTS = ("", " 00:00:00", " 00:00:00+00", " 00:00:00.000000")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked column, and texts that its mask is known to leave there."""

    mask: ColumnMask
    kind: ColumnKind
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenRows:
    """Rows at the end of `hops` (none: the rows themselves) in which one of the columns is neither
    NULL nor plainly what its mask leaves.
    """

    columns: tuple[Masked, ...]
    hops: tuple[Hop, ...] = ()

    def holds(self, dialect: Dialect, row: Row) -> Truth:
        """TRUE for those rows."""
        return any_of(*(_is_open(dialect, row, found) for found in self.columns))

    def tells_all(self, dialect: Dialect) -> bool:
        """True where none is left of them once all that was due is masked."""
        return True


def _is_open(dialect: Dialect, row: Row, found: Masked) -> Truth:
    value = row.c[found.mask.column]
    left = list(_left(dialect, row, found))
    return sa.and_(value.is_not(None), *(sa.not_(is_true(test)) for test in left))


def _left(dialect: Dialect, row: Row, found: Masked) -> Iterator[Truth]:
    """Each is TRUE only of what the mask leaves; unknown is not TRUE."""
    text = dialect.as_text(row.c[found.mask.column])
    if found.texts:
        yield dialect.to_the_letter(text).in_(bind_all(found.texts))
    match found.mask.mask:
        case Template(_, parts):
            yield dialect.to_the_letter(text) == _filled(dialect, row, parts)
        case Prefix(length) | KeepLast(length):
            # a letter takes a byte at least, and no zero byte ends the text for this count
            yield _bytes(dialect, text) <= bind(length)
        case Truncate(unit, 0) if found.kind in _DATES and not dialect.dates_are_text:
            start, tail = _CUT[unit]
            ends = bind_all(f"{tail}{midnight}" for midnight in _MIDNIGHTS)
            yield dialect.to_the_letter(sa.func.substr(text, start)).in_(ends)
        case Round(step) if found.kind in _NUMBERS and dialect.name != "sqlite":
            # without its sign: for MariaDB -0.00 is not 0
            yield sa.func.abs(row.c[found.mask.column]) % written(step) == written(0)
        case Pseudonym():
            yield _is_token(dialect, text)


def _filled(dialect: Dialect, row: Row, parts: tuple[tuple[bool, str], ...]) -> Expression:
    """The template's text for the row; unknown where one of its columns is NULL."""
    texts = [dialect.as_text(row.c[part]) if column else bind(part) for column, part in parts]
    return dialect.to_the_letter(reduce(lambda left, right: left.concat(right), texts))


def _is_token(dialect: Dialect, text: Expression) -> Truth:
    """A text of that length, letter by letter of those that a token has."""
    long = sa.and_(_bytes(dialect, text) == WIDTH, dialect.length(text) == WIDTH)
    exact = dialect.to_the_letter(text)
    start = sa.func.substr(exact, 1, len(PREFIX)) == bind(PREFIX)
    rest = sa.func.substr(exact, len(PREFIX) + 1)
    if dialect.name == "mysql":
        only: Truth = rest.op("REGEXP", return_type=sa.Boolean())(bind(f"(?-i)^[{_LETTERS}]+\\z"))
    else:
        only = sa.func.ltrim(rest, bind(_LETTERS)) == bind("")
    return sa.and_(long, start, only)


def _bytes(dialect: Dialect, text: Expression) -> Expression:
    if dialect.name == "sqlite":
        return sa.func.length(sa.cast(text, sa.BLOB()))
    return sa.func.octet_length(text)
