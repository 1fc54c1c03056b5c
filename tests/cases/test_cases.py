"""Real databases that nobody here designed, one night each, against results computed elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import servers
from forks import command
from sqlalchemy import make_url

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
HERE = Path(__file__).parent
needs_cases = pytest.mark.skipif(
    not CASES.is_dir(), reason="the case data lie outside the repository, and are not here"
)


def retention(folder: Path, url: str, *arguments: str) -> str:
    """Run a command over the case's policy; what it printed."""
    code, out, err = command(list(arguments), folder, {"CASE_URL": url})
    assert code == 0, err + out
    return out


def prepared(folder: Path, case: str) -> Path:
    """A folder with the case's policy."""
    (folder / "policies.toml").write_text((HERE / f"{case}.toml").read_text())
    return folder


def sqlite_answers(database: Path, case: Path) -> str:
    """What the case's own questions answer now."""
    query = (case / "expect.sql").read_text()
    command = ["sqlite3", str(database)]
    return subprocess.run(command, input=query, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def sakila_url(mariadb_server: str) -> Iterator[str]:
    """A new database for sakila on the MariaDB of the tests."""
    with servers.fresh_database(mariadb_server) as url:
        yield url


@needs_cases
def test_chinook_ends_as_plain_sql_says_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Chinook on SQLite: invoices go, customers are masked by the clock as it was before the run."""
    case = CASES / "01_chinook"
    database = tmp_path / "chinook.db"
    subprocess.run(["bash", str(case / "load.sh"), str(database)], check=True)
    folder = prepared(tmp_path, "chinook")
    url = f"sqlite:///{database}"
    retention(folder, url, "enroll", "--all")
    retention(folder, url, "run", "--all", "--at", "2026-01-20T00:00:00Z")
    assert sqlite_answers(database, case) == (case / "expected.txt").read_text()
    again = retention(folder, url, "run", "--all", "--at", "2026-01-20T00:00:00Z", "--json")
    assert {(rule["due"], rule["left"]) for rule in json.loads(again)["rules"]} == {(0, 0)}
    assert sqlite_answers(database, case) == (case / "expected.txt").read_text()


@needs_cases
def test_sakila_ends_as_plain_sql_says_and_a_second_run_changes_nothing(
    tmp_path: Path, sakila_url: str
) -> None:
    """Sakila on MariaDB: closed accounts leave with rentals, payments and an unused address."""
    case, url = CASES / "04_sakila_mariadb", make_url(sakila_url)
    client = f"mariadb -u{url.username} -S {url.query['unix_socket']}"
    name = str(url.database)
    environment = {**os.environ, "MY": client}
    subprocess.run(["bash", str(case / "load.sh"), name], check=True, env=environment)
    answers = partial(mariadb_answers, [*client.split(), "-N", name], case)
    folder = prepared(tmp_path, "sakila")
    retention(folder, sakila_url, "enroll", "--all")
    assert answers() == (case / "before.txt").read_text()
    retention(folder, sakila_url, "run", "--all", "--at", "2007-08-01T00:00:00Z")
    assert answers() == (case / "expected.txt").read_text()
    again = retention(folder, sakila_url, "run", "--all", "--at", "2007-08-01T00:00:00Z", "--json")
    assert {(rule["due"], rule["left"]) for rule in json.loads(again)["rules"]} == {(0, 0)}
    assert answers() == (case / "expected.txt").read_text()


@needs_cases
def test_pagila_ends_as_plain_sql_says_and_a_second_run_changes_nothing(
    tmp_path: Path, pagila: tuple[str, dict[str, str]]
) -> None:
    """Pagila on PostgreSQL, in June 2027: customers are masked, with addresses only they use."""
    case = CASES / "03_pagila_pg"
    url, environment = pagila
    name = str(make_url(url).database)
    subprocess.run(["bash", str(case / "load.sh"), name], check=True, env=environment)
    query = ["psql", "-X", "-q", "-At", "-d", name, "-c", pagila_questions(case)]
    answers = partial(_answer, query, environment)
    assert answers() == (case / "before.txt").read_text()
    folder = prepared(tmp_path, "pagila")
    retention(folder, url, "enroll", "--all")
    later(folder, url, "run", "--all")
    assert answers() == (case / "expected.txt").read_text()
    again = later(folder, url, "run", "--all", "--json")
    assert {(rule["due"], rule["left"]) for rule in json.loads(again)["rules"]} == {(0, 0)}
    assert answers() == (case / "expected.txt").read_text()


@pytest.fixture
def pagila(postgresql_server: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a database that `load.sh` fills, and where its `psql` finds the server."""
    with servers.fresh_database(postgresql_server) as found:
        url = make_url(found)
        host, port = url.host or url.query["host"], url.port or url.query.get("port", "5432")
        place = {"PGUSER": url.username or "postgres", "PGHOST": str(host), "PGPORT": str(port)}
        yield found, {**os.environ, **place, "TZ": "UTC"}


PARTITIONS = """
SELECT 'payment_partitions', string_agg(relname || '=' || coalesce(n, 0), ' ' ORDER BY relname)
FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
LEFT JOIN (SELECT tableoid t, count(*) n FROM payment GROUP BY 1) p ON p.t = c.oid
WHERE inhparent = 'payment'::regclass;
"""


def pagila_questions(case: Path) -> str:
    """The case's questions; one asks by way of XML, which not every server is built with."""
    lines = (case / "expect.sql").read_text().splitlines()
    asked = [PARTITIONS if "query_to_xml" in line else line for line in lines]
    return "\n".join(asked)


def later(folder: Path, url: str, *arguments: str) -> str:
    """Run a command on the night of the case, which lies ahead; what it printed."""
    words = ["faketime", "2027-06-15 00:00:00", sys.executable, "-m", "retention.cli.app"]
    environment = {**os.environ, "CASE_URL": url, "TZ": "UTC"}
    found = subprocess.run(
        [*words, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr + found.stdout
    return found.stdout


def _answer(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def mariadb_answers(client: list[str], case: Path) -> str:
    """What the case's own questions answer now."""
    query = (case / "expect.sql").read_text()
    found = subprocess.run(client, input=query, capture_output=True, text=True, check=True)
    return found.stdout.replace("\t", "|")
