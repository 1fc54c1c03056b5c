"""Plain statements for the recount of references: rows that refer to a row that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, bind, joined, refers, row_of
from retention.databases.statements.recounting import PlainRows, RowKey
from retention.planning.schema import ColumnKind, Reference, Schema

_NUMBERS = (ColumnKind.INTEGER, ColumnKind.DECIMAL, ColumnKind.FLOAT)


def dangling(rows: PlainRows, ways: Sequence[Reference], most: int) -> dict[RowKey, int]:
    """Rows by the value with which they refer to a row that is not there, at most so many values.

    `ways`: references on the same columns, into each table that may hold the row; it is missing
    where none does. NULL, '' and 0 refer to nothing, and so does what detached rows were given.
    """
    reference = ways[0]
    row = row_of(rows.schema.tables[reference.table])
    columns = rows.schema.tables[reference.table].columns
    # to the letter: of spellings that are equal here, another would stand for all of them each time
    values = [
        rows.dialect.to_the_letter(row.c[name])
        if columns[name].kind is ColumnKind.TEXT
        else rows.dialect.comparable(row.c[name], columns[name])
        for name in reference.columns
    ]
    query = sa.select(*values, sa.func.count()).select_from(row)
    query = query.where(*_names_a_row(rows.schema, row, reference))
    for way in ways:
        parent = row_of(rows.schema.tables[way.parent]).alias()
        there: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(parent)
        there = there.where(joined(way, row, parent)).correlate_except(parent)
        query = query.where(sa.not_(sa.exists(there)))
    found = rows.connection.execute(query.group_by(*values).limit(most))
    return {tuple(line[:-1]): int(line[-1]) for line in found}


def _names_a_row(schema: Schema, row: Row, reference: Reference) -> list[Truth]:
    columns = schema.tables[reference.table].columns
    found: list[Truth] = [row.c[name].is_not(None) for name in reference.columns]
    for name in reference.columns:
        if columns[name].kind in _NUMBERS:
            found.append(row.c[name] != bind(0))
        elif columns[name].kind is ColumnKind.TEXT:
            found.append(row.c[name] != bind(""))
    if reference.detach_to is not None:
        found.append(row.c[reference.columns[0]] != bind(reference.detach_to))
    return [*found, refers(reference, row)]
