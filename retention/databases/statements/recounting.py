"""Plain statements for the recount: rows by their keys, one simple question each.

Nothing here knows what a run decides. Clocks, floors, blocks and masks are judged in Python from
what these return; only conditions that a person wrote in SQL are asked in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.keys import sought_columns
from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    bind,
    is_true,
    joined,
    place_of_detached,
    row_of,
)
from retention.databases.state import event, hold, restriction
from retention.databases.statements.condition_sql import ConditionSql
from retention.databases.statements.early_rows import Early
from retention.databases.statements.key_lists import among, beyond
from retention.databases.statements.open_rows import OpenRows
from retention.databases.statements.rows import all_alive
from retention.planning.conditions import Condition
from retention.planning.paths import ColumnPath, Hop
from retention.planning.schema import Reference, Schema

RowKey = tuple[Any, ...]
Texts = tuple[str | None, ...]
MOST_KEYS = 900  # from a thousand on, MariaDB turns a list into a sub-query


class PlainRows:
    """Rows of one database as they stand now. Writes nothing."""

    def __init__(self, connection: sa.Connection, schema: Schema, dialect: Dialect) -> None:
        self.connection = connection
        self.schema = schema
        self.dialect = dialect
        self.conditions = ConditionSql(dialect, schema, all_alive)
        self._entries: dict[str, list[tuple[Row, Truth]]] = {}

    def settle(self) -> None:
        """Texts of times are ISO, whatever the server prefers; a snapshot is one instant."""
        if self.dialect.name == "postgresql":
            self.connection.exec_driver_sql("SET DateStyle = 'ISO'")
            self.connection.commit()
        if self.dialect.name != "sqlite":
            self.connection.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is asked inside is answered as of one instant."""
        with self.connection.begin():
            yield

    # -- a whole table, page by page --------------------------------------------------------------

    def page(
        self,
        table: str,
        names: Sequence[str],
        after: RowKey | None,
        narrow: Sequence[Early | OpenRows],
        size: int,
        ordered: bool = True,
    ) -> dict[RowKey, Texts]:
        """The next rows, all or only those of the narrow kinds; these columns of them as text.

        In the order of the key; not `ordered`: as they lie, where fewer than `size` are enough.
        """
        row, key = self._row(table), self.schema.tables[table].sought_by
        query = sa.select(*self.sought(table, row), *(self._text(row, name) for name in names))
        query = query if after is None else query.where(beyond(row, key, after))
        source: Any = row
        for kind in narrow:
            source, here = self._walked(row, kind.hops, outer=False, source=source)
            # one row may lead to many, and is still one of the page
            query = query.distinct() if kind.hops else query
            query = query.where(kind.holds(self.dialect, here))
        query = query.select_from(source)
        query = query.order_by(*(row.c[name] for name in key)) if ordered else query
        found = self.connection.execute(query.limit(size)).all()
        if len(key) == 1:
            return {(first,): tuple(rest) for first, *rest in found}
        return {tuple(line[: len(key)]): tuple(line[len(key) :]) for line in found}

    def may_be_none(self, narrow: Sequence[Early | OpenRows]) -> bool:
        """True where a run that did its work leaves no row of all the narrow kinds, told by the row."""
        alone = not any(kind.hops for kind in narrow)
        return alone and any(kind.tells_all(self.dialect) for kind in narrow)

    def tally(self, table: str, narrow: Sequence[Early | OpenRows]) -> tuple[int, int]:
        """How many rows the table has, and how many of them are of all the narrow kinds: one scan."""
        row = self._row(table)
        inside = sa.and_(*(kind.holds(self.dialect, row) for kind in narrow))
        both = (sa.func.count(), sa.func.count(sa.case((inside, sa.literal_column("1")))))
        rows, found = self.connection.execute(sa.select(*both).select_from(row)).one()
        return int(rows), int(found)

    def rows_in(self, table: str) -> int:
        """How many rows the table has."""
        query = sa.select(sa.func.count()).select_from(self._row(table))
        return int(self.connection.execute(query).scalar_one())

    # -- rows with these keys -----------------------------------------------------------------------

    def texts(
        self, table: str, keys: Iterable[RowKey], columns: Sequence[str]
    ) -> dict[RowKey, Texts]:
        """These columns of the rows, as text."""
        row = self._row(table)
        found = self._asked(table, row, keys, [self._text(row, name) for name in columns])
        return {tuple(key): tuple(line) for key, line in found}

    def along(
        self, table: str, keys: Iterable[RowKey], path: ColumnPath
    ) -> list[tuple[RowKey, str | None]]:
        """The column at the end of the path, once for each row it leads to.

        A child row that leads to no further row gives NULL, and so does a row without the one it
        refers to; a row without child rows gives nothing.
        """
        row = self._row(table)
        source, target = self._walked(row, path.hops, outer=True)
        found = self._asked(table, row, keys, [self._text(target, path.column)], source)
        return [(key, line[0]) for key, line in found]

    def ends(
        self, table: str, keys: Iterable[RowKey], hops: tuple[Hop, ...]
    ) -> list[tuple[RowKey, RowKey]]:
        """Each row with the key of every row at the end of the hops."""
        row = self._row(table)
        source, target = self._walked(row, hops, outer=False)
        found = self._asked(
            table, row, keys, self.sought(hops[-1].target if hops else table, target), source
        )
        return [(key, tuple(line)) for key, line in found]

    def referred(self, reference: Reference, keys: Iterable[RowKey]) -> set[RowKey]:
        """Those of the parents that some row refers to along the reference."""
        row = self._row(reference.parent)
        child = row_of(self.schema.tables[reference.table]).alias()
        source = sa.join(row, child, joined(reference, child, row))
        return {key for key, _ in self._asked(reference.parent, row, keys, [], source)}

    def standing_in(self, reference: Reference, keys: Iterable[RowKey]) -> set[RowKey]:
        """Those of the parents that detached rows refer to from then on."""
        row = self._row(reference.parent)
        return self._true(reference.parent, row, keys, place_of_detached(reference, row))

    def event_times(
        self, table: str, keys: Iterable[RowKey], name: str
    ) -> list[tuple[RowKey, str | None]]:
        """The times of the events of that name recorded for the rows."""
        row, ours = self._row(table), event.alias()
        same = sa.and_(
            ours.c.table_name == bind(table),
            ours.c.name == bind(name),
            ours.c.row_key == key_text(self.dialect, self.schema.tables[table], row),
        )
        source = sa.join(row, ours, same)
        found = self._asked(table, row, keys, [ours.c.happened_at], source)
        return [(key, line[0]) for key, line in found]

    def held(self, table: str, keys: Sequence[RowKey]) -> set[RowKey]:
        """The rows under a legal hold, or restricted at the person's own request."""
        if not self.schema.enrolled or not keys:
            return set()
        row = self._row(table)
        text = key_text(self.dialect, self.schema.tables[table], row)
        found: set[RowKey] = set()
        for ours, named in self._entries_on(table):
            source = sa.join(row, ours, sa.and_(named, ours.c.row_key == text))
            found |= {key for key, _ in self._asked(table, row, keys, [], source)}
        return found

    def _entries_on(self, table: str) -> list[tuple[Row, Truth]]:
        """Holds, and restrictions at request, where one lies on the table.

        Asked once: what is laid on it later is nothing that this run could have heeded.
        """
        if table not in self._entries:
            holds, restricted = hold.alias(), restriction.alias()
            tests = (
                (holds, holds.c.released_at.is_(None)),
                (restricted, self._requested(restricted)),
            )
            named = [(it, sa.and_(it.c.table_name == bind(table), test)) for it, test in tests]
            self._entries[table] = [(it, test) for it, test in named if self._is_any(it, test)]
        return self._entries[table]

    def _is_any(self, ours: Row, test: Truth) -> bool:
        any_: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(ours).where(test)
        return self.connection.execute(any_.limit(1)).first() is not None

    def choices(
        self, table: str, keys: Iterable[RowKey], path: ColumnPath, names: Sequence[str]
    ) -> dict[RowKey, list[bool]]:
        """For each row, which of the named values the column at the end of the path has."""
        row = self._row(table)
        value = self.conditions.column(row, path)
        tests = [_flag(is_true(value == bind(name))) for name in names]
        return {
            key: [bool(test) for test in line] for key, line in self._asked(table, row, keys, tests)
        }

    # -- conditions a person wrote ------------------------------------------------------------------

    def selected(
        self, table: str, keys: Iterable[RowKey], condition: Condition | None
    ) -> set[RowKey]:
        """The rows for which a `where` is true."""
        row = self._row(table)
        found = self.conditions.selects(row, condition)
        return set(keys) if found is None else self._true(table, row, keys, found)

    def excepted(self, table: str, keys: Iterable[RowKey], condition: Condition) -> set[RowKey]:
        """The rows for which an `unless` is true or unknown."""
        row = self._row(table)
        return self._true(table, row, keys, self.conditions.stops(row, condition))

    def due_when(self, table: str, keys: Iterable[RowKey], condition: Condition) -> set[RowKey]:
        """The rows for which a `delete_when` or `anonymize_when` is true."""
        row = self._row(table)
        return self._true(table, row, keys, self.conditions.holds(row, condition))

    def _requested(self, entry: Row) -> Truth:
        return sa.and_(entry.c.at_request != bind(0), entry.c.lifted_at.is_(None))

    def sought(self, table: str, row: Row) -> list[Expression]:
        """What the row of the table is known by, as it is read."""
        found = self.schema.tables[table]
        return sought_columns(self.dialect, found, row, found.sought_by)

    # -- parts --------------------------------------------------------------------------------------

    def _row(self, table: str) -> Row:
        return row_of(self.schema.tables[table])

    def _text(self, row: Row, name: str) -> Expression:
        return self.dialect.as_text(row.c[name]).label(None)

    def _walked(
        self, row: Row, hops: tuple[Hop, ...], *, outer: bool, source: Any = None
    ) -> tuple[Any, Row]:
        """The joins from the row along the hops, after those of `source`, and the row at their end."""
        source = row if source is None else source
        here: Row = row
        for hop in hops:
            target = row_of(self.schema.tables[hop.target]).alias()
            child, parent = (target, here) if hop.down else (here, target)
            on = joined(hop.reference, child, parent)
            source = sa.join(source, target, on, isouter=outer and not hop.down)
            here = target
        return source, here

    def _true(self, table: str, row: Row, keys: Iterable[RowKey], test: Truth) -> set[RowKey]:
        return {key for key, _ in self._asked(table, row, keys, [], None, test)}

    def _asked(
        self,
        table: str,
        row: Row,
        keys: Iterable[RowKey],
        columns: Sequence[Expression],
        source: Any = None,
        *tests: Truth,
    ) -> list[tuple[RowKey, Sequence[Any]]]:
        """Key and columns of the rows with these keys that pass the tests."""
        wanted = list(keys)
        found_in = self.schema.tables[table]
        width = len(found_in.sought_by)
        query = sa.select(*self.sought(table, row), *columns).select_from(
            row if source is None else source
        )
        found: list[tuple[RowKey, Sequence[Any]]] = []
        for start in range(0, len(wanted), MOST_KEYS):
            some = wanted[start : start + MOST_KEYS]
            lines = self.connection.execute(
                query.where(among(self.dialect, found_in, row, some), *tests)
            )
            found += [(tuple(line[:width]), line[width:]) for line in lines]
        return found


def _flag(test: Truth) -> Expression:
    return sa.case((test, sa.literal_column("1")), else_=sa.literal_column("0"))
