"""What a missing index costs, and the statement that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from retention.databases.sql import row_of, written
from retention.errors import Problem
from retention.planning.indexes import Search, unindexed
from retention.planning.plan import Plan
from retention.planning.schema import Schema, Table, TableKind
from retention.policies.parse import dotted
from retention.policies.policy import Policy
from retention.policies.positions import key_positions, line_of

LEAST, MOST = 1_000, 1_000_000
_LONGEST = 63


def missing_indexes(connection: sa.Connection, policy: Policy, plan: Plan) -> Iterator[Problem]:
    """A warning for each search of the plan that reads a whole table of `LEAST` rows or more."""
    positions = key_positions(policy.text) if policy.text else {}
    sizes: dict[str, int] = {}
    for search in unindexed(plan):
        table = plan.schema.tables[search.table]
        if search.table not in sizes:
            sizes[search.table] = _size(connection, table)
        if sizes[search.table] >= LEAST:
            yield Problem(
                dotted(search.place),
                _words(plan.schema, search, sizes[search.table]),
                line_of(positions, search.place),
                "warning",
                index_statement(connection, table, search),
            )


def _size(connection: sa.Connection, table: Table) -> int:
    """How many rows there are, counted no further than `MOST`."""
    some = sa.select(written(1).label("one")).select_from(row_of(table)).limit(MOST).subquery()
    query: sa.Select[Any] = sa.select(sa.func.count()).select_from(some)
    return int(connection.execute(query).scalar_one())


def _words(schema: Schema, search: Search, rows: int) -> str:
    many = f"all {rows:,} rows" if rows < MOST else f"{MOST:,} rows or more"
    begins = " and ".join(search.columns)
    lacks = f'"{search.table}" has no index that begins with {begins}'
    if search.enforced:
        return (
            f'{lacks}: the database reads {many} of it for each row of "{search.seeker}" that goes'
        )
    if schema.dialect == "postgresql":
        return f"{lacks}: every batch reads {many} of it"
    return f'{lacks}: {many} of it are read for each row of "{search.seeker}" that is looked at'


def index_statement(connection: sa.Connection, table: Table, search: Search) -> str:
    """DDL that makes the index, without a lock against writers where the engine can."""
    quote = connection.dialect.identifier_preparer.quote
    columns = list(search.columns) + ([search.with_column] if search.with_column else [])
    name = connection.dialect.identifier_preparer.format_table(_named(table))
    listed = ", ".join(quote(column) + _prefix(connection, table, column) for column in columns)
    if connection.dialect.name == "postgresql":
        aside = "" if table.kind is TableKind.PARTITIONED else " CONCURRENTLY"
        return f"CREATE INDEX{aside} ON {name} ({listed})"
    if connection.dialect.name == "sqlite":
        index = f"ix_{table.bare_name or table.name}_{'_'.join(columns)}"[:_LONGEST]
        return f"CREATE INDEX {quote(index)} ON {name} ({listed})"
    return f"ALTER TABLE {name} ADD INDEX ({listed})"


def _named(table: Table) -> sa.Table:
    return sa.Table(table.bare_name or table.name, sa.MetaData(), schema=table.schema)


def _prefix(connection: sa.Connection, table: Table, column: str) -> str:
    """MariaDB indexes the beginning of a text without a limit, and has to be told how much."""
    unlimited = any(word in table.columns[column].type_text.upper() for word in ("TEXT", "BLOB"))
    return "(64)" if unlimited and connection.dialect.name not in ("postgresql", "sqlite") else ""
