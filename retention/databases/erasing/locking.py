"""Tables locked against new referring rows while a batch works (`lock = true`, PostgreSQL)."""

from __future__ import annotations

import sqlalchemy as sa

from retention.planning.plan import Plan, Step


def lock_tables(connection: sa.Connection, plan: Plan, step: Step) -> None:
    """Lock what the policy asks for: others may read these tables, and write when the batch is over."""
    for name in plan.tables_to_lock(step):
        found = plan.schema.tables[name]
        table = sa.Table(found.bare_name, sa.MetaData(), schema=found.schema)
        quoted = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE")
