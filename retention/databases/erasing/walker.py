"""Which way to walk a table, by engine and kind of table."""

from __future__ import annotations

from retention.databases.erasing.windows import (
    KeyWalker,
    PageWalker,
    PortionWalker,
    Walker,
    WholeWalker,
)
from retention.planning.schema import Schema, TableKind


def walker_for(schema: Schema, table: str) -> Walker:
    """PostgreSQL by heap pages, SQLite by rowid, MariaDB and partitioned tables by the key."""
    found = schema.tables[table]
    if schema.dialect == "postgresql" and found.kind is not TableKind.PARTITIONED:
        return PageWalker(found)
    if schema.dialect == "sqlite" and found.row_address:
        return KeyWalker(found, (found.row_address,))
    if not found.key:
        return PortionWalker() if schema.dialect == "mysql" else WholeWalker()
    return KeyWalker(found, found.key)


def describe_walk(schema: Schema, table: str) -> str:
    """How the table will be walked, for a person reading the plan."""
    found = schema.tables[table]
    if schema.dialect == "postgresql" and found.kind is not TableKind.PARTITIONED:
        return "heap pages"
    if schema.dialect == "sqlite" and found.row_address:
        return found.row_address
    if not found.key:
        return "portions" if schema.dialect == "mysql" else "the whole table"
    return f"key ({', '.join(found.key)})"
