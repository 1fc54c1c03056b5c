"""Undoing a restriction of one row, and the view of rows that are not restricted."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from retention.databases.dialects.dialect import Dialect, key_text
from retention.databases.sql import Row, Truth, bind, row_of
from retention.databases.state import event, hold, restriction
from retention.planning.schema import Table


def is_set(
    connection: sa.Connection,
    dialect: Dialect,
    table: Table,
    values: Mapping[str, bool | int | float | str],
    key: str,
) -> bool:
    """TRUE where the row's columns say that it is restricted."""
    row = row_of(table)
    same = (row.c[name].is_not_distinct_from(bind(value)) for name, value in values.items())
    query = sa.select(sa.func.count()).select_from(row)
    return bool(
        connection.execute(query.where(_named(dialect, table, row, key), *same)).scalar_one()
    )


def set_back(
    connection: sa.Connection,
    dialect: Dialect,
    table: Table,
    values: Mapping[str, bool | int | float | str],
    key: str,
) -> None:
    """Truth values turn around and columns that may be NULL are emptied; others are left."""
    back: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            back[name] = bind(not value)
        elif table.columns[name].nullable:
            back[name] = sa.null()
    if back:
        row = row_of(table)
        connection.execute(sa.update(row).where(_named(dialect, table, row, key)).values(back))


def bring_back(
    connection: sa.Connection, dialect: Dialect, away: Table, home: Table, key: str
) -> None:
    """The row goes back to the table it was moved from, and what our tables say of it, too."""
    row = row_of(away)
    names = [name for name, column in home.columns.items() if not column.generated]
    found = sa.select(*(row.c[name] for name in names)).where(_named(dialect, away, row, key))
    connection.execute(sa.insert(row_of(home)).from_select(names, found))
    connection.execute(sa.delete(row).where(_named(dialect, away, row, key)))
    for ours in (hold, event, restriction):
        here = sa.and_(ours.c.table_name == away.name, ours.c.row_key == key)
        connection.execute(sa.update(ours).where(here).values(table_name=home.name))


def view_ddl(connection: sa.Connection, dialect: Dialect, table: Table) -> str:
    """CREATE VIEW over the rows that no standing restriction names."""
    row = row_of(table)
    entry = restriction.alias("r")
    named = sa.exists().where(
        entry.c.table_name == table.name,
        entry.c.row_key == key_text(dialect, table, row),
        entry.c.lifted_at.is_(None),
    )
    columns = sa.select(*(row.c[name] for name in table.columns)).where(sa.not_(named))
    text = columns.compile(connection, compile_kwargs={"literal_binds": True})
    view = sa.table(f"{table.bare_name or table.name}_unrestricted", schema=table.schema)
    name = connection.dialect.identifier_preparer.format_table(view)
    return f"CREATE VIEW {name} AS\n{text};"


def _named(dialect: Dialect, table: Table, row: Row, key: str) -> Truth:
    return key_text(dialect, table, row) == bind(key)
