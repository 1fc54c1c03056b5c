"""Rows of other tables change while a batch waits for them: it decides by what was committed."""

from __future__ import annotations

import pytest
from harness import night, story_of, wait_for_a_waiter
from project import Outcome, Project

CUSTOMERS = """
[rules.customers]
table = "customers"
start = {start}
delete_after = "1 year"
[references]
"orders.customer_id" = "{orders}"
"order_lines.order_id" = "{lines}"
"""
FLOOR = """
[rules.law]
table = "{table}"
start = "{column}"
keep_at_least = "5 years"
"""
CLOSED = '"closed"'
LATEST = '{ latest_of = ["closed", "orders.placed"] }'
CASCADES = pytest.mark.parametrize("on_delete", ["", "ON DELETE CASCADE"])


def policy_of(start: str = CLOSED, orders: str = "delete", lines: str = "delete") -> str:
    return CUSTOMERS.format(start=start, orders=orders, lines=lines)


def shop(project: Project, policy: str, on_delete: str = "", *more: str) -> None:
    """Two customers, long due, each with one order of one line."""
    project.sql(
        "CREATE TABLE customers (id integer PRIMARY KEY, closed date, status varchar(9),"
        " note varchar(9))",
        "CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, placed date,"
        f" note varchar(9), FOREIGN KEY (customer_id) REFERENCES customers (id) {on_delete})",
        "CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer, made date,"
        f" FOREIGN KEY (order_id) REFERENCES orders (id) {on_delete})",
        "CREATE INDEX order_customer ON orders (customer_id)",
        "CREATE INDEX line_order ON order_lines (order_id)",
        "INSERT INTO customers VALUES (1, '2015-01-01', 'closed', 'x')",
        "INSERT INTO customers VALUES (2, '2015-01-01', 'closed', 'x')",
        "INSERT INTO orders VALUES (11, 1, '2015-01-01', 'x'), (21, 2, '2015-01-01', 'x')",
        "INSERT INTO order_lines VALUES (111, 11, '2015-01-01'), (211, 21, '2015-01-01')",
        *more,
    )
    project.policy(policy)
    project.enroll()


def night_beside(project: Project, *statements: str) -> Outcome:
    """A night that waits for a session which has done these statements, and then commits."""
    with project.engine.connect() as connection, connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)
        run = night(project)
        wait_for_a_waiter(project, run)
    outcome = run.end()
    assert outcome.code == 0, outcome.out + outcome.err
    return outcome


def keys(project: Project) -> dict[str, list[int]]:
    """What is left, by table."""
    tables = ("customers", "orders", "order_lines")
    return {
        name: [key for (key,) in project.rows(f"SELECT id FROM {name} ORDER BY id")]
        for name in tables
    }


SECOND = {"customers": [2], "orders": [21], "order_lines": [211]}


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        (
            policy_of() + FLOOR.format(table="orders", column="placed"),
            "UPDATE orders SET placed = '2026-05-30' WHERE id = 21",
        ),
        (policy_of(LATEST), "UPDATE orders SET placed = '2026-05-30' WHERE id = 21"),
        (
            policy_of() + FLOOR.format(table="order_lines", column="made"),
            "UPDATE order_lines SET made = '2026-05-30' WHERE id = 211",
        ),
    ],
    ids=["floor", "clock", "floor below"],
)
def test_a_row_that_is_kept_meanwhile_keeps_those_above_it(
    server_project: Project, policy: str, change: str
) -> None:
    """A date that an application extends while the batch waits for its row is the one that counts."""
    shop(server_project, policy)
    night_beside(server_project, change)
    assert keys(server_project) == SECOND


@CASCADES
@pytest.mark.parametrize("floor", ["", FLOOR.format(table="order_lines", column="made")])
def test_a_row_that_comes_two_levels_down_is_counted_or_keeps_all(
    server_project: Project, floor: str, on_delete: str
) -> None:
    """No cascade of the database takes a row that the ledger does not have."""
    shop(server_project, policy_of() + floor, on_delete)
    night_beside(server_project, "INSERT INTO order_lines VALUES (999, 21, '2026-05-30')")
    left = keys(server_project)
    if floor:
        assert left == {**SECOND, "order_lines": [211, 999]}
    else:
        assert left == {"customers": [], "orders": [], "order_lines": []}
    assert story_of(server_project).counts()["order_lines"] == 3 - len(left["order_lines"])


def test_a_blocking_row_that_comes_two_levels_down_keeps_all(server_project: Project) -> None:
    """It is there before the batch decides, though the database would cascade."""
    policy = policy_of(lines="block")
    shop(server_project, policy, "ON DELETE CASCADE", "DELETE FROM order_lines")
    night_beside(server_project, "INSERT INTO order_lines VALUES (999, 21, '2026-05-30')")
    assert keys(server_project) == {**SECOND, "order_lines": [999]}


def test_a_detached_row_that_starts_the_clock_anew_keeps_its_owner(server_project: Project) -> None:
    """The row that is to lose its owner is locked before it is read."""
    shop(server_project, policy_of(LATEST, orders="detach", lines="leave"))
    night_beside(server_project, "UPDATE orders SET placed = '2026-05-30' WHERE id = 21")
    assert server_project.rows("SELECT customer_id FROM orders ORDER BY id") == [(None,), (2,)]
    assert keys(server_project)["customers"] == [2]


def test_a_masked_row_below_that_starts_the_clock_anew_keeps_its_owner(
    server_project: Project,
) -> None:
    """The same where the rows below are masked with it."""
    masks = """
[rules.customers]
table = "customers"
start = { latest_of = ["closed", "orders.placed"] }
anonymize_after = "1 year"
[rules.customers.anonymize]
note = "null"
"orders.note" = "null"
"""
    shop(server_project, masks)
    night_beside(server_project, "UPDATE orders SET placed = '2026-05-30' WHERE id = 21")
    for table in ("customers", "orders"):
        assert server_project.rows(f"SELECT note FROM {table} ORDER BY id") == [(None,), ("x",)]


@pytest.mark.parametrize("action", ["delete_after", "anonymize_after"])
@pytest.mark.parametrize(
    ("condition", "floor"),
    [
        ("where = \"customers.status = 'closed'\"", ""),
        ("unless = { open = \"customers.status = 'open'\" }", ""),
        ("", FLOOR.format(table="orders", column="customers.closed")),
    ],
    ids=["where", "unless", "floor"],
)
def test_a_row_referred_to_that_changes_with_the_row_decides(
    server_project: Project, condition: str, floor: str, action: str
) -> None:
    """One transaction changes the row that the batch waits for and the row that its rule reads."""
    protected = '[rules.orders.anonymize]\nnote = "null"' if action.startswith("anon") else ""
    if floor and protected:
        floor += 'protects = ["note"]\n'
    shop(
        server_project,
        f"""
[rules.orders]
table = "orders"
start = "placed"
{action} = "1 year"
{condition}
{protected}
{floor}
""",
        "",
        "DROP TABLE order_lines",
    )
    server_project.sql("UPDATE customers SET closed = '2015-01-01'")
    night_beside(
        server_project,
        "UPDATE orders SET customer_id = 2 WHERE id = 21",
        "UPDATE customers SET status = 'open', closed = '2026-05-30' WHERE id = 2",
    )
    found = server_project.rows("SELECT id FROM orders WHERE note = 'x'")
    assert found == [(21,)]


def test_a_tree_whose_clock_is_started_anew_below_stays(server_project: Project) -> None:
    """Rows that go with rows of their own table: what their clock reads is locked as well."""
    server_project.sql(
        "CREATE TABLE people (id integer PRIMARY KEY, boss integer, closed date,"
        " FOREIGN KEY (boss) REFERENCES people (id))",
        "CREATE TABLE visits (id integer PRIMARY KEY, person integer, made date,"
        " FOREIGN KEY (person) REFERENCES people (id))",
        "CREATE INDEX boss_of ON people (boss)",
        "CREATE INDEX person_of ON visits (person)",
        "INSERT INTO people VALUES (1, NULL, '2015-01-01'), (2, NULL, '2015-01-01')",
        "INSERT INTO people VALUES (11, 1, NULL), (21, 2, NULL)",
        "INSERT INTO visits VALUES (100, 1, '2015-01-01'), (200, 2, '2015-01-01')",
    )
    server_project.policy("""
[rules.people]
table = "people"
start = { latest_of = ["closed", "visits.made"] }
delete_after = "1 year"
[references]
"people.boss" = "delete"
"visits.person" = "delete"
""")
    server_project.enroll()
    night_beside(server_project, "UPDATE visits SET made = '2026-05-30' WHERE id = 200")
    assert server_project.rows("SELECT id FROM people ORDER BY id") == [(2,), (21,)]
    assert server_project.rows("SELECT id FROM visits") == [(200,)]
