"""Text keys, keys of several columns, and keys that several parents have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import servers
from project import Project
from test_declared import NEW, NIGHT, OLD, contents, counted_night, gone_along

RULE = """
[rules.orders]
table = "orders"
start = "closed_on"
delete_after = "1 year"
"""


def orders(project: Project, *rows: tuple[int, str, str], column: str = "VARCHAR(20)") -> None:
    """Orders: id, reference, the day they were closed on."""
    project.sql(
        f"CREATE TABLE orders (id INTEGER PRIMARY KEY, reference {column}, closed_on DATE)",
        *(f"INSERT INTO orders VALUES ({key}, '{name}', {day})" for key, name, day in rows),
    )


def payments(project: Project, *names: str, column: str = "VARCHAR(20)") -> None:
    """Payments 1, 2, … of these order numbers."""
    project.sql(
        f"CREATE TABLE payments (id INTEGER PRIMARY KEY, order_no {column})",
        *(
            f"INSERT INTO payments VALUES ({number}, '{name}')"
            for number, name in enumerate(names, start=1)
        ),
    )


TO_ORDERS = '[references]\n"payments.order_no" = {{ to = "orders.reference", then = {then} }}\n'


def night(project: Project, then: str) -> dict[str, Any]:
    project.policy(RULE + TO_ORDERS.format(then=then))
    return counted_night(project, "orders delete")


def test_a_child_goes_with_the_last_of_its_parents(project: Project) -> None:
    """Orders a are all old, one of the orders b is not; c is the key of one order."""
    orders(project, (1, "a", OLD), (2, "a", OLD), (3, "b", OLD), (4, "b", NEW), (5, "c", OLD))
    payments(project, "a", "b", "c", "d")
    project.policy(RULE + TO_ORDERS.format(then='"delete"'))
    assert gone_along(project, "orders", "1") == []
    assert gone_along(project, "orders", "5") == [("payments", "delete", 1)]
    told = night(project, '"delete"')
    assert (told["erased"], told["counts"]) == (4, {("payments", "delete"): 2})
    assert contents(project, "orders", "payments") == {"orders": [4], "payments": [2, 4]}


def test_a_child_is_detached_with_the_last_of_its_parents(project: Project) -> None:
    """The reference still leads somewhere until then."""
    orders(project, (1, "a", OLD), (2, "a", OLD), (3, "b", OLD), (4, "b", NEW))
    payments(project, "a", "b")
    assert night(project, '"detach", detach_to = ""')["counts"] == {("payments", "detach"): 1}
    assert project.rows("SELECT order_no FROM payments ORDER BY id") == [("",), ("b",)]


def test_a_child_blocks_every_parent(project: Project) -> None:
    """Which of them it means is not known."""
    orders(project, (1, "a", OLD), (2, "a", OLD), (3, "c", OLD))
    payments(project, "a")
    assert night(project, '"block"')["erased"] == 1
    assert contents(project, "orders") == {"orders": [1, 2]}


def test_the_last_parent_may_go_by_another_rule(project: Project) -> None:
    """Each rule takes one of the two; the child goes with the second, and is counted once."""
    orders(project, (1, "a", OLD), (2, "a", OLD))
    payments(project, "a")
    project.policy(
        '[rules.first]\ntable = "orders"\nwhere = "id = 1"\nstart = "closed_on"\n'
        'delete_after = "1 year"\n'
        '[rules.second]\ntable = "orders"\nwhere = "id = 2"\nstart = "closed_on"\n'
        'delete_after = "1 year"\n' + TO_ORDERS.format(then='"delete"')
    )
    project.enroll()
    planned = project.plan(NIGHT)
    told = project.night(NIGHT)
    for found in (planned, told):
        alsos = [also["due"] for rule in found.values() for also in rule["also"]]
        assert sum(alsos) == 1
    done = [also["done"] for rule in told.values() for also in rule["also"]]
    assert sum(done) == 1
    assert contents(project, "orders", "payments") == {"orders": [], "payments": []}


def test_parents_of_one_key_far_apart_take_their_child_once(project: Project) -> None:
    """Windows of the table hold one parent each; the child waits for the last window."""
    names = [(number, f"k{number % 3000}", OLD) for number in range(1, 6001)]
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, reference VARCHAR(20), closed_on DATE)"
    )
    with project.engine.begin() as connection:
        for start in range(0, 6000, 500):
            values = ", ".join(f"({a}, '{b}', {c})" for a, b, c in names[start : start + 500])
            connection.exec_driver_sql(f"INSERT INTO orders VALUES {values}")
    payments(project, "k7", "k8", "k9")
    told = night(project, '"delete"')
    assert told["batches"] > 1 or project.dialect == "postgresql"
    assert (told["erased"], told["counts"]) == (6000, {("payments", "delete"): 3})


def test_a_hold_on_a_shared_child_keeps_all_its_parents(project: Project) -> None:
    """A hold keeps the rows that the row refers to, each of them."""
    orders(project, (1, "a", OLD), (2, "a", OLD), (3, "b", OLD))
    payments(project, "a", "b")
    project.policy(RULE + TO_ORDERS.format(then='"delete"'))
    project.enroll()
    held = project.run(
        "hold", "add", "payments", "1", "--reason", "claim", "--review", "2027-01-31"
    )
    assert held.code == 0, held.err
    project.night(NIGHT)
    assert contents(project, "orders", "payments") == {"orders": [1, 2], "payments": [1]}


def test_keys_of_several_columns(project: Project) -> None:
    """Both columns must be the same; one that is none refers to nothing."""
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, shop INTEGER, number VARCHAR(9),"
        " closed_on DATE, UNIQUE (shop, number))",
        f"INSERT INTO orders VALUES (1, 1, 'x', {OLD}), (2, 2, 'x', {OLD}), (3, 0, 'x', {OLD})",
        "CREATE TABLE items (id INTEGER PRIMARY KEY, shop INTEGER, order_no VARCHAR(9))",
        "INSERT INTO items VALUES (1, 1, 'x'), (2, 2, 'x'), (3, 2, 'y'), (4, 3, 'x'), (5, 0, 'x'),"
        " (6, NULL, 'x')",
    )
    for label, to in (
        ("items.shop, items.order_no", "orders.shop, orders.number"),
        ("items.shop, order_no", "orders.shop, number"),
    ):
        project.policy(f'{RULE}[references]\n"{label}" = {{ to = "{to}", then = "delete" }}\n')
        assert project.run("check").code == 0
    told = counted_night(project, "orders delete")
    assert (told["erased"], told["counts"]) == (3, {("items", "delete"): 2})
    assert contents(project, "items") == {"items": [3, 4, 5, 6]}


def test_the_column_referred_to_decides_what_one_key_is(project: Project) -> None:
    """Where the parent's column knows no case, 'ab' is the order AB; where it does, it is not."""
    blind, seeing = {
        "sqlite": ("TEXT COLLATE NOCASE UNIQUE", "TEXT UNIQUE"),
        "postgresql": ("VARCHAR(20) UNIQUE", 'VARCHAR(20) COLLATE "C" UNIQUE'),
        "mysql": (
            "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci UNIQUE",
            "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin UNIQUE",
        ),
    }[project.dialect]
    text = "VARCHAR(20)"
    if project.dialect == "mysql":
        text += " CHARACTER SET latin1 COLLATE latin1_swedish_ci"
    project.sql(
        f"CREATE TABLE orders (id INTEGER PRIMARY KEY, a {blind}, b {seeing}, closed_on DATE)",
        f"INSERT INTO orders VALUES (1, 'AB', 'AB', {OLD})",
        f"CREATE TABLE x (id INTEGER PRIMARY KEY, a {text})",
        f"CREATE TABLE y (id INTEGER PRIMARY KEY, b {text})",
        "INSERT INTO x VALUES (1, 'AB'), (2, 'ab')",
        "INSERT INTO y VALUES (1, 'AB'), (2, 'ab')",
    )
    project.policy(
        RULE + '[references]\n"x.a" = { to = "orders.a", then = "delete" }\n'
        '"y.b" = { to = "orders.b", then = "delete" }\n'
    )
    told = counted_night(project, "orders delete")
    blind_takes = 1 if project.dialect == "postgresql" else 2
    assert told["counts"] == {("x", "delete"): blind_takes, ("y", "delete"): 1}


def test_an_enforced_key_without_case_is_followed_as_the_database_does(project: Project) -> None:
    """What the database would cascade to, we take first and count."""
    collation = {"sqlite": "COLLATE NOCASE", "mysql": "COLLATE utf8mb4_general_ci"}
    own = collation.get(project.dialect, "")
    project.sql(
        f"CREATE TABLE orders (id INTEGER, code VARCHAR(9) {own} PRIMARY KEY, closed_on DATE)",
        f"INSERT INTO orders VALUES (1, 'AB', {OLD})",
        f"CREATE TABLE items (id INTEGER PRIMARY KEY,"
        f" code VARCHAR(9) {'' if project.dialect == 'sqlite' else own},"
        " FOREIGN KEY (code) REFERENCES orders (code) ON DELETE CASCADE)",
        "INSERT INTO items VALUES (2, 'AB'), (3, NULL)",
    )
    if own:
        project.sql("INSERT INTO items VALUES (1, 'ab')")
    project.policy(RULE + '[references]\n"*" = "as declared"\n')
    told = counted_night(project, "orders delete")
    assert told["counts"] == {("items", "delete"): 2 if own else 1}
    assert contents(project, "items") == {"items": [3]}


def test_two_columns_of_one_row_are_detached_in_one_batch(project: Project) -> None:
    """Each reference that is cut is counted, and neither is left behind."""
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, closed_on DATE)",
        f"INSERT INTO orders VALUES (1, {OLD}), (2, {OLD}), (3, {NEW})",
        "CREATE TABLE links (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER,"
        " FOREIGN KEY (a) REFERENCES orders (id), FOREIGN KEY (b) REFERENCES orders (id))",
        "INSERT INTO links VALUES (1, 1, 2), (2, 1, 3), (3, 3, 3)",
    )
    project.policy(RULE + '[references]\n"links.a" = "detach"\n"links.b" = "detach"\n')
    assert counted_night(project, "orders delete")["counts"] == {("links", "detach"): 3}
    assert project.rows("SELECT * FROM links ORDER BY id") == [
        (1, None, None),
        (2, None, 3),
        (3, 3, 3),
    ]


def test_a_shared_key_that_mariadb_enforces_is_a_fault(mariadb_server: str, tmp_path: Path) -> None:
    """InnoDB takes a foreign key to a column that is not unique, and then lets no parent go alone."""
    with servers.fresh_database(mariadb_server) as url:
        project = Project(tmp_path, url)
        project.sql(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number INTEGER, closed_on DATE,"
            " KEY (number))",
            "CREATE TABLE payments (id INTEGER PRIMARY KEY, number INTEGER,"
            " FOREIGN KEY (number) REFERENCES orders (number))",
        )
        project.policy(RULE + '[references]\n"payments.number" = "delete"\n')
        outcome = project.run("check")
        assert outcome.code == 2
        assert "lets none of them go before the last" in outcome.out + outcome.err
        project.policy(RULE + '[references]\n"payments.number" = "block"\n')
        assert project.run("check").code == 0
