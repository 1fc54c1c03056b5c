"""The key of one row as text, as holds name it."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialect import Dialect
from retention.databases.sql import bind, row_of
from retention.errors import UsageError
from retention.planning.schema import ColumnKind, Table


def canonical_key(
    connection: sa.Connection, dialect: Dialect, table: Table, key: tuple[str, ...]
) -> str:
    """The key a person typed, as the database spells it; UsageError where there is no such row."""
    if not table.key:
        raise UsageError(f'"{table.name}" has no primary key, so no row of it can be named')
    if len(key) != len(table.key):
        raise UsageError(
            f'a row of "{table.name}" is named by {", ".join(table.key)}; '
            f"{len(key)} value(s) were given"
        )
    row = row_of(table)
    texts = [dialect.as_text(row.c[name]) for name in table.key]
    conditions = []
    for name, value in zip(table.key, key, strict=True):
        column = table.columns[name]
        whole = column.kind is ColumnKind.INTEGER
        if whole and not value.lstrip("-").isdigit():
            raise UsageError(f'"{name}" is a whole number; no hold was placed')
        conditions.append(row.c[name] == bind(int(value) if whole else value))
    found = connection.execute(sa.select(*texts).where(*conditions)).first()
    if found is None:
        raise UsageError(f'"{table.name}" has no row with that key; no hold was placed')
    return "|".join(str(part) for part in found)
