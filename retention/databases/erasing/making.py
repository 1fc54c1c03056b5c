"""Temporary tables that hold the rows of a batch, typed like the tables they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from retention.databases.erasing.changing import changed
from retention.databases.sql import row_of
from retention.planning.schema import Table

_PLACE = {"sqlite": "temp.", "postgresql": "pg_temp."}
_NOTHING = "nothing"


def make_temporary(
    connection: sa.Connection,
    name: str,
    table: Table,
    columns: Sequence[str],
    *,
    known: bool = False,
    numbered: str = "",
    lasting: bool = False,
) -> None:
    """An empty temporary table with these columns of `table`, in place of one of that name.

    `known`: rows are looked up in it by their identity. `numbered`: a further column of numbers. On
    PostgreSQL it is empty again after each transaction, unless it is `lasting`.
    """
    row, engine = row_of(table), connection.dialect.name
    found: list[sa.ColumnElement[Any]] = [row.c[column] for column in columns]
    if numbered:
        found.append(sa.cast(sa.null(), sa.Integer()).label(numbered))
    found = found or [sa.literal_column("1").label(_NOTHING)]
    like = sa.select(*found).select_from(row).where(sa.literal_column("1 = 0"))
    shape = like.compile(connection, compile_kwargs={"literal_binds": True})
    key = ", ".join(map(connection.dialect.identifier_preparer.quote, table.identity))
    also = f", INDEX ({numbered})" if numbered else ""
    inside = f" (PRIMARY KEY ({key}){also})" if engine == "mysql" and key else ""
    kept = " ON COMMIT DELETE ROWS" if engine == "postgresql" and not lasting else ""
    place = _PLACE.get(engine, "")
    # without TEMPORARY, MariaDB would commit what the transaction has done so far
    kind = "TEMPORARY TABLE" if engine == "mysql" else "TABLE"
    connection.exec_driver_sql(f"DROP {kind} IF EXISTS {place}{name}")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name}{inside}{kept} AS {shape}")
    where = "" if engine == "postgresql" else place
    if known and not inside:
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX {where}{name}_key ON {name} ({key})")
    if numbered and not inside:
        connection.exec_driver_sql(f"CREATE INDEX {where}{name}_number ON {name} ({numbered})")


def fill(
    connection: sa.Connection, into: sa.TableClause, columns: Sequence[str], rows: sa.Select[Any]
) -> int:
    """Add these rows to a temporary table; how many they were."""
    return changed(connection, sa.insert(into).from_select(list(columns), rows))
