"""How many rows MariaDB reads to take children with their parents: the few that go, or a table once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import servers
from project import HEAD, Project

from retention.connections import engine_for
from retention.databases.database import Connection, Database
from retention.databases.erasing.choosing import eraser_for
from retention.databases.erasing.windows import KeyWindow
from retention.planning.make import make_plan
from retention.policies.parse import parse_policy

RULES = """
[rules.people]
table = "people"
start = "closed_at"
delete_after = "1 year"
[references]
"orders.person_id" = { to = "people.id", then = "delete" }
"lines.order_id" = { to = "orders.id", then = "delete" }
"""
CHILDREN, WINDOW = 4_000, 50


def build(project: Project, *, indexed: bool) -> None:
    """People, each with two orders of one line; MariaDB counts no rows of theirs beforehand."""
    index = ", INDEX ({})" if indexed else ""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, closed_at DATETIME)",
        f"CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER{index.format('person_id')})"
        " STATS_PERSISTENT=1 STATS_AUTO_RECALC=0",
        f"CREATE TABLE `lines` (id INTEGER PRIMARY KEY, order_id INTEGER{index.format('order_id')})"
        " STATS_PERSISTENT=1 STATS_AUTO_RECALC=0",
        f"INSERT INTO people SELECT seq, '2020-01-01' FROM seq_1_to_{CHILDREN // 2}",
        f"INSERT INTO orders SELECT seq, 1 + seq DIV 2 FROM seq_1_to_{CHILDREN}",
        f"INSERT INTO `lines` SELECT seq, seq FROM seq_1_to_{CHILDREN}",
    )


def rows_read(connection: Connection) -> int:
    """Rows that the session's statements have read so far, by any way."""
    with connection.begin():
        found = connection.exec_driver_sql("SHOW SESSION STATUS").all()
    return sum(int(value) for name, value in found if name.startswith("Handler_read_"))


@pytest.mark.parametrize("keys", [True, False], ids=["tokens", "counts"])
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "not indexed"])
def test_a_batch_reads_what_goes_or_each_table_a_few_times(
    mariadb_server: str, tmp_path: Path, indexed: bool, keys: bool
) -> None:
    """With an index on the referring column far less than the table; without, no row for each row."""
    with servers.fresh_database(mariadb_server) as url:
        project = Project(tmp_path, url)
        build(project, indexed=indexed)
        database = Database("main", engine_for(url, "main", tmp_path))
        policy = parse_policy(HEAD.format(zone="UTC", url=url) + RULES)
        with database.connected() as connection:
            schema = database.schema(connection, policy)
            plan = make_plan(policy, "main", schema, datetime(2026, 6, 1, tzinfo=UTC))
            (step,) = plan.steps
            eraser = eraser_for(plan, database.dialect, step, bytes, keys=keys, portion=False)
            eraser.prepare(connection)
            before = rows_read(connection)
            with connection.begin():
                taken = eraser.take(connection, KeyWindow(("id",), None, (WINDOW,)), None)
            read = rows_read(connection) - before
        database.engine.dispose()
        project.engine.dispose()
    assert taken.erased == {"people": WINDOW, "orders": 2 * WINDOW - 1, "lines": 2 * WINDOW - 1}
    assert {name: len(found) for name, found in taken.keys.items()} == (
        taken.erased if keys else {}
    )
    assert read < (CHILDREN if indexed else 12 * CHILDREN)
