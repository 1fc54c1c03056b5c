"""The dry run: writes nothing, shows what a run does, and holds no secret."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from project import Project
from test_one_scan import statements

from retention.cli.context import load_listed
from retention.connections import engine_for
from retention.databases.database import Database
from retention.execution.preview import preview
from retention.planning.make import make_plan

NIGHT = datetime(2026, 6, 1, tzinfo=UTC)
RULE = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"
"""


def logs(project: Project) -> None:
    """Two lines of a log, one of them old."""
    project.sql(
        "create table logs (id integer primary key, at date)",
        "insert into logs values (1, '2020-01-01')",
        "insert into logs values (2, '2026-05-01')",
    )
    project.policy(RULE)


def test_a_role_that_may_only_read_suffices(server_project: Project) -> None:
    """`plan` works with SELECT alone; `run` with the same role changes nothing and says so."""
    logs(server_project)
    server_project.enroll()
    url, name = sa.make_url(server_project.url), f"r_{uuid.uuid4().hex[:12]}"
    if server_project.dialect == "postgresql":
        grants = [f"CREATE ROLE {name} LOGIN PASSWORD 'canary'"]
        grants += [f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"]
    else:
        grants = [f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'canary'"]
        grants += [f"GRANT SELECT ON {url.database}.* TO '{name}'@'localhost'"]
    server_project.sql(*grants)
    reader = url.set(username=name, password="canary").render_as_string(hide_password=False)
    text = server_project.config.read_text()
    server_project.config.write_text(text.replace(server_project.url, reader))
    try:
        assert server_project.plan("2026-06-01")["logs delete"]["due"] == 1
        outcome = server_project.run("run", "--all", "--at", "2026-06-01")
        assert outcome.code == 1
        assert "canary" not in outcome.out + outcome.err
        assert server_project.value("select count(*) from logs") == 2
        ledger = (server_project.folder / "ledger.db").read_bytes()
        assert b"canary" not in ledger
    finally:
        if server_project.dialect == "postgresql":
            server_project.sql(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
        else:
            server_project.sql(f"DROP USER '{name}'@'localhost'")


def test_a_plan_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    """Neither the database nor its folder changes by a byte."""
    folder = tmp_path
    database = folder / "data.db"
    database.touch()
    project = Project(folder, f"sqlite:///{database}")
    logs(project)
    project.engine.dispose()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert project.plan("2026-06-01")["logs delete"]["due"] == 1
    assert project.run("plan", "--sql", "--at", "2026-06-01").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_statements_of_a_plan_can_be_run_by_hand(project: Project) -> None:
    """`plan --sql` prints the rows a step takes as a SELECT that the engine understands."""
    logs(project)
    project.enroll()
    outcome = project.run("plan", "--sql", "--at", "2026-06-01")
    statement = outcome.out.split(";\n")[0].split("\n", 1)[1]
    assert project.rows(statement) == [(1,)]


def test_rules_are_counted_alone_when_asked_for(project: Project) -> None:
    """`--rule` shows that rule and no other; an unknown one is a fault."""
    logs(project)
    assert project.run("plan", "--rule", "logs").code == 0
    outcome = project.run("plan", "--rule", "lgos")
    assert outcome.code == 2
    assert 'there is no rule "lgos"' in outcome.err


MANY = """
[references]
"*" = "as declared"
"orders.customer_id" = "delete"
"positions.order_id" = "delete"
"""


def test_many_rules_on_one_table_see_what_the_others_take(project: Project) -> None:
    """Eight rules over customers with orders and positions: each row goes once, and is told of."""
    project.sql(
        "create table customers (id integer primary key, kind varchar(9), closed_at date)",
        "create table orders (id integer primary key, customer_id integer not null"
        " references customers(id))",
        "create table positions (id integer primary key, order_id integer not null"
        " references orders(id))",
    )
    for key in range(1, 33):
        kind, closed = f"k{key % 8}", "'2020-01-01'" if key % 3 else "null"
        project.sql(
            f"insert into customers values ({key}, '{kind}', {closed})",
            f"insert into orders values ({key}, {key})",
            f"insert into positions values ({key}, {key})",
        )
    rules = "".join(
        f'[rules.r{number}]\ntable = "customers"\nstart = "closed_at"\ndelete_after = "1 year"\n'
        f"""where = "kind = 'k{number}' or kind = 'k{(number + 1) % 8}'"\n"""
        for number in range(8)
    )
    project.policy(rules + MANY)
    project.enroll()
    planned = project.plan("2026-06-01")
    closed = project.value("select count(*) from customers where closed_at is not null")
    assert sum(step["due"] for step in planned.values()) == closed
    before = project.value("select count(*) from positions")
    assert project.run("run", "--all", "--at", "2026-06-01").code == 0
    left = project.value("select count(*) from customers where closed_at is not null")
    assert (left, project.value("select count(*) from positions")) == (0, before - closed)
    told = project.run("explain", "customers", "3", "--at", "2026-06-01", "--sql")
    assert told.code == 0


def test_holds_are_asked_for_row_by_row_only_while_there_are_some(project: Project) -> None:
    """The statement that counts, and what it counts, before a hold, under it and after it."""
    logs(project)
    project.enroll()

    def counted() -> tuple[int, int, bool]:
        policy = load_listed(project.config).policy
        database = Database("main", engine_for(project.url, "main", project.folder))
        with database.connected() as connection, statements(database.engine) as asked:
            plan = make_plan(policy, "main", database.schema(connection, policy), NIGHT)
            asked.clear()
            (count,) = preview(database, connection, plan)
        database.engine.dispose()
        return count.due, count.held, any("row_key" in text for text in asked)

    assert counted() == (1, 0, False)
    hold = project.run("hold", "add", "logs", "1", "--reason", "a claim").out.strip()
    assert counted() == (0, 1, True)
    assert project.run("hold", "release", hold).code == 0
    assert counted() == (1, 0, False)
