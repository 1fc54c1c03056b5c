"""The key of one row: what a person typed, as the columns take it, and as holds name it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.key_parts import parted
from retention.databases.keys import Key
from retention.databases.sql import bind, row_of
from retention.errors import UsageError
from retention.planning.schema import ColumnKind, Table

_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def typed_key(table: Table, key: Sequence[str]) -> Key:
    """The key as the table's columns take it; UsageError where it cannot be one."""
    if not table.key:
        raise UsageError(f'"{table.name}" has no primary key, so no row of it can be named')
    if len(key) != len(table.key):
        raise UsageError(
            f'a row of "{table.name}" is named by {", ".join(table.key)}; '
            f"{len(key)} value(s) were given"
        )
    return tuple(_typed(table, name, value) for name, value in zip(table.key, key, strict=True))


def _typed(table: Table, name: str, value: str) -> int | str | bytes:
    kind = table.columns[name].kind
    if kind is ColumnKind.INTEGER:
        unsigned = "UNSIGNED" in table.columns[name].type_text.upper()
        least, beyond = (0, 2**64) if unsigned else (-(2**63), 2**63)
        if not _WHOLE.fullmatch(value) or not least <= int(value) < beyond:
            raise UsageError(f'"{name}" is a whole number; nothing was done')
        return int(value)
    if kind is ColumnKind.UUID:
        from uuid import UUID

        try:
            return str(UUID(value))
        except ValueError:
            raise UsageError(f'"{name}" is a UUID; nothing was done') from None
    if table.columns[name].holds_bytes:
        try:
            return bytes.fromhex(value.removeprefix("\\x").removeprefix("0x").replace("-", ""))
        except ValueError:
            raise UsageError(
                f'"{name}" is a string of bytes: write them as hexadecimal digits; nothing was done'
            ) from None
    return value


def canonical_key(
    connection: sa.Connection, dialect: Dialect, table: Table, key: Sequence[str]
) -> str:
    """The key a person typed, as the database spells it; UsageError where there is no such row."""
    return canonical_row(connection, dialect, table, key, None)[0]


def canonical_row(
    connection: sa.Connection, dialect: Dialect, table: Table, key: Sequence[str], guard: str | None
) -> tuple[str, str]:
    """Key and guard as the database spells them, '' for no guard; UsageError for no such row."""
    row = row_of(table)
    typed = typed_key(table, key)
    conditions = [row.c[name] == bind(value) for name, value in zip(table.key, typed, strict=True)]
    named = dialect.as_text(row.c[guard]) if guard else sa.null()
    query = sa.select(key_text(dialect, table, row), named).where(*conditions)
    found = connection.execute(query).first()
    if found is None:
        raise UsageError(f'"{table.name}" has no row with that key; nothing was done')
    return str(found[0]), "" if found[1] is None else str(found[1])


def guard_at(
    connection: sa.Connection, dialect: Dialect, table: Table, row_key: str, guard: str | None
) -> str | None:
    """The guard of the row that holds and events name so, '' without one; None: no such row."""
    parts = parted(row_key, len(table.key))
    try:
        found, named = canonical_row(connection, dialect, table, parts, guard)
    except UsageError:
        return None
    return named if found == row_key else None
