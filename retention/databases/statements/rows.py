"""Reaching other rows from a row: EXISTS along references, and which of them still count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, joined, row_of
from retention.planning.paths import Hop
from retention.planning.schema import Reference, Schema


class Alive(Protocol):
    """Says which rows of a table this run leaves, or None where all that are there count."""

    def __call__(self, table: str, row: Row) -> Truth | None: ...


def all_alive(table: str, row: Row) -> Truth | None:
    """Every row that is there counts: what is gone is really gone."""
    return None


class Reach:
    """Other rows seen from a row, along references."""

    def __init__(self, schema: Schema, alive: Alive) -> None:
        self.schema = schema
        self.alive = alive

    def exists(self, row: Row, hops: tuple[Hop, ...], test: Callable[[Row], Truth]) -> Truth:
        """TRUE where some row at the end of `hops` passes `test`."""
        if not hops:
            return test(row)
        hop, *rest = hops
        target = row_of(self.schema.tables[hop.target]).alias()
        join = (
            joined(hop.reference, target, row) if hop.down else joined(hop.reference, row, target)
        )
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(target).where(join)
        alive = self.alive(hop.target, target) if hop.down else None
        if alive is not None:
            found = found.where(alive)
        return sa.exists(
            found.where(self.exists(target, tuple(rest), test)).correlate_except(target)
        )

    def referring(
        self, row: Row, reference: Reference, test: Callable[[Row], Truth | None]
    ) -> Truth:
        """TRUE where a row that refers to `row` along `reference` passes `test`."""
        child = self.referring_row(reference)
        return self.refers(child, row, reference, test(child))

    def referring_row(self, reference: Reference) -> Row:
        """A row of the table that refers, for conditions of which each has its own EXISTS."""
        return row_of(self.schema.tables[reference.table]).alias()

    def refers(self, child: Row, row: Row, reference: Reference, test: Truth | None) -> Truth:
        """TRUE where some `child` refers to `row` along `reference` and passes `test`."""
        found: sa.Select[Any] = (
            sa.select(sa.literal_column("1"))
            .select_from(child)
            .where(joined(reference, child, row))
        )
        for condition in (self.alive(reference.table, child), test):
            if condition is not None:
                found = found.where(condition)
        return sa.exists(found.correlate_except(child))
