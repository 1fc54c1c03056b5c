"""About how many rows a table has, by what the catalogue says of it: no scan."""

from __future__ import annotations

import sqlalchemy as sa

from retention.databases.sql import row_of
from retention.planning.schema import Table

_POSTGRESQL = sa.text(
    "WITH named(place) AS (SELECT"
    " format('%I.%I', CAST(:schema AS text), CAST(:name AS text))::regclass)"
    " SELECT CAST(sum(c.reltuples) AS bigint), min(c.reltuples) FROM named, pg_class c"
    " WHERE c.relkind <> 'p' AND (c.oid = place"
    " OR c.oid IN (SELECT relid FROM pg_partition_tree(place)))"
)
_MARIADB = sa.text(
    "SELECT table_rows FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = :name"
)
_SQLITE = sa.text("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = :name")


def rows_about(connection: sa.Connection, table: Table) -> int | None:
    """About how many rows the table has, at most as old as its statistics; None: nobody knows."""
    name = table.bare_name or table.name
    if connection.dialect.name == "sqlite":
        return _sqlite(connection, table, name)
    if connection.dialect.name == "postgresql":
        place = {"schema": table.schema or "public", "name": name}
        rows, least = connection.execute(_POSTGRESQL, place).one()
        # a part that was never analyzed has -1
        return None if least is None or least < 0 else int(rows)
    found = connection.execute(_MARIADB, {"name": name}).scalar_one_or_none()
    return None if found is None else int(found)


def _sqlite(connection: sa.Connection, table: Table, name: str) -> int | None:
    if sa.inspect(connection).has_table("sqlite_stat1"):
        rows = connection.execute(_SQLITE, {"name": name}).scalar_one()
        if rows is not None:
            return int(rows)
    if table.row_address is None:
        return None
    highest = sa.select(sa.func.max(row_of(table).c[table.row_address]))
    return int(connection.execute(highest).scalar_one() or 0)
