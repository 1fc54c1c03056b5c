"""A row goes, or is detached, with the last of the rows it refers to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, joined, joined_to_any, row_of
from retention.planning.schema import Reference, Schema


def goes_along(
    schema: Schema,
    reference: Reference,
    row: Row,
    parents: Row,
    stays: Callable[[Row], Truth],
    *,
    in_one: bool = False,
) -> Truth:
    """TRUE where the row refers to one of `parents`, which go, and to no row that `stays`.

    A key that one parent alone can have is not looked up again. `in_one`: as of `joined_to_any`.
    """
    found = joined_to_any(reference, row, parents, in_one=in_one)
    if not reference.shared:
        return found
    other = row_of(schema.tables[reference.parent]).alias()
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(other)
    query = query.where(joined(reference, row, other), stays(other))
    return sa.and_(found, sa.not_(sa.exists(query.correlate_except(other))))
