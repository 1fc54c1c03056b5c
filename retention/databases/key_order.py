"""The order of a key of several columns, said so that each engine seeks all of them by its index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from retention.databases.sql import Row, Truth, bind


class _Ordered(sa.ColumnElement[Any]):
    """Columns of a row beside as many values, `sign` (`>`, `<=`) between them.

    Of no type: of a Boolean SQLAlchemy would make `… = 1` on SQLite and MariaDB, and no index serve it.
    """

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012
        ("sign", InternalTraversal.dp_string),
        ("columns", InternalTraversal.dp_clauseelement_list),
        ("values", InternalTraversal.dp_clauseelement_list),
    ]

    def __init__(self, sign: str, row: Row, columns: Sequence[str], key: Sequence[object]) -> None:
        self.sign = sign
        self.columns = [row.c[name] for name in columns]
        self.values = [bind(value) for value in key]

    @property
    def _from_objects(self) -> list[sa.FromClause]:
        return list(chain.from_iterable(column._from_objects for column in self.columns))


def after(row: Row, columns: Sequence[str], key: Sequence[object]) -> Truth:
    """TRUE for rows whose key lies after this one."""
    if len(columns) == 1:
        return row.c[columns[0]] > bind(key[0])
    return _Ordered(">", row, columns, key)


def up_to(row: Row, columns: Sequence[str], key: Sequence[object]) -> Truth:
    """TRUE for rows whose key does not lie after this one."""
    if len(columns) == 1:
        return row.c[columns[0]] <= bind(key[0])
    return _Ordered("<=", row, columns, key)


@compiles(_Ordered)
def _as_rows(element: _Ordered, compiler: Any, **options: Any) -> str:
    columns, values = _parts(element, compiler, options)
    return f"(({', '.join(columns)}) {element.sign} ({', '.join(values)}))"


@compiles(_Ordered, "mysql", "mariadb")
def _written_out(element: _Ordered, compiler: Any, **options: Any) -> str:
    """MariaDB reads a comparison of rows by no index."""
    columns, values = _parts(element, compiler, options)
    pairs, strict = list(zip(columns, values, strict=True)), element.sign[0]
    steps = []
    for index, (column, value) in enumerate(pairs):
        equal = [f"{name} = {same}" for name, same in pairs[:index]]
        sign = element.sign if index == len(pairs) - 1 else strict
        steps.append(" AND ".join([*equal, f"{column} {sign} {value}"]))
    return (
        f"({columns[0]} {strict}= {values[0]} AND ({' OR '.join(f'({step})' for step in steps)}))"
    )


def _parts(
    element: _Ordered, compiler: Any, options: dict[str, Any]
) -> tuple[list[str], list[str]]:
    columns = [compiler.process(column, **options) for column in element.columns]
    return columns, [compiler.process(value, **options) for value in element.values]
