"""About how many rows lie before a line, as the database itself would guess: nothing is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import Row, Truth, all_of, row_of, written
from retention.databases.statements.clock_ranges import ClockRange
from retention.databases.statements.predicates import Predicates
from retention.planning.conditions import columns_of
from retention.planning.plan import Step

SAMPLED = 1_000
"""Rows that SQLite looks at, which keeps no statistics of values: spread evenly over the table."""
_SCATTER = 2_654_435_761
"""Knuth's multiplicative hash: 2**32 over the golden ratio (The Art of Computer Programming, 6.4)."""


def early_about(connection: sa.Connection, step: Step, within: ClockRange, rows: int) -> int | None:
    """Rows of a table of about `rows` that start before the line; None where nothing tells.

    Of those the rule's `where` selects, if it reads nothing but the row itself.
    """
    table = within.plan.schema.tables[step.table]
    if connection.dialect.name == "sqlite":
        return _of_sample(connection, step, within, rows)
    row = row_of(table)
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(row)
    query = query.where(all_of(within.holds(row), _selected(step, within, row)))
    compiled = query.compile(connection)
    explain = _EXPLAIN[connection.dialect.name] + str(compiled)
    found = connection.exec_driver_sql(explain, compiled.construct_params()).scalar_one()
    plan = json.loads(found) if isinstance(found, str) else found
    if connection.dialect.name == "postgresql":
        return int(plan[0]["Plan"]["Plan Rows"])
    return _mariadb(plan, known=within.column in table.ordered)


_EXPLAIN = {"postgresql": "EXPLAIN (FORMAT JSON) ", "mysql": "EXPLAIN FORMAT=JSON "}


def _mariadb(plan: Any, *, known: bool) -> int | None:
    """Without an index or a histogram MariaDB takes every row for one that passes."""
    found = next(_tables(plan), None)
    if found is None:
        return 0
    filtered = float(found.get("filtered", 100))
    return int(found["rows"] * filtered / 100) if known or filtered < 100 else None


def _tables(plan: Any) -> Iterator[dict[str, Any]]:
    """The tables that a plan reads, however deep they stand in it."""
    if isinstance(plan, dict):
        if "table_name" in plan and "rows" in plan:
            yield plan
        for part in plan.values():
            yield from _tables(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from _tables(part)


def _selected(step: Step, within: ClockRange, row: Row) -> Truth | None:
    paths = [] if step.where is None else list(columns_of(step.where))
    paths += [] if step.younger is None else [step.younger.born.path]
    if not all(path.is_own for path in paths):
        return None
    return Predicates(within.plan, within.dialect).selected(step, row)


def _of_sample(connection: sa.Connection, step: Step, within: ClockRange, rows: int) -> int | None:
    """The share among rows next to evenly spread addresses, of all rows."""
    table = within.plan.schema.tables[step.table]
    if table.row_address is None:
        return None
    row, other = row_of(table), row_of(table).alias()
    place, address = other.c[table.row_address], row.c[table.row_address]
    ends = connection.execute(sa.select(sa.func.min(address), sa.func.max(address))).one()
    if ends[0] is None:
        return 0
    low, high = int(ends[0]), int(ends[1])
    number = sa.select(written(0).label("i")).cte("number", recursive=True)
    number = number.union_all(sa.select(number.c.i + 1).where(number.c.i < SAMPLED - 1))
    stride = (high - low) // SAMPLED + 1
    # scattered within each stride, so that a pattern in the addresses is not mistaken for a share
    apart = (number.c.i * written(_SCATTER)).op(">>")(written(7)).op("%")(written(stride))
    spread = low + number.c.i * stride + apart
    nearest = sa.select(sa.func.min(place)).where(place >= spread).correlate(number)
    chosen = sa.select(nearest.scalar_subquery()).select_from(number)
    early = sa.func.count().filter(all_of(within.reached(row), _selected(step, within, row)))
    query = sa.select(sa.func.count(), early).select_from(row).where(address.in_(chosen))
    seen, found = connection.execute(query).one()
    return rows * int(found) // max(1, int(seen))
