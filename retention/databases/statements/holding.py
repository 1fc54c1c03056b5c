"""Whether anything is held at all: mostly nothing is, and statements that need not ask are faster."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from retention.databases.state import hold, restriction
from retention.planning.plan import Plan


def any_held(connection: sa.Connection, plan: Plan, tables: Collection[str] | None = None) -> bool:
    """TRUE where a hold or a request lies on any row, of one of the `tables` or of any."""
    if not plan.schema.enrolled:
        return False
    held = sa.select(hold.c.table_name).where(hold.c.released_at.is_(None))
    requested = sa.select(restriction.c.table_name).where(
        restriction.c.at_request == 1, restriction.c.lifted_at.is_(None)
    )
    if tables is not None:
        held = held.where(hold.c.table_name.in_(tables))
        requested = requested.where(restriction.c.table_name.in_(tables))
    return bool(connection.scalar(sa.select(sa.or_(held.exists(), requested.exists()))))
