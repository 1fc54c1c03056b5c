"""What is looked for without an index: `check` tells what that costs, and what ends it."""

from __future__ import annotations

import re

import pytest
from project import Project

RULES = """
[rules.customers]
table = "customers"
start = { latest_of = ["closed_on", "logins.seen_on"] }
delete_after = "1 year"
[rules.threads]
table = "threads"
start = "said_on"
delete_after = "1 year"
together = "topic"
[references]
"orders.customer_id" = "delete"
"logins.customer_id" = { to = "customers.id", then = "delete" }
"notes.owner_id" = { to = { by = "owner_kind", customer = "customers.id" }, then = "delete" }
"payments.order_no" = { to = "orders.reference", then = "delete" }
"parts.order_shop, order_no" = { to = "orders.shop, number", then = "block" }
"badges.customer_id" = { to = "customers.id", then = "leave" }
"""
TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, reference {text},"
    " shop INTEGER, number INTEGER, FOREIGN KEY (customer_id) REFERENCES customers (id))",
    "CREATE TABLE logins (id INTEGER PRIMARY KEY, customer_id INTEGER, seen_on DATE)",
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_id INTEGER, owner_kind VARCHAR(20))",
    "CREATE TABLE payments (id INTEGER PRIMARY KEY, order_no {text})",
    "CREATE TABLE parts (id INTEGER PRIMARY KEY, order_shop INTEGER, order_no INTEGER)",
    "CREATE TABLE badges (id INTEGER PRIMARY KEY, customer_id INTEGER)",
    "CREATE TABLE threads (id INTEGER PRIMARY KEY, topic INTEGER, said_on DATE)",
)
SEARCHED = {
    ("orders", "customer_id"),
    ("orders", "reference"),
    ("orders", "shop and number"),
    ("logins", "customer_id"),
    ("notes", "owner_id"),
    ("payments", "order_no"),
    ("parts", "order_shop and order_no"),
    ("threads", "topic"),
}
NAMES = re.compile(r'^"(\w+)" has no index that begins with ([\w ]+):')


def build(project: Project, rows: int = 1_000) -> None:
    """The tables, and as many rows in all but the customers."""
    text = {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "TEXT"}[project.dialect]
    project.sql(
        *(table.format(text=text) for table in TABLES), "INSERT INTO customers VALUES (1, NULL)"
    )
    for table in ("orders", "logins", "notes", "payments", "parts", "badges", "threads"):
        values = ", ".join(f"({number})" for number in range(1, rows + 1))
        project.sql(f"INSERT INTO {table} (id) VALUES {values}")
    project.policy(RULES)


def told(project: Project) -> dict[tuple[str, str], dict[str, str]]:
    """What `check` says of missing indexes, by table and columns."""
    outcome = project.run("check", "--json")
    assert outcome.code == 0, outcome.err + outcome.out
    found = {}
    for problem in outcome.json["problems"]:
        names = NAMES.match(problem["message"])
        if names:
            assert problem["severity"] == "warning"
            found[names[1], names[2]] = problem
    return found


def carry_out(project: Project, statement: str) -> None:
    """As a person would paste it: alone, in no transaction."""
    engine = project.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def test_every_search_without_an_index_is_told_with_the_statement_that_ends_it(
    project: Project,
) -> None:
    """References, clocks, pairs of columns, text keys and units; what is made is not told again."""
    build(project)
    # InnoDB makes an index for each foreign key
    wanted = SEARCHED - ({("orders", "customer_id")} if project.dialect == "mysql" else set())
    found = told(project)
    assert set(found) == wanted
    assert all(
        "1,000 rows" in problem["message"] or "batch" in problem["message"]
        for problem in found.values()
    )
    assert found["threads", "topic"]["path"] == "rules.threads.together"
    assert (
        found["parts", "order_shop and order_no"]["path"]
        == 'references."parts.order_shop,order_no"'
    )
    for problem in found.values():
        carry_out(project, problem["statement"])
    assert told(project) == {}


def test_on_postgresql_a_declared_key_costs_a_whole_table_for_each_row(project: Project) -> None:
    """There the database itself looks for rows that refer to each row that goes."""
    build(project)
    found = told(project)
    if project.dialect == "postgresql":
        assert "the database reads all 1,000 rows" in found["orders", "customer_id"]["message"]
        assert "every batch reads all" in found["logins", "customer_id"]["message"]
    else:
        assert 'for each row of "customers"' in found["logins", "customer_id"]["message"]


def test_tables_of_few_rows_need_no_index(project: Project) -> None:
    """Below a thousand rows nobody waits, and a fresh schema has none."""
    build(project, 999)
    assert told(project) == {}


def test_an_index_over_some_rows_or_expressions_is_none(project: Project) -> None:
    """Neither finds the rows; one in another order of the columns does, and so does a longer one."""
    build(project)
    project.sql(
        "CREATE INDEX one ON parts (order_no, order_shop, id)",
        "CREATE INDEX two ON notes (owner_kind, owner_id)",
        "CREATE INDEX three ON orders (number)",
    )
    if project.dialect != "mysql":
        project.sql(
            "CREATE INDEX four ON logins (customer_id) WHERE seen_on IS NULL",
            "CREATE INDEX five ON threads (abs(topic))",
        )
    found = set(told(project))
    assert not found & {("parts", "order_shop and order_no"), ("notes", "owner_id")}
    assert {("orders", "shop and number"), ("logins", "customer_id"), ("threads", "topic")} <= found


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_indexes_of_all_partitions_are_those_of_the_table(project: Project) -> None:
    """PostgreSQL: each part has it, or the whole has; where one part lacks it, it is missing."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE)",
        "CREATE TABLE visits (customer_id INTEGER, day INTEGER) PARTITION BY RANGE (day)",
        *(
            f"CREATE TABLE v{it} PARTITION OF visits FOR VALUES FROM ({it}) TO ({it + 1})"
            for it in (0, 1)
        ),
        "INSERT INTO visits SELECT it, mod(it, 2) FROM generate_series(1, 1000) it",
        "CREATE INDEX ON v0 (customer_id)",
    )
    project.policy(
        '[rules.c]\ntable = "customers"\nstart = "closed_on"\ndelete_after = "1 year"\n'
        '[references]\n"visits.customer_id" = { to = "customers.id", then = "delete" }\n'
    )
    found = told(project)
    assert (
        found["visits", "customer_id"]["statement"] == "CREATE INDEX ON public.visits (customer_id)"
    )
    project.sql("CREATE INDEX ON v1 (customer_id)")
    assert told(project) == {}
