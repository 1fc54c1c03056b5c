"""A bounded look at a table's values: what they look like is kept, the values are not."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import row_of
from retention.planning.schema import Column, ColumnKind, Table
from retention.planning.values import ValueKind, kind_of_column

ROWS_AT_EACH_END = 500
_LETTERS = 500
_READ = (
    ColumnKind.TEXT,
    ColumnKind.OTHER,
    ColumnKind.JSON,
    ColumnKind.ARRAY,
    ColumnKind.INTEGER,
    ColumnKind.DECIMAL,
)
# MariaDB has no text for them, and elsewhere their text says nothing
_SHAPES = ("point", "line", "polygon", "geometry", "geography", "multi", "box", "circle", "path")


def sample_queries(dialect: Dialect, table: Table, columns: list[str]) -> list[sa.Select[Any]]:
    """The first rows as they lie, and the last by the key, whose index makes it cheap.

    Old rows alone would mislead: they are the ones that a policy has masked already.
    """
    row = row_of(table)
    key = [dialect.as_text(row.c[name]).label(f"key_{at}") for at, name in enumerate(table.key)]
    texts = [
        dialect.prefix(dialect.as_text(row.c[name]), _LETTERS).label(f"value_{at}")
        for at, name in enumerate(columns)
    ]
    query = sa.select(*key, *texts).select_from(row).limit(ROWS_AT_EACH_END)
    if not key:
        return [query]
    return [query, query.order_by(*(row.c[name].desc() for name in table.key))]


def sample_values(
    connection: sa.Connection, dialect: Dialect, table: Table
) -> dict[str, ValueKind]:
    """The columns of `table` whose sampled values have a form that speaks of a person."""
    columns = [name for name, column in table.columns.items() if _is_read(column)]
    if not columns:
        return {}
    rows: dict[Any, Any] = {}
    for query in sample_queries(dialect, table, columns):
        found = connection.execute(query).all()
        for at, line in enumerate(found):
            rows[tuple(line[: len(table.key)]) or at] = line[len(table.key) :]
        if len(found) < ROWS_AT_EACH_END:
            break
    kinds = {}
    for at, name in enumerate(columns):
        values = [str(line[at]) for line in rows.values() if isinstance(line[at], str) and line[at]]
        kind = kind_of_column(values)
        if kind is not None:
            kinds[name] = kind
    return kinds


def _is_read(column: Column) -> bool:
    if column.kind is ColumnKind.OTHER and column.type_text.casefold().startswith(_SHAPES):
        return False
    return column.kind in _READ
