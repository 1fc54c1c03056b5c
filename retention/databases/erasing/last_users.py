"""PostgreSQL: rows that lose their last user in a batch, and are taken with it."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from retention.databases.erasing.system_columns import OURS, with_system_columns
from retention.databases.sql import row_of
from retention.databases.statements.unused import Leaving
from retention.databases.taking import set_columns
from retention.planning.plan import Plan, Step
from retention.planning.unused import LastUse


def unused_deletions(plan: Plan, step: Step, leaving: Leaving) -> Iterator[tuple[LastUse, sa.CTE]]:
    """One DELETE for each table whose rows may lose their last user, users first."""
    for index, use in enumerate(plan.last_uses(step), start=1):
        table = plan.schema.tables[use.table]
        row = with_system_columns(row_of(table))
        found = (
            sa.delete(row)
            .where(row.c["xmax"] == sa.literal_column(OURS), leaving.goes_unused(use, row))
            .returning(*(row.c[name] for name in set_columns(plan, table)))
            .cte(f"unused_{index}")
        )
        leaving.add(use.table, found)
        yield use, found
