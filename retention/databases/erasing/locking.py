"""Locks of a batch: on rows, and on tables against new referring rows (`lock = true`, PostgreSQL)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth
from retention.planning.plan import Plan, Step


def lock_tables(connection: sa.Connection, plan: Plan, step: Step) -> None:
    """Lock what the policy asks for: others may read these tables, and write when the batch is over."""
    for name in plan.tables_to_lock(step):
        found = plan.schema.tables[name]
        table = sa.Table(found.bare_name, sa.MetaData(), schema=found.schema)
        quoted = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE")


def lock_rows(connection: sa.Connection, row: Row, condition: Truth) -> None:
    """Lock the rows that pass; what others have changed in them is seen by the next statement."""
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(row)
    connection.execute(query.where(condition).with_for_update()).fetchall()
