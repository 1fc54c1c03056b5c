"""Rows named by a list of their keys, and rows beyond a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from retention.databases.dialects.dialect import Dialect
from retention.databases.formula import Formula
from retention.databases.sql import Expression, Row, Truth, bind, bind_all
from retention.planning.schema import ColumnKind, Table


def among(dialect: Dialect, table: Table, row: Row, keys: Sequence[tuple[Any, ...]]) -> Truth:
    """TRUE for a row that is sought by one of the list."""
    names = table.sought_by
    if len(names) > 1:
        # SQLite may hold a number in one row and text in the next: no type is that of the first
        own = [_in_a_row(dialect, table, row, name) for name in names]
        exact = sa.tuple_(*own, types=[NullType()] * len(names)).in_(keys)
        return sa.and_(exact, *_near(row, names, keys)) if dialect.name == "mysql" else exact
    values = [value for (value,) in keys]
    if dialect.name == "postgresql" and all(isinstance(value, int) for value in values):
        # one value instead of a thousand: the driver and the server read it in a fraction of the time
        return Formula("({0} = ANY({1}))", row.c[names[0]], bind(values))
    return row.c[names[0]].in_(bind_all(values))


def _in_a_row(dialect: Dialect, table: Table, row: Row, name: str) -> Expression:
    """MariaDB converts no text that stands in a row: it would find no latin1 letter beyond ASCII."""
    column = table.columns[name]
    letters = dialect.name == "mysql" and column.kind is ColumnKind.TEXT and not column.choices
    return dialect.to_the_letter(row.c[name]) if letters else row.c[name]


def _near(row: Row, names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> Iterator[Truth]:
    """What leads MariaDB to the rows by their index, each column by itself."""
    for place, name in enumerate(names):
        yield row.c[name].in_(bind_all({key[place] for key in keys}))


def beyond(row: Row, key: Sequence[str], after: tuple[Any, ...]) -> Truth:
    """Rows that come after `after` in the order of the key; the first column bounds the search."""
    first, *others = key
    if not others:
        return row.c[first] > bind(after[0])
    inner = beyond(row, others, after[1:])
    later = sa.or_(row.c[first] > bind(after[0]), sa.and_(row.c[first] == bind(after[0]), inner))
    return sa.and_(row.c[first] >= bind(after[0]), later)
