"""Which way to walk a table: by engine and kind of table, or by where the due rows are."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.choosing import reads_other_rows
from retention.databases.erasing.whole_partitions import may_go_whole
from retention.databases.erasing.windows import (
    KeyWalker,
    PageWalker,
    PortionWalker,
    Walker,
    WholeWalker,
)
from retention.databases.sql import row_of
from retention.databases.statements.clock_ranges import (
    ClockRange,
    clock_range,
    early_range,
    is_parted,
)
from retention.planning.plan import Plan, Step
from retention.planning.schema import Schema, TableKind
from retention.planning.walks import Walk

INDEX_SHARE = {"postgresql": 0.02, "mysql": 0.1, "sqlite": 0.05}
"""Up to which share of a table its rows are sought by the clock's index (docs/benchmarks.md)."""


def walk_of(connection: sa.Connection, plan: Plan, dialect: Dialect, step: Step, rows: int) -> Walk:
    """By the index on the step's clock where it has one and finds few of the table's `rows`."""
    found = clock_range(plan, dialect, step)
    if found is not None and _apart(plan.schema, step.table):
        most = int(rows * INDEX_SHARE[plan.schema.dialect])
        table = row_of(plan.schema.tables[step.table])
        if connection.execute(found.most(table, most + 1)).scalar_one() <= most:
            return Walk(
                _after_partitions(plan, dialect, step, f"index on {found.column}"), by_clock=True
            )
    return Walk(_described(plan, dialect, step))


def walker_for(plan: Plan, dialect: Dialect, step: Step, walk: Walk | None = None) -> Walker:
    """PostgreSQL by heap pages, SQLite by rowid, MariaDB and partitioned tables by the key.

    Where `walk` says so, by the clock's index, rows of one time by what tells them apart.
    """
    schema, found = plan.schema, plan.schema.tables[step.table]
    if walk is not None and walk.by_clock:
        early = clock_range(plan, dialect, step)
        assert early is not None
        columns = dict.fromkeys((early.column, *_apart(schema, step.table)))
        return KeyWalker(dialect, found, tuple(columns), within=early)
    if schema.dialect == "postgresql" and found.kind is not TableKind.PARTITIONED:
        return PageWalker(found)
    if schema.dialect == "sqlite" and found.row_address:
        return KeyWalker(dialect, found, (found.row_address,))
    if not found.key:
        return PortionWalker() if schema.dialect == "mysql" else WholeWalker()
    return KeyWalker(dialect, found, found.key, within=_early_parts(plan, dialect, step))


def _early_parts(plan: Plan, dialect: Dialect, step: Step) -> ClockRange | None:
    """What leads to the partitions that may have due rows, and to no others."""
    early = early_range(plan, dialect, step)
    return early if early is not None and is_parted(plan, step, early) else None


def _apart(schema: Schema, name: str) -> tuple[str, ...]:
    """What every index has beside its own columns, the rowid or the clustered key; else the key."""
    table = schema.tables[name]
    if schema.dialect == "sqlite" and table.row_address:
        return (table.row_address,)
    return table.key


def ways_of(plan: Plan, dialect: Dialect, step: Step) -> str:
    """How the table may be walked, for a person reading the statements of a plan."""
    found = clock_range(plan, dialect, step)
    usual = _described(plan, dialect, step)
    if found is None or not _apart(plan.schema, step.table):
        return usual
    return f"{usual}, or where little is due the index on {found.column}"


def _described(plan: Plan, dialect: Dialect, step: Step) -> str:
    schema, found = plan.schema, plan.schema.tables[step.table]
    if schema.dialect == "postgresql" and found.kind is not TableKind.PARTITIONED:
        return "heap pages"
    if schema.dialect == "sqlite" and found.row_address:
        return found.row_address
    if not found.key:
        usual = "portions" if schema.dialect == "mysql" else "the whole table"
        return _after_partitions(plan, dialect, step, usual)
    early = "" if _early_parts(plan, dialect, step) is None else " of early partitions"
    return _after_partitions(plan, dialect, step, f"key ({', '.join(found.key)}){early}")


def _after_partitions(plan: Plan, dialect: Dialect, step: Step, walk: str) -> str:
    whole = may_go_whole(plan, step) and not reads_other_rows(plan, dialect, step)
    return f"whole partitions where they may go, then {walk}" if whole else walk
