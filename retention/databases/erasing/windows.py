"""Windows of a table: ranges that bound the rows one batch scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.formula import Formula
from retention.databases.key_order import after, up_to
from retention.databases.keys import sought_columns
from retention.databases.reading import reading
from retention.databases.sql import Expression, Row, Truth, all_of, bind, row_of
from retention.planning.schema import ColumnKind, Table


class Window(Protocol):
    """A range of rows, as a condition on the table."""

    def holds(self, row: Row) -> Truth:
        """TRUE for rows in the window."""
        ...


@dataclass(frozen=True, slots=True)
class KeyWindow:
    """Rows whose key lies after `low` and not after `high`; None: no bound on that side."""

    columns: tuple[str, ...]
    low: tuple[object, ...] | None
    high: tuple[object, ...] | None

    def holds(self, row: Row) -> Truth:
        bounds: list[Truth] = []
        if self.low is not None:
            bounds.append(after(row, self.columns, self.low))
        if self.high is not None:
            bounds.append(up_to(row, self.columns, self.high))
        return all_of(*bounds)


@dataclass(frozen=True, slots=True)
class Both:
    """Rows that lie in both windows."""

    one: Window
    other: Window

    def holds(self, row: Row) -> Truth:
        return sa.and_(self.one.holds(row), self.other.holds(row))


@dataclass(frozen=True, slots=True)
class PageWindow:
    """Rows stored in heap pages from `first` up to, not including, `beyond` (PostgreSQL)."""

    first: int
    beyond: int

    def holds(self, row: Row) -> Truth:
        address = row.c["ctid"]
        return sa.and_(address >= _first_of(self.first), address < _first_of(self.beyond))


def _first_of(page: int) -> Expression:
    """The address before the first row of a heap page; bound, so that batches share a statement."""
    return Formula("CAST({0} AS tid)", bind(f"({page},0)"))


@dataclass(slots=True)
class PortionWindow:
    """At most `size` due rows, wherever they are; `last`: the batch found fewer (MariaDB)."""

    size: int
    last: bool = False

    def holds(self, row: Row) -> Truth:
        return sa.true()


class Walker(Protocol):
    """Goes over a table window by window; `size` may be changed between windows."""

    size: int

    def windows(self, connection: sa.Connection) -> Iterator[Window]:
        """The windows, in order; together they cover every row that was there at the start."""
        ...


GUESSED = 8
"""How many windows follow one that was counted, where whole numbers lie so close that one can tell."""
HIGHEST = 2**63 - 1


class KeyWalker:
    """Windows of up to `size` rows each, along a key's index; `within`: only rows that lie in it.

    Among so many whole numbers there are at most as many rows: where the last window was half full,
    the next few are told without counting their rows, which MariaDB needs a scan for.
    """

    def __init__(
        self,
        dialect: Dialect,
        table: Table,
        columns: tuple[str, ...],
        size: int = 2_000,
        within: Window | None = None,
    ) -> None:
        self.dialect = dialect
        self.table = table
        self.columns = columns
        self.size = size
        self.within = within

    def windows(self, connection: sa.Connection) -> Iterator[Window]:
        low: tuple[object, ...] | None = None
        guesses = 0
        while True:
            high = self._guessed(low) if guesses else None
            if high is not None:
                guesses -= 1
            else:
                size, high = self.size, self._counted(connection, low)
                guesses = GUESSED if self._is_dense(low, high, size) else 0
            window = KeyWindow(self.columns, low, high)
            yield window if self.within is None else Both(window, self.within)
            if high is None:
                return
            low = high

    def _counted(
        self, connection: sa.Connection, low: tuple[object, ...] | None
    ) -> tuple[object, ...] | None:
        """The key of the row that is `size` rows further; None where there are fewer."""
        row = row_of(self.table)
        keys = [row.c[name] for name in self.columns]
        asked = sought_columns(self.dialect, self.table, row, self.columns)
        query = sa.select(*asked).order_by(*keys).limit(1).offset(self.size - 1)
        if self.within is not None:
            query = query.where(self.within.holds(row))
        if low is not None:
            query = query.where(after(row, self.columns, low))
        with reading(connection):
            found = connection.execute(query).first()
        return tuple(found) if found is not None else None

    def _guessed(self, low: tuple[object, ...] | None) -> tuple[object, ...] | None:
        """The whole number that is `size` further; None at the end of them."""
        number = low[0] if low is not None else None
        if type(number) is not int or number > HIGHEST - self.size:
            return None
        return (number + self.size,)

    def _is_dense(
        self, low: tuple[object, ...] | None, high: tuple[object, ...] | None, size: int
    ) -> bool:
        """TRUE where `size` rows lie among at most twice as many numbers."""
        if low is None or high is None or self.within is not None or not self._is_whole:
            return False
        first, last = low[0], high[0]
        return type(first) is int and type(last) is int and last - first <= 2 * size

    @property
    def _is_whole(self) -> bool:
        """TRUE for one column in which a whole number stands once at most."""
        if self.columns == (self.table.row_address,):
            return True
        if len(self.columns) != 1 or self.columns != self.table.key:
            return False
        return self.table.columns[self.columns[0]].kind is ColumnKind.INTEGER


class PageWalker:
    """Windows of `size` heap pages (PostgreSQL); pages added meanwhile are walked too."""

    def __init__(self, table: Table, size: int = 64) -> None:
        self.table = table
        self.size = size

    def windows(self, connection: sa.Connection) -> Iterator[Window]:
        first, end = 0, self._pages(connection)
        while first < end:
            beyond = first + self.size
            yield PageWindow(first, beyond)
            first = beyond
            if first >= end:
                end = self._pages(connection)

    def _pages(self, connection: sa.Connection) -> int:
        name = self.table.bare_name or self.table.name
        size = sa.text(
            "SELECT pg_relation_size("
            "format('%I.%I', CAST(:schema AS text), CAST(:name AS text))::regclass)"
            " / current_setting('block_size')::int"
        )
        schema = self.table.schema or "public"
        with connection.begin():
            return int(connection.execute(size, {"schema": schema, "name": name}).scalar_one())


class PortionWalker:
    """For rows that nothing tells apart: portions of what is due, until one is not full.

    Each portion looks for its rows from the start, so the size is not shortened to save time.
    """

    def __init__(self) -> None:
        self.size = 10_000

    def windows(self, connection: sa.Connection) -> Iterator[Window]:
        window = PortionWindow(10_000)
        while not window.last:
            window = PortionWindow(10_000)
            yield window


class WholeWalker:
    """One window over everything, where a table has neither key nor pages of its own."""

    def __init__(self) -> None:
        self.size = 1

    def windows(self, connection: sa.Connection) -> Iterator[Window]:
        yield KeyWindow((), None, None)
