"""Both ways to name a MariaDB in a URL are one."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

from retention.connections import engine_for

RULES = """
[rules.people]
table = "people"
start = "left_on"
delete_after = "1 year"
[references]
"orders.person" = "delete"
"lines.of" = "delete"
"""


@pytest.mark.parametrize("driver", ["mariadb", "mariadb+pymysql", "mysql", "mysql+pymysql"])
def test_statements_see_one_name(driver: str, tmp_path: Path) -> None:
    """What differs by engine is asked for under that name alone."""
    assert engine_for(f"{driver}://me@db/shop", "shop", tmp_path).dialect.name == "mysql"


def test_a_mariadb_named_as_in_the_docs_is_worked_on(mariadb_server: str, tmp_path: Path) -> None:
    """With its temporary tables, its estimate, and its own collation."""
    import servers

    with servers.fresh_database(mariadb_server) as url:
        project = Project(tmp_path, url.replace("mysql+pymysql://", "mariadb+pymysql://"))
        project.sql(
            "CREATE TABLE people (id integer PRIMARY KEY, left_on date)",
            "CREATE TABLE orders (id integer PRIMARY KEY, person integer,"
            " FOREIGN KEY (person) REFERENCES people (id))",
            "CREATE TABLE `lines` (id integer PRIMARY KEY, `of` integer,"
            " FOREIGN KEY (`of`) REFERENCES orders (id))",
            "INSERT INTO people VALUES (1, '2020-01-01'), (2, '2026-05-05')",
            "INSERT INTO orders VALUES (10, 1), (20, 2)",
            "INSERT INTO `lines` VALUES (100, 10), (200, 20)",
        )
        project.url = project.url.replace("mariadb+pymysql://", "mariadb://")
        project.policy(RULES)
        project.enroll()
        estimate = project.run("plan", "--estimate", "--at", "2026-06-01")
        assert estimate.code == 0, estimate.err
        project.night("2026-06-01")
        assert project.rows("SELECT id FROM `lines`") == [(200,)]
        collation = (
            "SELECT collation_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = 'retention_hold'"
            " AND column_name = 'row_key'"
        )
        assert project.value(collation) == "utf8mb4_nopad_bin"
        project.engine.dispose()
