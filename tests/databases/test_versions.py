"""Servers that are too old, or none of the three, are told before anything is read of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from retention.databases import versions
from retention.databases.database import Database
from retention.databases.versions import require_supported
from retention.errors import UsageError

WANTED = "nothing was done. Use SQLite 3.35, PostgreSQL 14, MariaDB 10.6 or later"


@pytest.mark.parametrize(
    ("backend", "version", "told"),
    [
        ("sqlite", (3, 34, 1), "SQLite 3.34.1 is too old"),
        ("postgresql", (13, 23), "PostgreSQL 13.23 is too old"),
        ("postgresql", (9, 6, 24), "PostgreSQL 9.6.24 is too old"),
        ("mysql", (10, 5, 29), "MariaDB 10.5.29 is too old"),
    ],
)
def test_an_older_server_is_refused(backend: str, version: tuple[int, ...], told: str) -> None:
    """The message names what it is and what would do."""
    with pytest.raises(UsageError) as refused:
        require_supported("shop", backend, version, is_mariadb=True)
    assert str(refused.value) == f"shop: {told}, {WANTED}"


@pytest.mark.parametrize(
    ("backend", "version"),
    [("sqlite", (3, 35)), ("postgresql", (14, 0)), ("postgresql", (18, 4)), ("mysql", (10, 6, 0))],
)
def test_the_first_version_of_each_engine_is_taken(backend: str, version: tuple[int, ...]) -> None:
    """What the README names is enough."""
    require_supported("shop", backend, version, is_mariadb=True)


def test_mysql_is_no_mariadb() -> None:
    """It speaks the same protocol, and other statements."""
    with pytest.raises(UsageError) as refused:
        require_supported("shop", "mysql", (8, 4, 6), is_mariadb=False)
    assert str(refused.value) == f"shop: MySQL 8.4.6 is not supported, {WANTED}"


def test_a_database_of_an_older_server_is_not_opened(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a real server says of itself is what is asked."""
    for name in versions.OLDEST:
        monkeypatch.setitem(versions.OLDEST, name, (99,))
    database = Database("shop", sa.create_engine(database_url))
    with pytest.raises(UsageError, match=r"shop: .* is too old"), database.connected():
        pass
    database.engine.dispose()


@pytest.mark.parametrize(
    "said",
    [
        AssertionError("Could not determine version from string 'CockroachDB CCL v25.4.1'"),
        sa.exc.InvalidRequestError("MySQL version 8.4.6 is not a MariaDB variant."),
    ],
)
def test_a_server_that_is_none_of_the_three_is_told_as_such(
    said: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy raises so where it cannot read what CockroachDB or MySQL call themselves."""
    engine = sa.create_engine("sqlite://")

    def connect() -> None:
        raise said

    monkeypatch.setattr(engine, "connect", connect)
    with pytest.raises(UsageError) as refused, Database("shop", engine).connected():
        pass
    assert str(refused.value) == (
        f"shop: this server does not say that it is a PostgreSQL or MariaDB, {WANTED}"
    )


def test_a_file_of_utf_16_is_not_opened(tmp_path: Path) -> None:
    """Its texts have another length in bytes than those that times are told by."""
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16'")
        connection.execute("CREATE TABLE logs (at TEXT)")
    database = Database("shop", sa.create_engine(f"sqlite:///{file}"))
    with pytest.raises(UsageError, match="shop: this SQLite file keeps its text in UTF-16"):
        database.connected().__enter__()
