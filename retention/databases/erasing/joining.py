"""Rows of an UPDATE sought by a join: MariaDB goes over the whole table for an IN or EXISTS in one."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, joined, row_of
from retention.planning.paths import Hop
from retention.planning.plan import Plan


def joined_along(plan: Plan, row: Row, way: tuple[Hop, ...], doomed: Row) -> Truth | None:
    """The row lies at the end of the way down from a doomed row.

    None where a key on the way is shared by several parents: a join would not ask for the last.
    """
    if any(hop.reference.shared for hop in way):
        return None
    steps, child = list[Truth](), row
    for hop in reversed(way):
        above = row_of(plan.schema.tables[hop.reference.parent]).alias()
        parent: Row = doomed if hop is way[0] else above
        steps.append(joined(hop.reference, child, parent))
        child = parent
    return sa.and_(*steps)
