"""Rows named one by one, by key and guard: what a reapply reads, and the window it erases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.key_order import after
from retention.databases.keys import Key, key_columns, keys_of, sought_columns
from retention.databases.reading import reading
from retention.databases.sql import Expression, Row, Truth, bind, bind_all, row_of
from retention.databases.statements.predicates import Predicates
from retention.databases.text_keys import Letters
from retention.planning.plan import Plan, Step
from retention.planning.schema import Table

_CLOSE = 2
"""Rows that a range may bring for each number that was asked for."""


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A row that is there: key and guard as tokens know them, as text, and what it is sought by."""

    key: Key
    guard: datetime | None
    texts: tuple[str, ...]
    raw: tuple[Any, ...]


class RowReader:
    """Reads keys and guards of a table: by number, or in the order of the key."""

    def __init__(self, dialect: Dialect, table: Table, guard: str | None) -> None:
        self.dialect = dialect
        self.table = table
        self.guard = guard

    def numbered(self, connection: sa.Connection, keys: Sequence[int]) -> list[NamedRow]:
        """The rows of a table whose key is one whole number, of these numbers.

        Numbers that lie close together are asked for as a range, which costs less than a list.
        """
        row = row_of(self.table)
        key: Expression = row.c[self.table.key[0]]
        low, high = min(keys), max(keys)
        if high - low < _CLOSE * len(keys):
            found = self._read(connection, row, key.between(_number(low), _number(high)), None)
            among = set(keys)
            return [one for one in found if one.key[0] in among]
        wanted = sa.bindparam("keys", list(keys), type_=sa.BigInteger(), expanding=True)
        return self._read(connection, row, key.in_(wanted), None)

    def after(
        self, connection: sa.Connection, low: tuple[Any, ...] | None, size: int
    ) -> list[NamedRow]:
        """The next rows in the order of the key, from the start for None."""
        row = row_of(self.table)
        beyond = sa.true() if low is None else after(row, self.table.sought_by, low)
        return self._read(connection, row, beyond, size)

    def _read(
        self, connection: sa.Connection, row: Row, condition: Truth, size: int | None
    ) -> list[NamedRow]:
        own = sought_columns(self.dialect, self.table, row, self.table.sought_by)
        columns = key_columns(self.dialect, self.table, row, self.guard, as_text=False)
        query: sa.Select[Any] = sa.select(*columns, *own).where(condition)
        if size is not None:
            query = query.order_by(*(row.c[name] for name in self.table.sought_by)).limit(size)
        with reading(connection):
            rows = connection.execute(query).fetchall()
        width = len(self.table.key)
        found = keys_of(self.table, rows)
        return [
            NamedRow(
                key, guard, tuple(_text(part) for part in line[: width + 1]), line[width + 1 :]
            )
            for (key, guard), line in zip(found, rows, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class NamedWindow:
    """Exactly these rows of a table, as long as key and guard are what they were when read."""

    dialect: Dialect
    table: Table
    guard: str | None
    rows: tuple[NamedRow, ...]

    def holds(self, row: Row) -> Truth:
        # the first serves the key's index, the second is exact
        near = [
            row.c[name].in_(bind_all(found.raw[index] for found in self.rows))
            for index, name in enumerate(self.table.sought_by)
        ]
        exact = Letters(self._spelled(row)).in_(bind_all(map(self._spelling, self.rows)))
        return sa.and_(*near, exact)

    def _spelled(self, row: Row) -> Expression:
        columns = [(row.c[name], self.table.columns[name]) for name in self.table.key]
        texts = [self.dialect.key_part(value, column) for value, column in columns]
        texts += [self.dialect.as_text(row.c[self.guard])] if self.guard else []
        parts: list[Expression] = []
        for told in texts:
            text = sa.func.coalesce(told, bind(""))
            parts += [self.dialect.as_text(self.dialect.length(text)), bind(":"), text]
        return self.dialect.concatenated(parts)

    def _spelling(self, found: NamedRow) -> str:
        """Key and guard in one text; with each length in front no two rows read the same."""
        texts = found.texts if self.guard else found.texts[:-1]
        return "".join(f"{len(text)}:{text}" for text in texts)


def _number(value: int) -> Expression:
    return sa.bindparam(None, value, type_=sa.BigInteger(), unique=True)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def doomed_rows(
    connection: sa.Connection, plan: Plan, dialect: Dialect, step: Step, window: NamedWindow
) -> list[NamedRow]:
    """Those of the rows that the step would take now."""
    row = row_of(window.table)
    doomed = sa.and_(window.holds(row), Predicates(plan, dialect).doomed(step, row))
    columns = key_columns(dialect, window.table, row, None, as_text=False)
    with reading(connection):
        found = connection.execute(sa.select(*columns).where(doomed)).fetchall()
    keys = {key for key, _ in keys_of(window.table, found)}
    return [named for named in window.rows if named.key in keys]
