"""PostgreSQL's own: columns that say where a row lies, and who locked it."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import Row, Truth

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
