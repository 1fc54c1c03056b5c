"""Rows of a batch: what is cut, what goes with its parents, and whose children they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, detached, joined, joined_to_any, row_of
from retention.databases.statements.last_parents import goes_along
from retention.databases.taking import Taken
from retention.planning.paths import Hop
from retention.planning.plan import Plan
from retention.planning.schema import Reference


def detached_values(
    row: Row, references: list[Reference], hits: sa.CTE
) -> dict[str, sa.ColumnElement[Any]]:
    """What an UPDATE sets: each column of a reference that is cut (`hits`), the others as they are."""
    values: dict[str, sa.ColumnElement[Any]] = {}
    for index, reference in enumerate(references):
        for name in reference.cut_columns:
            old = values.get(name, row.c[name])
            values[name] = sa.case((hits.c[f"cut_{index}"], detached(reference)), else_=old)
    return values


def under(plan: Plan, row: Row, hops: tuple[Hop, ...], doomed: Row) -> Truth:
    """The row lies at the end of `hops` from one of the doomed rows."""
    *upper, last = hops
    if not upper:
        return joined_to_any(last.reference, row, doomed)
    parent = row_of(plan.schema.tables[last.reference.parent]).alias()
    inner = under(plan, parent, tuple(upper), doomed)
    return sa.exists(
        sa.select(sa.literal_column("1")).where(joined(last.reference, row, parent), inner)
    )


def goes_with(plan: Plan, row: Row, reference: Reference, gone: Mapping[str, sa.CTE]) -> Truth:
    """The row goes, or is cut, with its parent, or the last of them, among those that are `gone`."""
    parents = gone[reference.parent]
    identity = plan.schema.tables[reference.parent].identity

    def stays(other: Row) -> Truth:
        same = sa.and_(*(other.c[name] == parents.c[name] for name in identity))
        return sa.not_(sa.exists(sa.select(sa.literal_column("1")).where(same)))

    return goes_along(plan.schema, reference, row, parents, stays)


def note(taken: Taken, kind: str, name: str, count: int) -> None:
    """Count what one part of the statement took."""
    counts = {
        "erased": taken.erased,
        "detached": taken.detached,
        "anonymized": taken.anonymized,
        "restricted": taken.restricted,
        "due": taken.due,
    }[kind]
    if count:
        counts[name] = counts.get(name, 0) + count
