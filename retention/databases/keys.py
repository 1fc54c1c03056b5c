"""Keys and guards of rows: what to ask the database for, and how to read what it says."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.sql import Expression, Row
from retention.planning.row_guards import guard_of_text, guards_since_2000, sealed_guards
from retention.planning.schema import ColumnKind, Table

Key = tuple[int | str | Decimal | bytes, ...]


@dataclass(slots=True)
class TakenKeys:
    """Keys and sealed guards of rows, column by column: a night may take millions of them.

    `keys`: numbers where every key is one whole number of 64 bits, else tuples.
    """

    keys: array[int] | list[Key] = field(default_factory=lambda: array("q"))
    guards: array[int] = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.guards)

    def __iter__(self) -> Iterator[Key]:
        if isinstance(self.keys, list):
            return iter(self.keys)
        return ((key,) for key in self.keys)

    def add(self, more: TakenKeys) -> None:
        """Take the keys of more rows of the same table."""
        if isinstance(self.keys, array) and isinstance(more.keys, array):
            self.keys += more.keys
        else:
            self.keys = [*self, *more]
        self.guards += more.guards


def key_columns(
    dialect: Dialect, table: Table, row: Row, guard: str | None, *, as_text: bool
) -> list[Expression]:
    """The key, integers as they are and all else as text, and the guard as text, in this order."""
    columns: list[Expression] = []
    for name in table.key:
        whole = table.columns[name].kind is ColumnKind.INTEGER
        value: Expression = row.c[name]
        plain = whole and not as_text
        columns.append(value if plain else dialect.key_part(value, table.columns[name]))
    columns.append(sa.null() if guard is None else dialect.as_text(row.c[guard]))
    return columns


def sought_columns(
    dialect: Dialect, table: Table, row: Row, names: Sequence[str]
) -> list[Expression]:
    """Columns of the row, read so that `names` compare with them when bound again."""
    return [
        dialect.comparable(row.c[name], table.columns[name])
        if name in table.columns
        else row.c[name]
        for name in names
    ]


def asked_keys(dialect: Dialect, table: Table, row: Row, guard: str | None) -> list[Expression]:
    """What to read of a row for `taken_keys`: key and guard, in one value where the engine can."""
    packed = dialect.packed_row(table, row, guard)
    if packed is not None:
        return [packed]
    return key_columns(dialect, table, row, guard, as_text=False)


def taken_keys(table: Table, rows: Sequence[Sequence[Any]]) -> TakenKeys:
    """Rows of `asked_keys`, or of `key_columns`, as keys and guards."""
    if not rows:
        return TakenKeys()
    if len(rows[0]) == 1:
        numbers = _numbers(bytes.fromhex("".join([text for (text,) in rows])))
        return TakenKeys(numbers[0::2], guards_since_2000(numbers[1::2]))
    return taken_columns(table, list(zip(*rows, strict=True)))


def taken_columns(table: Table, columns: Sequence[Sequence[Any]]) -> TakenKeys:
    """As `taken_keys`, of all values of the first column, then all of the next."""
    *keys, guards = columns
    return TakenKeys(_keys(table, keys), sealed_guards(guards))


def rows_of(result: sa.CursorResult[Any]) -> Sequence[Sequence[Any]]:
    """All rows as the driver gives them: to wrap a million of them costs as much as to read them."""
    assert result.cursor is not None
    try:
        rows: Sequence[Sequence[Any]] = result.cursor.fetchall()
    except result.dialect.loaded_dbapi.Error as fault:
        # the driver's own error, such as text that is no UTF-8, as SQLAlchemy would have told it
        raise sa.exc.DBAPIError(None, None, fault) from fault
    result.close()
    return rows


def unpacked(blob: bytes | None) -> TakenKeys:
    """What `Dialect.packed_keys` has made of rows; None for no rows."""
    numbers = _numbers(blob or b"")
    half = len(numbers) // 2
    return TakenKeys(numbers[:half], guards_since_2000(numbers[half:]))


def _numbers(blob: bytes) -> array[int]:
    """Numbers of 64 bits, big-endian."""
    numbers = array("q", blob)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _keys(table: Table, columns: Sequence[Sequence[Any]]) -> array[int] | list[Key]:
    kinds = [table.columns[name].kind for name in table.key]
    parts = [
        column
        if kind is ColumnKind.INTEGER and {*map(type, column)} == {int}
        else [_part(kind, value) for value in column]
        for kind, column in zip(kinds, columns, strict=True)
    ]
    if len(parts) == 1 and {*map(type, parts[0])} == {int}:
        try:
            return array("q", parts[0])
        except OverflowError:
            pass
    return list(zip(*parts, strict=True))


def keys_of(table: Table, rows: Sequence[Sequence[Any]]) -> list[tuple[Key, datetime | None]]:
    """Rows of `key_columns` as (key, guard); numbers come back as numbers."""
    width = len(table.key)
    return [(key_of(table, row[:width]), guard_of_text(row[width])) for row in rows]


def key_of(table: Table, values: Sequence[Any]) -> Key:
    """The key as tokens know it: one number is one key, however it is spelled."""
    return tuple(
        _part(table.columns[name].kind, value)
        for name, value in zip(table.key, values, strict=True)
    )


def _part(kind: ColumnKind, value: Any) -> int | str | Decimal:
    """A number where the column has numbers; SQLite may hold any text there, fractions and NULL."""
    if isinstance(value, bytes):
        return value.hex()
    try:
        if kind is ColumnKind.INTEGER:
            number = int(value)
            return number if str(number) == str(value) else str(value)
        return Decimal(str(value)) if kind is ColumnKind.DECIMAL else str(value)
    except (TypeError, ValueError, ArithmeticError):
        return str(value)
