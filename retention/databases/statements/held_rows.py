"""Rows of a lake table that a person keeps: named in no table beside the data, only in the plan."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, any_of, bind, is_true
from retention.planning.schema import HeldRows, Value


def held_rows(dialect: Dialect, row: Row, held: Iterable[HeldRows]) -> Truth:
    """TRUE for a row that has the values of one of these; a missing value is never one of them.

    However many there are, the condition is as deep as for one: of a deep one the library dies.
    """
    named: dict[tuple[str, ...], list[tuple[Value, ...]]] = {}
    for found in held:
        names, values = zip(*found.values, strict=True)
        named.setdefault(names, []).append(values)
    return any_of(*(_among(dialect, row, names, several) for names, several in named.items()))


def _among(
    dialect: Dialect, row: Row, names: tuple[str, ...], several: list[tuple[Value, ...]]
) -> Truth:
    if len(names) == 1:
        found = row.c[names[0]].in_([bind(value) for (value,) in several])
    else:
        told = [sized for name in names for sized in _sized(dialect, row.c[name])]
        found = dialect.concatenated(told).in_([bind(_together(values)) for values in several])
    return is_true(found)


def _sized(dialect: Dialect, column: Expression) -> Iterable[Expression]:
    """A value as text after its length, so that values side by side cannot be taken for others."""
    text = dialect.as_text(column)
    return sa.cast(dialect.length(text), sa.Text()), bind(":"), text


def _together(values: Iterable[Value]) -> str:
    return "".join(f"{len(str(value))}:{value}" for value in values)
