"""Deleting rows that refer to one another in a circle, so that no order of statements would do.

The rows are a closed set: every row that refers to one of them is in it, is detached, or has stopped
it. PostgreSQL checks its keys when the one statement is over; SQLite, where it does, at the commit.
InnoDB checks row by row, so its checks are off for these statements, and made up for before commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect
from retention.databases.erasing.parting import part
from retention.databases.sql import Row, Truth, joined, row_of, written
from retention.errors import DatabaseFailure
from retention.planning.circles import Circles
from retention.planning.plan import Plan

Sets = Mapping[str, sa.TableClause]


def delete_at_once(
    connection: sa.Connection, plan: Plan, dialect: Dialect, sets: Sets, circles: Circles
) -> dict[str, int]:
    """Delete the rows of every set, parents first in `sets`; how many left each table.

    Raises DatabaseFailure where one stays, or where a row would refer to one that left.
    """
    # a key of the database's own may take rows with others of the set, so statements do not count
    counts = {name: _size(connection, rows) for name, rows in sets.items()}
    statements = {}
    for name in reversed(list(sets)):
        table = plan.schema.tables[name]
        statements[name] = deletion(dialect, row_of(table), table.identity, sets[name])
    if dialect.data_modifying_ctes:
        parts = [
            found.returning(written(1).label("one")).cte(f"deleted_{number}")
            for number, found in enumerate(statements.values())
        ]
        sizes = [sa.select(sa.func.count()).select_from(part).scalar_subquery() for part in parts]
        connection.execute(sa.select(*sizes))
    else:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        inside = {table for circle in circles for table in circle}
        for name, statement in statements.items():
            circular = dialect.locks_rows and name in inside
            if dialect.locks_rows and not circular:
                names = plan.schema.tables[name].identity
                part(connection, plan, name, partial(_same, names, rows=sets[name]))
            with _unchecked(connection) if circular else nullcontext():
                connection.execute(statement)
    _verify(connection, plan, sets)
    return counts


def deletion(
    dialect: Dialect, row: sa.TableClause, names: Sequence[str], rows: sa.TableClause
) -> sa.Delete:
    """DELETE of the rows that have the same `names` as one of `rows`."""
    if dialect.locks_rows:
        return sa.delete(row).where(_same(names, row, rows))
    keys = sa.select(*(rows.c[column] for column in names))
    return sa.delete(row).where(sa.tuple_(*(row.c[column] for column in names)).in_(keys))


def _same(names: Sequence[str], row: Row, rows: Row) -> Truth:
    return sa.and_(*(row.c[name] == rows.c[name] for name in names))


def _size(connection: sa.Connection, rows: sa.TableClause) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one())


@contextmanager
def _unchecked(connection: sa.Connection) -> Iterator[None]:
    """InnoDB checks no keys inside: rows of a circle have no order in which each could go."""
    connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
    try:
        yield
    finally:
        # a connection that is lost has lost the setting as well
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")


def _verify(connection: sa.Connection, plan: Plan, sets: Sets) -> None:
    """No row of the sets is left, and none that the database protects refers to one of them."""
    for name, rows in sets.items():
        table = plan.schema.tables[name]
        row = row_of(table)
        left = rows.join(row, _same(table.identity, row, rows))
        if _any(connection, sa.select(written(1)).select_from(left)):
            raise DatabaseFailure(
                f'rows of "{name}" did not leave, though nothing kept them: a trigger or a rule of '
                "the database may keep them; the batch was rolled back"
            )
        for reference in plan.schema.referring_to(name):
            child = row_of(plan.schema.tables[reference.table]).alias()
            dangling = rows.join(child, joined(reference, child, rows))
            if reference.declared and _any(connection, sa.select(written(1)).select_from(dangling)):
                raise DatabaseFailure(
                    f'rows would refer along "{reference.label}" to rows that are gone; the batch '
                    "was rolled back"
                )


def _any(connection: sa.Connection, query: sa.Select[Any]) -> bool:
    return connection.execute(query.limit(1)).first() is not None
