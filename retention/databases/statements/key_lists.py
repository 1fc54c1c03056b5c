"""Rows named by a list of their keys, and rows beyond a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NullType

from retention.databases.dialects.dialect import Dialect
from retention.databases.formula import Formula
from retention.databases.sql import Expression, Row, Truth, bind, bind_all


def among(dialect: Dialect, names: Sequence[Expression], keys: Sequence[tuple[Any, ...]]) -> Truth:
    """TRUE for a row whose key, in these columns, is one of the list."""
    if len(names) > 1:
        # SQLite may hold a number in one row and text in the next: no type is that of the first
        return sa.tuple_(*names, types=[NullType()] * len(names)).in_(keys)
    values = [value for (value,) in keys]
    if dialect.name == "postgresql" and all(isinstance(value, int) for value in values):
        # one value instead of a thousand: the driver and the server read it in a fraction of the time
        return Formula("({0} = ANY({1}))", names[0], bind(values))
    return names[0].in_(bind_all(values))


def beyond(row: Row, key: Sequence[str], after: tuple[Any, ...]) -> Truth:
    """Rows that come after `after` in the order of the key; the first column bounds the search."""
    first, *others = key
    if not others:
        return row.c[first] > bind(after[0])
    inner = beyond(row, others, after[1:])
    later = sa.or_(row.c[first] > bind(after[0]), sa.and_(row.c[first] == bind(after[0]), inner))
    return sa.and_(row.c[first] >= bind(after[0]), later)
