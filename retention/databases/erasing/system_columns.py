"""PostgreSQL's own: columns that say where a row lies, and who locked it."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import Row, Truth
from retention.planning.schema import Table, TableKind

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


def at_addresses(table: Table, row: Row, found: sa.CTE) -> Truth:
    """TRUE for the rows whose addresses were found: read there, whatever the planner thinks of a join.

    It may hold a scan of the table for each of them to be as cheap. In a partitioned table an address
    is one in each part, and the join tells which.
    """
    if table.kind is TableKind.PARTITIONED:
        return sa.and_(row.c["ctid"] == found.c[ADDRESS], row.c["tableoid"] == found.c[PART])
    addresses = sa.select(found.c[ADDRESS]).scalar_subquery()
    return row.c["ctid"] == sa.any_(sa.func.array(addresses))
