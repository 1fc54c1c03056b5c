"""What one batch took: keys and counts, table by table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row
from retention.planning.owned_files import OwnedFile
from retention.planning.plan import Plan
from retention.planning.schema import ColumnKind, Table

Key = tuple[int | str | Decimal, ...]
FileValues = tuple[str | None, ...]
"""The columns of one row that a file's template reads, as text, in the order of its fields."""


@dataclass(slots=True)
class Taken:
    """Rows that a batch erased, anonymized, restricted or detached, by table; keys where asked for.

    `due` counts the rule's own rows that were anonymized, by themselves or by their child rows.
    `files` holds what tells the files of rows that went, or whose name for them was masked.
    `seconds` is how long the batch's statements took, from its lock on. `too_large` counts due rows
    that stay because too many rows would go with them.
    """

    due: dict[str, int] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    anonymized: dict[str, int] = field(default_factory=dict)
    restricted: dict[str, int] = field(default_factory=dict)
    remembered: dict[str, int] = field(default_factory=dict)
    detached: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[tuple[Key, datetime | None]]] = field(default_factory=dict)
    files: dict[OwnedFile, list[FileValues]] = field(default_factory=dict)
    seconds: float = 0.0
    too_large: int = 0

    @property
    def rows(self) -> int:
        """Rows touched in all tables."""
        done = (self.erased, self.anonymized, self.restricted, self.remembered, self.detached)
        return sum(count for counts in done for count in counts.values())


def key_columns(
    dialect: Dialect, table: Table, row: Row, guard: str | None, *, as_text: bool
) -> list[Expression]:
    """The key, integers as they are and all else as text, and the guard as text, in this order."""
    columns: list[Expression] = []
    for name in table.key:
        whole = table.columns[name].kind is ColumnKind.INTEGER
        value: Expression = row.c[name]
        columns.append(value if whole and not as_text else dialect.as_text(value))
    columns.append(sa.null() if guard is None else dialect.as_text(row.c[guard]))
    return columns


def set_columns(plan: Plan, table: Table) -> list[str]:
    """What a set of rows is known by: its identity, its guard, and all that other rows refer to.

    Where the rows may be the last users of others, it knows what they refer to as well; where they
    own files, what names these.
    """
    names = [*table.identity]
    names += [
        column
        for reference in plan.schema.of(table.name)
        if reference.parent in plan.unused
        for column in reference.referring_columns
    ]
    names += [
        column
        for reference in plan.schema.referring_to(table.name)
        for column in reference.parent_columns
    ]
    names += [name for owned in plan.files_of(table.name) for name in owned.template.fields]
    guard = plan.guard_of(table.name)
    if guard is not None:
        names.append(guard)
    return list(dict.fromkeys(names))


def keys_of(
    table: Table, rows: Sequence[Sequence[Any]], offset: int = 0
) -> list[tuple[Key, datetime | None]]:
    """Rows of `key_columns` as (key, guard); numbers come back as numbers."""
    width = len(table.key)
    if [table.columns[name].kind for name in table.key] == [ColumnKind.INTEGER]:
        return [
            ((key if type(key) is int else _part(ColumnKind.INTEGER, key),), _guard(guard))
            for key, guard in (row[offset : offset + 2] for row in rows)
        ]
    return [
        (key_of(table, row[offset : offset + width]), _guard(row[offset + width])) for row in rows
    ]


def key_of(table: Table, values: Sequence[Any]) -> Key:
    """The key as tokens know it: one number is one key, however it is spelled."""
    return tuple(
        _part(table.columns[name].kind, value)
        for name, value in zip(table.key, values, strict=True)
    )


def _part(kind: ColumnKind, value: Any) -> int | str | Decimal:
    """A number where the column has numbers; SQLite may hold any text there."""
    try:
        if kind is ColumnKind.INTEGER:
            return int(value)
        return Decimal(str(value)) if kind is ColumnKind.DECIMAL else str(value)
    except (ValueError, ArithmeticError):
        return str(value)


def _guard(text: Any) -> datetime | None:
    """The guard as a time; a value that is none guards nothing."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
