"""The names of files in columns of rows: those to trust, those read from a set, those still used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row, Truth, all_of, any_of, bind, is_true, row_of
from retention.databases.taking import FileValues
from retention.planning.owned_files import OwnedFile
from retention.planning.schema import ColumnKind, Table

_AT_ONCE = 500
_TRICKS = ("%/../%", "%/./%", "%//%")
"""Between two slashes: no name, or one that is none."""


def owns_file(dialect: Dialect, owned: OwnedFile, row: Row) -> Truth:
    """TRUE where the row names a file: the column is neither NULL nor empty."""
    value = dialect.as_text(row.c[owned.column])
    return is_true(all_of(value.is_not(None), value != bind("")))


def unsafe_name(dialect: Dialect, owned: OwnedFile, row: Row) -> Truth:
    """TRUE where the row names a file, and a value is missing or could lead out of the folder.

    The same rule as `file_templates.is_plain`, which is asked again before a file is removed.
    """
    tricks: list[Truth] = []
    for name in owned.template.fields:
        value = dialect.as_text(row.c[name])
        framed = bind("/") + value + bind("/")
        tricks += [value.is_(None), *(framed.like(bind(trick)) for trick in _TRICKS)]
        tricks.append(sa.func.replace(value, bind("\\"), bind("")) != value)
    return all_of(owns_file(dialect, owned, row), any_of(*map(is_true, tricks)))


def file_columns(dialect: Dialect, owned: OwnedFile, row: Row) -> list[Expression]:
    """What the template reads, as text: 'A.png' and 'a.png' are two files for any collation."""
    texts = (dialect.as_text(row.c[name]) for name in owned.template.fields)
    return [dialect.to_the_letter(text) for text in texts]


def names_in(dialect: Dialect, owned: OwnedFile, rows: Row, where: Truth) -> sa.Select[Any]:
    """Whatever tells the files of these rows, once."""
    found: sa.Select[Any] = sa.select(*file_columns(dialect, owned, rows)).select_from(rows)
    return found.where(owns_file(dialect, owned, rows), where).distinct()


def still_named(
    connection: sa.Connection,
    dialect: Dialect,
    table: Table,
    owned: OwnedFile,
    values: Iterable[FileValues],
) -> Iterator[FileValues]:
    """Those of `values` that rows of the table still hold, compared letter by letter."""
    place = owned.template.fields.index(owned.column)
    row = row_of(table)
    column: Expression = row.c[owned.column]
    if table.columns[owned.column].kind is not ColumnKind.TEXT:
        column = dialect.as_text(column)
    left = iter(values)
    while chunk := set(islice(left, _AT_ONCE)):
        names = [bind(found[place]) for found in chunk]
        query = sa.select(*file_columns(dialect, owned, row)).where(column.in_(names)).distinct()
        yield from chunk & set(map(tuple, connection.execute(query)))


def as_values(rows: Iterable[Sequence[Any]]) -> list[FileValues]:
    """Rows of a driver as plain tuples."""
    return [tuple(row) for row in rows]
