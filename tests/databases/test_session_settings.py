"""What an account, a server or a shell sets for its sessions changes nothing that ours say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from project import Project

LOGS = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"
"""
HOLD = ("hold", "add", "logs")


@pytest.fixture
def postgresql(postgresql_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over PostgreSQL."""
    with servers.fresh_database(postgresql_server) as url:
        yield Project(tmp_path, url)


@pytest.fixture
def mariadb(mariadb_server: str, tmp_path: Path) -> Iterator[Project]:
    """A project over MariaDB."""
    with servers.fresh_database(mariadb_server) as url:
        yield Project(tmp_path, url)


def done(outcome_code: int, told: str) -> None:
    assert outcome_code == 0, told


@pytest.mark.parametrize(
    ("column", "keys", "setting"),
    [
        ("date", ("2020-01-02", "2020-02-03"), "datestyle = 'German, DMY'"),
        ("bytea", ("\\x00ff", "\\x01ff"), "bytea_output = 'escape'"),
        ("interval", ("1 mon 2 days", "3 days"), "intervalstyle = 'iso_8601'"),
        ("double precision", ("0.1", "0.2"), "extra_float_digits = -15"),
        ("text", ("a\\b", "c"), "standard_conforming_strings = off"),
    ],
)
def test_a_hold_outlives_a_setting_of_the_database(
    postgresql: Project, column: str, keys: tuple[str, str], setting: str
) -> None:
    """A key is the same text before and after, and names the row that is held."""
    postgresql.sql(f"CREATE TABLE logs (id {column} PRIMARY KEY, at date)")
    with postgresql.engine.begin() as connection:
        for key in keys:
            connection.exec_driver_sql(
                f"INSERT INTO logs VALUES (CAST(%(key)s AS {column}), '2020-01-01')", {"key": key}
            )
    postgresql.policy(LOGS)
    postgresql.enroll()
    outcome = postgresql.run(*HOLD, keys[0], "--reason", "claim")
    done(outcome.code, outcome.err)
    name = postgresql.value("SELECT current_database()")
    postgresql.sql(f'ALTER DATABASE "{name}" SET {setting}')
    postgresql.engine.dispose()
    postgresql.night("2026-06-01")
    assert postgresql.value("SELECT count(*) FROM logs") == 1


def test_a_hold_placed_under_another_shell_is_on_the_same_row(postgresql: Project) -> None:
    """libpq reads PGDATESTYLE; what we store does not depend on it."""
    postgresql.sql("CREATE TABLE logs (id date PRIMARY KEY, at date)")
    postgresql.sql(
        "INSERT INTO logs VALUES ('2020-01-02', '2020-01-01'), ('2020-02-03', '2020-01-01')"
    )
    postgresql.policy(LOGS)
    postgresql.enroll()
    command = postgresql.command(*HOLD, "2020-01-02", "--reason", "claim")
    environment = {**os.environ, "PGDATESTYLE": "German"}
    found = subprocess.run(
        command, capture_output=True, text=True, cwd=postgresql.folder, env=environment
    )
    done(found.returncode, found.stderr)
    postgresql.night("2026-06-01")
    assert postgresql.value("SELECT CAST(id AS text) FROM logs") == "2020-01-02"


def test_a_limit_on_what_a_session_reads_hides_no_row(mariadb: Project) -> None:
    """Every erased row is proved, though the server's sessions read three rows by default."""
    mariadb.sql(
        "CREATE TABLE logs (id integer PRIMARY KEY, at datetime)",
        "CREATE TABLE pages (id integer PRIMARY KEY, log integer,"
        " FOREIGN KEY (log) REFERENCES logs (id))",
        *(f"INSERT INTO logs VALUES ({key}, '2020-01-01')" for key in range(1, 8)),
    )
    mariadb.policy(LOGS + '[references]\n"pages.log" = "block"\n')
    mariadb.enroll()
    mariadb.sql("SET GLOBAL sql_select_limit = 3")
    try:
        mariadb.night("2026-06-01")
    finally:
        mariadb.sql("SET GLOBAL sql_select_limit = DEFAULT")
    assert mariadb.value("SELECT count(*) FROM logs") == 0
    told = [mariadb.run("explain", "logs", str(key)).out for key in range(1, 8)]
    assert all("proves" in text for text in told), told
