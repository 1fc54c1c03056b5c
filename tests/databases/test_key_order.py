"""Windows of a key of several columns: exact on every engine, and sought by all columns."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import servers
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import HEAD, Project

from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.erasing.erase_cte import CteEraser
from retention.databases.erasing.windows import KeyWindow, PageWindow
from retention.databases.key_order import after, up_to
from retention.planning.make import make_plan
from retention.policies.parse import parse_policy

KEYS = st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3))
COLUMNS = ("a", "b", "c")
VISITS = """
[rules.visits]
table = "visits"
start = "at"
delete_after = "1 year"
"""
TENANTS = (
    "CREATE TABLE visits (tenant INTEGER NOT NULL, id INTEGER NOT NULL, at TEXT,"
    " PRIMARY KEY (tenant, id))"
)


def explained(connection: sa.Connection, word: str, query: sa.Executable) -> list[str]:
    """How the engine would carry the statement out, its values bound as they are."""
    compiled = query.compile(connection)
    values = compiled.params
    bound = tuple(values[name] for name in compiled.positiontup) if compiled.positional else values
    return [str(line[-1]) for line in connection.exec_driver_sql(f"{word} {compiled}", bound)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(KEYS, min_size=1, max_size=12), KEYS)
def test_rows_after_a_key_and_up_to_it_are_those_of_its_order(
    database_url: str, keys: set[tuple[int, int, int]], edge: tuple[int, int, int]
) -> None:
    """As Python orders tuples; every row is on one side."""
    engine = sa.create_engine(database_url)
    row = sa.table("numbered", *map(sa.column, COLUMNS))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS numbered")
        connection.exec_driver_sql(
            "CREATE TABLE numbered (a integer, b integer, c integer, PRIMARY KEY (a, b, c))"
        )
        values = ", ".join(map(str, keys))
        connection.exec_driver_sql(f"INSERT INTO numbered VALUES {values}")
        for test, wanted in (
            (after(row, COLUMNS, edge), {key for key in keys if key > edge}),
            (up_to(row, COLUMNS, edge), {key for key in keys if key <= edge}),
            (sa.not_(after(row, COLUMNS, edge)), {key for key in keys if key <= edge}),
        ):
            assert {
                tuple(found) for found in connection.execute(sa.select(row).where(test))
            } == wanted
    engine.dispose()


def test_sqlite_seeks_every_column_of_the_key(tmp_path: Path) -> None:
    """One tenant may have all rows: a window reads its own, not the tenant's."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'data.db'}")
    row = sa.table("visits", sa.column("tenant"), sa.column("id"), sa.column("at"))
    query = sa.delete(row).where(KeyWindow(("tenant", "id"), (1, 5), (1, 9)).holds(row))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"{TENANTS} WITHOUT ROWID")
        (found,) = explained(connection, "EXPLAIN QUERY PLAN", query)
    assert "(tenant,id)>(?,?) AND (tenant,id)<(?,?)" in found
    engine.dispose()


@pytest.mark.parametrize("rowid", ["", "WITHOUT ROWID"])
def test_a_night_over_a_table_without_rowids_takes_what_is_due(tmp_path: Path, rowid: str) -> None:
    """Window by window along its key, in a few batches."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(
        f"{TENANTS} {rowid}",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
        " INSERT INTO visits SELECT i %% 2, i, CASE WHEN i %% 3 THEN '2020-01-01' ELSE '2026-05-01' END"
        " FROM n".replace("%%", "%"),
    )
    project.policy(VISITS)
    project.enroll()
    found = project.night("2026-06-01")["visits delete"]
    assert found["erased"] == 6000
    assert 2 <= found["batches"] <= 5
    assert project.value("SELECT count(*) FROM visits") == 3000


def test_postgresql_reads_doomed_rows_at_their_addresses(
    postgresql_server: str, tmp_path: Path
) -> None:
    """With a child that has no index a scan of the parents for each row looked as cheap."""
    with servers.fresh_database(postgresql_server) as url:
        project = Project(tmp_path, url)
        project.sql(
            "CREATE TABLE visits (id integer PRIMARY KEY, at timestamp, filler text)",
            "CREATE TABLE pages (id integer PRIMARY KEY, visit integer, filler text)",
            "INSERT INTO visits SELECT n, '2020-01-01', repeat('x', 300)"
            " FROM generate_series(1, 3000) n",
            "INSERT INTO pages SELECT n, n, repeat('x', 60) FROM generate_series(1, 60000) n",
            "ANALYZE",
        )
        rules = VISITS + '[references]\n"pages.visit" = { to = "visits.id", then = "delete" }\n'
        project.policy(rules)
        project.enroll()
        database = Database("main", engine_for(url, "main", tmp_path))
        policy = parse_policy(HEAD.format(zone="UTC", url=url) + rules)
        with database.connected() as connection:
            schema = database.schema(connection, policy)
            plan = make_plan(policy, "main", schema, datetime(2026, 6, 1, tzinfo=UTC))
            eraser = CteEraser(plan, database.dialect, plan.steps[0], keys=False)
            query = eraser.statement(PageWindow(0, 64), None)
            told = "\n".join(explained(connection, "EXPLAIN", query))
        database.engine.dispose()
        project.engine.dispose()
    assert "Tid Scan on visits" in told
    assert "Nested Loop" not in told.split("CTE gone_0")[1].split("CTE")[0]
