"""PostgreSQL's own: columns that say where a row lies and who locked it, and locks on tables."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import Row, Truth
from retention.planning.plan import Plan, Step

OURS = "pg_current_xact_id()::xid"
ADDRESS, PART = "retention_address", "retention_part"
"""Where a doomed row lies, beside columns of the user's that may have any name."""


def locked_by_us(row: Row) -> Truth:
    """TRUE for a row, with its system columns, that this transaction has locked."""
    return row.c["xmax"] == sa.literal_column(OURS)


def with_system_columns(row: sa.TableClause) -> sa.TableClause:
    """The row with `ctid`, `tableoid` and `xmax`; `xmax` is `OURS` once this transaction locked it."""
    known = list(row.c.keys())
    added = [name for name in ("ctid", "tableoid", "xmax") if name not in known]
    return sa.table(row.name, *map(sa.column, [*known, *added]), schema=row.schema)


def lock_tables(connection: sa.Connection, plan: Plan, step: Step) -> None:
    """Keep new rows out of tables that the step wants locked (`lock = true`)."""
    for name in plan.tables_to_lock(step):
        quote = connection.dialect.identifier_preparer.format_table
        found = plan.schema.tables[name]
        table = sa.Table(found.bare_name, sa.MetaData(), schema=found.schema)
        connection.exec_driver_sql(f"LOCK TABLE {quote(table)} IN SHARE ROW EXCLUSIVE MODE")
