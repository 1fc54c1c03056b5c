"""Rows that detached rows refer to from then on (`detach_to`): they stand for all who left."""

from __future__ import annotations

from collections.abc import Iterator

from retention.databases.sql import Row, Truth, place_of_detached
from retention.planning.plan import Plan
from retention.planning.schema import Reference


def stands_in(plan: Plan, table: str, row: Row) -> Iterator[tuple[Reference, Truth]]:
    """For each reference into `table` that has one, TRUE for the row that stands in: it never goes."""
    for reference in plan.referring(table, "detach"):
        if reference.detach_to is not None:
            yield reference, place_of_detached(reference, row)
