"""Tables without a primary key: duplicates included, counted, without tokens."""

from __future__ import annotations

import sqlite3
from typing import Any

from project import Project
from test_declared import NEW, NIGHT, OLD, counted_night, people

CUSTOMERS = '[rules.customers]\ntable = "customers"\nstart = "closed_on"\ndelete_after = "1 year"\n'
LOGS = '[rules.logs]\ntable = "logs"\nstart = "at"\ndelete_after = "1 year"\n'


def test_child_rows_without_a_key_go_with_their_parent(project: Project) -> None:
    """Two rows that are the same are two rows; one that goes by two ways goes once."""
    people(project, 1, 2)
    project.sql(
        f"INSERT INTO customers VALUES (3, {NEW})",
        "CREATE TABLE links (a INTEGER, b INTEGER,"
        " FOREIGN KEY (a) REFERENCES customers (id), FOREIGN KEY (b) REFERENCES customers (id))",
        "INSERT INTO links VALUES (1, 2), (1, 2), (1, 3), (3, 3), (3, NULL), (NULL, NULL)",
    )
    project.policy(CUSTOMERS + '[references]\n"links.a" = "delete"\n"links.b" = "delete"\n')
    night = counted_night(project)
    assert (night["erased"], night["counts"]) == (2, {("links", "delete"): 3})
    left = project.rows("SELECT a, b FROM links")
    assert sorted(left, key=str) == [(3, 3), (3, None), (None, None)]


def test_child_rows_without_a_key_are_deleted_or_detached(project: Project) -> None:
    """A row that goes by one reference is not counted as cut from the other."""
    people(project, 1, 2)
    project.sql(
        f"INSERT INTO customers VALUES (3, {NEW})",
        "CREATE TABLE links (a INTEGER, b INTEGER)",
        "INSERT INTO links VALUES (1, 2), (1, 2), (3, 2), (3, 2), (3, 3), (NULL, 2)",
    )
    project.policy(
        CUSTOMERS + '[references]\n"links.a" = { to = "customers.id", then = "delete" }\n'
        '"links.b" = { to = "customers.id", then = "detach" }\n'
    )
    night = counted_night(project)
    assert night["counts"] == {("links", "delete"): 2, ("links", "detach"): 3}
    left = project.rows("SELECT a, b FROM links")
    assert sorted(left, key=str) == [(3, 3), (3, None), (3, None), (None, None)]


def test_rows_below_a_table_without_a_key_go_too(project: Project) -> None:
    """They are reached by what their parents hold, not by a key."""
    people(project, 1)
    project.sql(
        "CREATE TABLE carts (customer_id INTEGER, token VARCHAR(9) UNIQUE)",
        "CREATE TABLE lines_of (id INTEGER PRIMARY KEY, cart VARCHAR(9))",
        "INSERT INTO carts VALUES (1, 'a'), (1, 'b'), (1, NULL), (2, 'c')",
        "INSERT INTO lines_of VALUES (1, 'a'), (2, 'a'), (3, 'c'), (4, NULL)",
    )
    project.policy(
        CUSTOMERS + '[references]\n"carts.customer_id" = { to = "customers.id", then = "delete" }\n'
        '"lines_of.cart" = { to = "carts.token", then = "delete" }\n'
    )
    night = counted_night(project)
    assert night["counts"] == {("carts", "delete"): 3, ("lines_of", "delete"): 2}
    assert project.rows("SELECT id FROM lines_of ORDER BY id") == [(3,), (4,)]


def logs(project: Project) -> None:
    """Three old rows, two of them the same, and two that are not due."""
    project.sql(
        "CREATE TABLE logs (at DATE, path VARCHAR(20))",
        f"INSERT INTO logs VALUES ({OLD}, 'a'), ({OLD}, 'a'), ({OLD}, 'b'), ({NEW}, 'a'), (NULL, 'a')",
    )


def test_a_rule_takes_rows_that_nothing_tells_apart(project: Project) -> None:
    """All that are due go, the same ones too, and no token is made for them."""
    logs(project)
    project.policy(LOGS + 'unless = { "kept" = "path = \'b\'" }\n')
    night = counted_night(project, "logs delete")
    assert (night["erased"], night["unless"]) == (2, {"kept": 1})
    assert project.value("SELECT count(*) FROM logs") == 3
    with sqlite3.connect(project.folder / "ledger.db") as ledger:
        (table,) = ledger.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%token%'"
        ).fetchone()
        assert ledger.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_rows_that_nothing_tells_apart_are_masked(project: Project) -> None:
    """The whole predicate says what is still to mask; a second night finds nothing."""
    logs(project)
    project.policy(
        '[rules.logs]\ntable = "logs"\nstart = "at"\nanonymize_after = "1 year"\n'
        '[rules.logs.anonymize]\npath = "null"\n'
    )
    project.enroll()
    assert project.plan(NIGHT)["logs anonymize"]["due"] == 3
    assert project.night(NIGHT)["logs anonymize"]["anonymized"] == 3
    assert project.plan(NIGHT)["logs anonymize"]["due"] == 0
    assert project.value("SELECT count(path) FROM logs") == 2


def test_more_rows_than_one_portion_holds(project: Project) -> None:
    """Portions follow one another until nothing is due."""
    logs(project)
    with project.engine.begin() as connection:
        for _ in range(21):
            values = ", ".join([f"({OLD}, 'x')"] * 1000)
            connection.exec_driver_sql(f"INSERT INTO logs VALUES {values}")
    project.policy(LOGS)
    assert counted_night(project, "logs delete")["erased"] == 21_003
    assert project.value("SELECT count(*) FROM logs") == 2


def test_a_portion_of_a_limit_is_kept_to(project: Project) -> None:
    """`over_limit = "portion"` takes what the limit allows, and the rest on later nights."""
    logs(project)
    project.policy(LOGS + '[rules.logs.limits]\nrows_per_run = 2\nover_limit = "portion"\n')
    project.enroll()
    assert project.night(NIGHT)["logs delete"]["erased"] == 2
    assert project.night(NIGHT)["logs delete"]["erased"] == 1


def test_a_partitioned_table_without_a_key(postgresql_server: str, tmp_path: Any) -> None:
    """Its pages are those of its parts: it is walked as a whole."""
    import servers

    with servers.fresh_database(postgresql_server) as url:
        project = Project(tmp_path, url)
        project.sql(
            "CREATE TABLE logs (at date, path text) PARTITION BY RANGE (at)",
            "CREATE TABLE logs_a PARTITION OF logs FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
            "CREATE TABLE logs_b PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
            f"INSERT INTO logs VALUES ({OLD}, 'a'), ({OLD}, 'a'), ({NEW}, 'b')",
        )
        project.policy(LOGS + 'unless = { "kept" = "path = \'c\'" }\n')
        assert counted_night(project, "logs delete")["erased"] == 2
        assert project.rows("SELECT path FROM logs") == [("b",)]


def test_what_mariadb_cannot_do_without_a_key_is_a_fault(project: Project) -> None:
    """Rows that other rows refer to must be told apart there; elsewhere they can be."""
    logs(project)
    project.sql("CREATE TABLE hits (id INTEGER PRIMARY KEY, path VARCHAR(20))")
    project.sql("INSERT INTO hits VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    project.policy(LOGS + '[references]\n"hits.path" = { to = "logs.path", then = "delete" }\n')
    outcome = project.run("check")
    if project.dialect == "mysql":
        assert outcome.code == 2
        assert 'rows of "hits" refer to them; add a primary key' in outcome.out + outcome.err
    else:
        assert counted_night(project, "logs delete")["counts"] == {("hits", "delete"): 1}
        assert project.rows("SELECT id FROM hits ORDER BY id") == [(1,), (3,)]


def test_restricting_asks_for_a_key(project: Project) -> None:
    """An entry names the row it speaks of."""
    logs(project)
    project.policy(LOGS + 'restrict_after = "1 day"\n')
    outcome = project.run("check")
    assert outcome.code == 2
    assert '"logs" has no primary key' in outcome.out + outcome.err
