"""Tables that a rule cannot take rows from safely are refused, each with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from project import Project

RULES = """
[rules.notes]
table = "%s"
start = "at"
delete_after = "1 year"
"""
COLUMNS = "(id INTEGER PRIMARY KEY, at DATE)"
REFUSED = {
    "sqlite": {
        "a view": (
            "CREATE VIEW v AS SELECT * FROM notes",
            "v",
            "is a view; name the table behind it",
        ),
        "a virtual table": ("CREATE VIRTUAL TABLE f USING fts5(at)", "f", "is a virtual table"),
    },
    "postgresql": {
        "a view": (
            "CREATE VIEW v AS SELECT * FROM notes",
            "v",
            "is a view; name the table behind it",
        ),
        "a foreign table": (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
            " CREATE FOREIGN TABLE far (id integer, at date) SERVER s",
            "far",
            "is a foreign table; enroll the database it lives in",
        ),
    },
    "mysql": {
        "a view": (
            "CREATE VIEW v AS SELECT * FROM notes",
            "v",
            "is a view; name the table behind it",
        ),
        "MyISAM": (f"CREATE TABLE t {COLUMNS} ENGINE=MyISAM", "t", "has no transactions"),
        "Aria": (f"CREATE TABLE t {COLUMNS} ENGINE=Aria", "t", "has no transactions"),
        "system versioning": (
            f"CREATE TABLE t {COLUMNS} WITH SYSTEM VERSIONING",
            "t",
            "would keep the row in its history",
        ),
    },
}


def refused(project: Project, kind: str) -> None:
    """A rule over such a table is a fault of `check`; the night does nothing and says so."""
    made, table, why = REFUSED[project.dialect][kind]
    project.sql(f"CREATE TABLE notes {COLUMNS}", *made.split("; "))
    project.policy(RULES % "notes")
    project.enroll()
    project.policy(RULES % table)
    for command in (("check",), ("run", "--all")):
        outcome = project.run(*command)
        assert outcome.code == 2, outcome.out + outcome.err
        assert why in " ".join((outcome.out + outcome.err).split())


@pytest.mark.parametrize("kind", REFUSED["sqlite"])
def test_on_sqlite(tmp_path: Path, kind: str) -> None:
    """Views and virtual tables."""
    refused(Project(tmp_path, f"sqlite:///{tmp_path / 'shop.db'}"), kind)


@pytest.fixture
def postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over PostgreSQL."""
    with servers.fresh_database(postgresql_server) as url:
        yield Project(tmp_path, url)


@pytest.mark.parametrize("kind", REFUSED["postgresql"])
def test_on_postgresql(postgresql: Project, kind: str) -> None:
    """Views and foreign tables."""
    refused(postgresql, kind)


@pytest.fixture
def mariadb(mariadb_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over MariaDB."""
    with servers.fresh_database(mariadb_server) as url:
        yield Project(tmp_path, url)


@pytest.mark.parametrize("kind", REFUSED["mysql"])
def test_on_mariadb(mariadb: Project, kind: str) -> None:
    """Views, engines without transactions, and tables that keep what was deleted."""
    refused(mariadb, kind)
