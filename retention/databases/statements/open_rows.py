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
from retention.databases.sql import Expression, Row, Truth, any_of, bind, bind_all, is_true
from retention.planning.masked_columns import ColumnMask
from retention.planning.paths import Hop
from retention.policies.masking import KeepLast, Prefix, Template


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked column, and texts that its mask is known to leave there."""

    mask: ColumnMask
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


def _filled(dialect: Dialect, row: Row, parts: tuple[tuple[bool, str], ...]) -> Expression:
    """The template's text for the row; unknown where one of its columns is NULL."""
    texts = [dialect.as_text(row.c[part]) if column else bind(part) for column, part in parts]
    return dialect.to_the_letter(reduce(lambda left, right: left.concat(right), texts))


def _bytes(dialect: Dialect, text: Expression) -> Expression:
    if dialect.name == "sqlite":
        return sa.func.length(sa.cast(text, sa.BLOB()))
    return sa.func.octet_length(text)
