"""Rows sought by a join, where an IN or EXISTS would go over the whole table.

MariaDB does so for every UPDATE, SQLite for keys of several columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from retention.databases.sql import Row, Truth, joined, row_of
from retention.planning.paths import Hop
from retention.planning.plan import Plan
from retention.planning.schema import Table


def joined_along(plan: Plan, row: Row, way: tuple[Hop, ...], doomed: Row) -> Truth | None:
    """The row lies at the end of the way down from a doomed row.

    None where a key on the way is shared by several parents: a join would not ask for the last.
    """
    doomed = _leading(doomed)
    if any(hop.reference.shared for hop in way):
        return None
    steps, child = list[Truth](), row
    for hop in reversed(way):
        above = row_of(plan.schema.tables[hop.reference.parent]).alias()
        parent: Row = doomed if hop is way[0] else above
        steps.append(joined(hop.reference, child, parent))
        child = parent
    return sa.and_(*steps)


class _Leading:
    """A row whose values no index is searched for, so that a join begins with it."""

    def __init__(self, row: Row) -> None:
        self.c = {column.name: sa.func.coalesce(column) for column in row.c}


def _leading(row: Row) -> Row:
    """MariaDB else begins with the other table where that is small, and locks all of its rows."""
    return cast(Row, _Leading(row))


def at_address(table: Table, row: Row, found: Row, sought: Callable[[Row], Truth]) -> Truth:
    """The row is one that `sought` joins to `found`; told by its address (SQLite)."""
    assert table.row_address is not None
    other = row_of(table).alias()
    addresses = sa.select(other.c[table.row_address])
    addresses = addresses.select_from(sa.join(found, other, sought(other))).correlate(None)
    return row.c[table.row_address].in_(addresses)


def same_key(key: Sequence[str], row: Row, other: Row) -> Truth:
    """Both have the same key."""
    return sa.and_(*(row.c[name] == other.c[name] for name in key))


class JoinedDelete(sa.Executable, sa.ClauseElement):
    """MariaDB's DELETE of rows that `same` joins to `found`: sought from those, in no other order."""

    inherit_cache = True
    _traverse_internals = [  # noqa: RUF012
        ("row", InternalTraversal.dp_clauseelement),
        ("found", InternalTraversal.dp_clauseelement),
        ("same", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, row: sa.TableClause, found: sa.TableClause, same: Truth) -> None:
        self.row = row
        self.found = found
        self.same = same


@compiles(JoinedDelete)
def _joined_delete(element: JoinedDelete, compiler: Any, **options: Any) -> str:
    row = compiler.process(element.row, asfrom=True, **options)
    found = compiler.process(element.found, asfrom=True, **options)
    same = compiler.process(element.same, **options)
    return f"DELETE {row} FROM {found} STRAIGHT_JOIN {row} ON {same}"
