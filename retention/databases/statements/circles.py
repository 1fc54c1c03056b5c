"""Rows of tables that refer to one another in a circle, followed to the end as one recursive set.

A node of the set is a table's number and the row's key. Tables that lie in no circle never come here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import (
    Expression,
    Row,
    Truth,
    any_of,
    bind,
    in_written_order,
    joined,
    row_of,
    written,
)
from retention.databases.text_keys import Letters
from retention.planning.plan import Plan
from retention.planning.schema import Column, ColumnKind, Table

_LABEL, _PLACE = "label", "place"

_NOT_TEXT = 100
"""No number, date or UUID is written with more characters."""
_LONGEST_KEY = 3_072
"""Bytes of an InnoDB key at most."""


class Circle:
    """The tables of one circle, and the `delete` references between them."""

    def __init__(self, plan: Plan, tables: Sequence[str]) -> None:
        self.schema = plan.schema
        self.tables = tuple(tables)
        self.references = [
            reference
            for table in tables
            for reference in plan.referring(table, "delete")
            if reference.table in tables
        ]
        self._mariadb = plan.schema.dialect == "mysql"
        width = max(len(self._table(name).identity) for name in tables)
        self.whole = [self._is_whole(position) for position in range(width)]

    def rows(self, table: str, row: Row, *conditions: Truth) -> sa.Select[Any]:
        """The rows of `table` that pass, as nodes."""
        return sa.select(*self._node(table, row, "")).select_from(row).where(*conditions)

    def labelled(self, table: str, row: Row, label: int, condition: Truth) -> sa.Select[Any]:
        """The rows of `table` that pass, as nodes with that label."""
        return self.rows(table, row, condition).add_columns(written(label).label(_LABEL))

    def upwards(self, first: Sequence[sa.Select[Any]], *, inside: bool) -> sa.CTE:
        """Labelled nodes, and every row with which one of them would go, under the same label.

        `inside`: built on no other set, for statements before which MariaDB knows none (UPDATE).
        """
        nested = inside and self._mariadb
        return self._followed(first, up=True, carried=(_LABEL,), nested=nested)

    def downwards(self, first: Sequence[sa.Select[Any]], name: str | None = None) -> sa.CTE:
        """Nodes, and every row that goes with one of them."""
        return self._followed(first, up=False, carried=(), name=name)

    def within(self, table: str, row: Row, nodes: sa.CTE, label: int | None = None) -> Truth:
        """TRUE for a row that is one of the nodes, under that label."""
        found = nodes.alias()
        identity = self._table(table).identity
        query = sa.select(*(found.c[_part(position)] for position in range(len(identity))))
        query = query.where(found.c[_PLACE] == written(self.tables.index(table)))
        if label is not None:
            query = query.where(found.c[_LABEL] == written(label))
        own = self._parts(table, row)[: len(identity)]
        return own[0].in_(query) if len(own) == 1 else sa.tuple_(*own).in_(query)

    def _followed(
        self,
        first: Sequence[sa.Select[Any]],
        *,
        up: bool,
        carried: tuple[str, ...],
        name: str | None = None,
        nested: bool = False,
    ) -> sa.CTE:
        names = [_PLACE, *map(_part, range(len(self.whole))), *carried]
        start = sa.union_all(*first).subquery()
        found = sa.select(*(start.c[column] for column in names))
        nodes = found.cte(name, recursive=True, nesting=nested)
        step = self._step_alone(nodes, up) if len(self.tables) == 1 else self._step(nodes, up)
        return nodes.union(step.add_columns(*(nodes.c[column] for column in carried)))

    def _step_alone(self, nodes: sa.CTE, up: bool) -> sa.Select[Any]:
        """From a row to its parents, or its children, in the same table: by the keys' indexes."""
        (table,) = self.tables
        child, parent = (row_of(self._table(table)).alias() for _ in range(2))
        here, there = (child, parent) if up else (parent, child)
        pairs = zip(self._parts(table, here), range(len(self.whole)), strict=True)
        same = sa.and_(*(own == nodes.c[_part(position)] for own, position in pairs))
        refers = any_of(*(joined(reference, child, parent) for reference in self.references))
        source = nodes.join(here, same).join(there, refers)
        return in_written_order(sa.select(*self._node(table, there, "")).select_from(source))

    def _step(self, nodes: sa.CTE, up: bool) -> sa.Select[Any]:
        """As `_step_alone`; engines allow one mention of the set, so the references come as one."""
        both = sa.union_all(*self._edges())
        edges = both.subquery() if self._mariadb else both.cte()
        here, there = ("child_", "parent_") if up else ("parent_", "child_")
        names = [_PLACE, *map(_part, range(len(self.whole)))]
        same = sa.and_(*(edges.c[here + name] == nodes.c[name] for name in names))
        source = nodes.join(edges, same)
        found = sa.select(*(edges.c[there + name] for name in names)).select_from(source)
        return in_written_order(found)

    def _edges(self) -> Iterator[sa.Select[Any]]:
        for reference in self.references:
            child = row_of(self._table(reference.table)).alias()
            parent = row_of(self._table(reference.parent)).alias()
            yield sa.select(
                *self._node(reference.table, child, "child_"),
                *self._node(reference.parent, parent, "parent_"),
            ).select_from(child.join(parent, joined(reference, child, parent)))

    def _node(self, table: str, row: Row, prefix: str) -> list[Expression]:
        parts = [
            part.label(f"{prefix}{_part(position)}")
            for position, part in enumerate(self._parts(table, row))
        ]
        return [written(self.tables.index(table)).label(prefix + _PLACE), *parts]

    def _parts(self, table: str, row: Row) -> list[Expression]:
        """The row's key, in one form for all tables of the circle."""
        found: list[Expression] = [row.c[name] for name in self._table(table).identity]
        if len(self.tables) == 1:
            return found
        whole = self.whole
        return [
            _as_whole(found, position) if whole[position] else self._as_text(found, position)
            for position in range(len(whole))
        ]

    def _as_text(self, parts: list[Expression], position: int) -> Expression:
        part = parts[position] if position < len(parts) else bind("")
        # MariaDB gives a recursive set the widths of its first rows, and stops at a longer text
        return Letters(sa.cast(part, sa.String(self._width(position))) if self._mariadb else part)

    def _width(self, position: int) -> int:
        """The most characters of a key's part, among all tables of the circle."""
        keys = [self._table(name) for name in self.tables]
        found = [
            key.columns.get(key.identity[position]) for key in keys if position < len(key.identity)
        ]
        return max(_characters(column) for column in found)

    def _is_whole(self, position: int) -> bool:
        tables = [self._table(name) for name in self.tables]
        return all(
            _kind(table, position) is ColumnKind.INTEGER
            for table in tables
            if position < len(table.identity)
        )

    def _table(self, name: str) -> Table:
        return self.schema.tables[name]


def _part(position: int) -> str:
    return f"part_{position}"


def _kind(table: Table, position: int) -> ColumnKind:
    column = table.columns.get(table.identity[position])
    return ColumnKind.INTEGER if column is None else column.kind


def _as_whole(parts: list[Expression], position: int) -> Expression:
    return sa.cast(parts[position] if position < len(parts) else written(0), sa.BigInteger())


def _characters(column: Column | None) -> int:
    if column is None or column.kind not in (ColumnKind.TEXT, ColumnKind.BINARY):
        return _NOT_TEXT
    return column.length or max(map(len, column.choices), default=_LONGEST_KEY)
