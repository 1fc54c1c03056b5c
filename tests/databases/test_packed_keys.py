"""Keys and guards as a database hands them over: one by one, or all in one value."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest
import servers
import sqlalchemy as sa
from project import Project

from retention.databases.database import Database
from retention.databases.dialects.mariadb import MariaDB
from retention.databases.keys import (
    asked_keys,
    key_columns,
    key_of,
    taken_columns,
    taken_keys,
    unpacked,
)
from retention.databases.sql import row_of
from retention.planning.schema import Column, ColumnKind, Table

GUARDS = (
    "'2024-02-29 23:59:59.999999'",
    "'0001-01-01 00:00:00'",
    "'9999-12-31 23:59:59.999999'",
    "'10000-01-01 00:00:00'",
    "'0044-03-15 12:00:00 BC'",
    "'infinity'",
    "'-infinity'",
    "NULL",
    "'1969-12-31 23:59:59'",
)
KINDS = {"timestamp": ColumnKind.TIMESTAMP, "timestamptz": ColumnKind.TIMESTAMPTZ}


@pytest.mark.parametrize("key", ["smallint", "integer", "bigint"])
@pytest.mark.parametrize("guard", [None, "timestamp", "timestamptz"])
def test_packed_keys_are_those_read_row_by_row(
    postgresql_server: str, tmp_path: Path, key: str, guard: str | None
) -> None:
    """Every width of number, with every guard that a server may hold, and with none."""
    most = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}[key]
    keys = (-most, most - 1, 0, -1, 1, 42, 7, 8, 9)
    values = ", ".join(f"({one}, {at})" for one, at in zip(keys, GUARDS, strict=True))
    with servers.fresh_database(postgresql_server) as url:
        _compare(Project(tmp_path, url), key, guard, keys, values)


def _compare(
    project: Project, key: str, guard: str | None, keys: tuple[int, ...], values: str
) -> None:
    project.sql(
        f"CREATE TABLE t (id {key} PRIMARY KEY, at {guard or 'timestamp'})",
        f"INSERT INTO t VALUES {values}",
    )
    kind = KINDS[guard or "timestamp"]
    columns = {
        "id": Column("id", ColumnKind.INTEGER, key),
        "at": Column("at", kind, str(guard)),
    }
    table, named = Table("t", columns, ("id",), bare_name="t"), "at" if guard else None
    database = Database("main", project.engine)
    row = row_of(table)
    packed = database.dialect.packed_keys(table, row, named)
    assert packed is not None
    with database.connected() as connection:
        blob = connection.scalar(sa.select(packed).select_from(row))
        one_by_one = sa.select(*key_columns(database.dialect, table, row, named, as_text=False))
        rows = connection.execute(one_by_one).fetchall()
    project.engine.dispose()
    found, expected = unpacked(blob), taken_keys(table, rows)
    assert found.keys == array("q", keys)
    assert sorted(zip(found.keys, found.guards, strict=True)) == sorted(
        zip(expected.keys, expected.guards, strict=True)
    )


@pytest.mark.parametrize("key", ["smallint", "int", "int unsigned", "bigint"])
@pytest.mark.parametrize("guard", [None, "datetime(6)", "timestamp(6)"])
def test_packed_rows_are_those_read_column_by_column(
    mariadb_server: str, tmp_path: Path, key: str, guard: str | None
) -> None:
    """Every width of number, with every guard that MariaDB may hold, broken dates too."""
    least, most = {
        "smallint": (-(2**15), 2**15 - 1),
        "int": (-(2**31), 2**31 - 1),
        "int unsigned": (2, 2**32 - 1),
        "bigint": (-(2**63), 2**63 - 1),
    }[key]
    keys = (least, most, 0, 1, 42, 7, 8, 9)
    guards = (
        "'2024-02-29 23:59:59.999999'",
        "'2000-01-01 00:00:00'",
        "'0000-00-00 00:00:00'",
        "NULL",
        *("'2021-00-10'", "'0000-03-04 05:06:07'", "'9999-12-31 23:59:59.999999'", "'1000-01-01'"),
    )[: 4 if guard == "timestamp(6)" else None]
    values = ", ".join(f"({one}, {at})" for one, at in zip(keys, guards, strict=False))
    with servers.fresh_database(mariadb_server) as url:
        project = Project(tmp_path, url)
        project.sql(
            f"CREATE TABLE t (id {key} PRIMARY KEY, at {guard or 'datetime'} NULL)",
            "SET STATEMENT sql_mode = '', time_zone = '+00:00' FOR INSERT INTO t VALUES " + values,
        )
        columns = {
            "id": Column("id", ColumnKind.INTEGER, key, whole=(least, most)),
            "at": Column("at", ColumnKind.TIMESTAMP, str(guard)),
        }
        table, named = Table("t", columns, ("id",), bare_name="t"), "at" if guard else None
        database, row = Database("main", project.engine), row_of(table)
        asked = asked_keys(database.dialect, table, row, named)
        listed = key_columns(database.dialect, table, row, named, as_text=False)
        with database.connected() as connection:
            found, wanted = (
                taken_keys(table, connection.execute(sa.select(*columns)).fetchall())
                for columns in (asked, listed)
            )
        project.engine.dispose()
    assert len(asked) == 1
    assert found == wanted
    assert sorted(found.keys) == sorted(keys[: len(guards)])


@pytest.mark.parametrize(
    ("kind", "name", "most"),
    [
        (ColumnKind.INTEGER, "BIGINT UNSIGNED", 2**64 - 1),
        (ColumnKind.DECIMAL, "DECIMAL(9, 0)", 10**9 - 1),
    ],
)
def test_keys_of_another_form_are_read_column_by_column(
    kind: ColumnKind, name: str, most: int
) -> None:
    """BIGINT UNSIGNED holds numbers that no signed one is; a DECIMAL has a form of its own."""
    columns = {"id": Column("id", kind, name, whole=(0, most))}
    assert MariaDB().packed_row(Table("t", columns, ("id",)), sa.table("t"), None) is None


@pytest.mark.parametrize("guard", [None, "at"])
@pytest.mark.parametrize("key", [("id",), ("name",), ("name", "id")])
def test_lists_of_keys_are_the_keys_read_row_by_row(
    tmp_path: Path, key: tuple[str, ...], guard: str | None
) -> None:
    """SQLite keeps text, fractions and bytes in any column; all come back as each row tells them."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(
        "CREATE TABLE t (id INTEGER, name TEXT, at TEXT, PRIMARY KEY (id, name))",
        "INSERT INTO t VALUES (1, 'a', '2024-02-29 23:59:59'), (-9223372036854775808, 'b', NULL),"
        " (9223372036854775807, '', 'no time'), ('007', char(0) || 'c', '2024-01-01'),"
        " (1.5, '\"[1]', ''), ('1_0', '{}', 5), (12, char(92, 10, 9), '0001-01-01 00:00:00'),"
        " (13, char(127866), 1.5), (14, 'null', '2024-02-29T23:59:59.5+05:30')",
    )
    columns = {
        "id": Column("id", ColumnKind.INTEGER, "INTEGER"),
        "name": Column("name", ColumnKind.TEXT, "TEXT"),
        "at": Column("at", ColumnKind.TEXT, "TEXT"),
    }
    table = Table("t", columns, key, bare_name="t")
    database, row = Database("main", project.engine), row_of(table)
    with database.connected() as connection:
        asked = key_columns(database.dialect, table, row, guard, as_text=False)
        lists = [database.dialect.listed(column) for column in asked]
        found = taken_columns(
            table, [*map(json.loads, connection.execute(sa.select(*lists)).one())]
        )
        rows = connection.execute(sa.select(*asked)).fetchall()
        wanted = taken_keys(table, rows)
    project.engine.dispose()
    assert len(wanted) == 9
    assert (list(found), found.guards) == (list(wanted), wanted.guards)


@pytest.mark.parametrize("value", ["1_0", " 7", "007", 1.5, 2.0, "a"])
def test_only_a_whole_number_is_one(value: object) -> None:
    """SQLite keeps what it is given: a text that Python would read as a number is no number."""
    table = Table("t", {"id": Column("id", ColumnKind.INTEGER, "INTEGER")}, ("id",))
    assert key_of(table, (value,)) == (str(value),)
    assert list(taken_keys(table, [(value, None), (7, None)])) == [(str(value),), (7,)]
