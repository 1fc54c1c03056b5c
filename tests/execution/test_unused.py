"""`when_unused`: the row referred to goes with the last row that uses it, on every engine."""

from __future__ import annotations

from typing import Any

import pytest
from project import Project

AT = "2026-06-01"
TABLES = (
    "create table cities (id integer primary key, name varchar(20))",
    "create table addresses (id integer primary key, city_id integer null, since date null,"
    " street varchar(20) null, foreign key (city_id) references cities (id))",
    "create table customers (id integer primary key, address_id integer null, closed date null,"
    " foreign key (address_id) references addresses (id))",
    "create table orders (id integer primary key, customer_id integer, ship_to integer null,"
    " foreign key (customer_id) references customers (id),"
    " foreign key (ship_to) references addresses (id))",
    "create table stores (id integer primary key, address_id integer null,"
    " foreign key (address_id) references addresses (id))",
    "create table visits (id integer primary key, address_id integer null)",
)
RULES = """
[rules.customers]
table = "customers"
start = "closed"
delete_after = "1 year"
[references]
"customers.address_id" = { then = "block", when_unused = "delete" }
"orders.customer_id" = "delete"
"orders.ship_to" = "block"
"stores.address_id" = "block"
"addresses.city_id" = "block"
"visits.address_id" = { to = "addresses.id", then = "leave" }
"""


def shop(project: Project, rules: str = RULES) -> None:
    """Addresses used by one customer, by two, by a store, by an order, and by nobody."""
    project.sql(
        *TABLES,
        "insert into cities values (1, 'a'), (2, 'b')",
        "insert into addresses values (1, 1, null, 'alone'), (2, 2, null, 'shared'),"
        " (3, 2, null, 'store'), (4, 2, null, 'two leave'), (5, 2, null, 'order'),"
        " (6, 2, null, 'nobody'), (7, 2, '2026-01-01', 'visited')",
        "insert into customers values (1, 1, '2020-01-01'), (2, 2, '2020-01-01'), (3, 2, null),"
        " (4, 3, '2020-01-01'), (5, 4, '2020-01-01'), (6, 4, '2020-01-01'),"
        " (7, null, '2020-01-01'), (8, 7, '2020-01-01')",
        "insert into orders values (1, 7, 5), (2, 3, 2)",
        "insert into stores values (1, 3)",
        "insert into visits values (1, 7), (2, 6)",
    )
    project.policy(rules)
    project.enroll()


def along(found: dict[str, Any], key: str = "done") -> dict[tuple[str, str], int]:
    """What went along with a rule's rows."""
    return {(item["table"], item["action"]): item[key] for item in found["also"] if item[key]}


def left(project: Project, table: str) -> list[int]:
    """The keys of the rows still there."""
    return [key for (key,) in project.rows(f"select id from {table} order by id")]


def run_as_planned(project: Project, step: str) -> dict[str, Any]:
    """One night that does what was planned, in the ledger too; the next finds nothing to do."""
    planned = project.plan(AT)
    before = {table: len(left(project, table)) for table in ("addresses", "cities", "customers")}
    done = project.night(AT)
    for name, found in done.items():
        assert found["due"] == planned[name]["due"]
        assert along(found) == along(planned[name], "due"), name
    report = project.run("report", "last", "--json").json
    for table, count in before.items():
        committed = [found for found in report["committed"] if found["table"] == table]
        erased = sum(found["erased"] for found in committed)
        assert erased == count - len(left(project, table)), table
    again = project.night(AT)
    assert all(found["due"] == 0 and not along(found) for found in again.values())
    return done[step]


def test_a_row_goes_with_the_last_row_that_uses_it(project: Project) -> None:
    """Not while a customer, an order or a store refers to it; an old orphan is not ours."""
    shop(project)
    found = run_as_planned(project, "customers delete")
    assert along(found) == {("orders", "delete"): 1, ("addresses", "delete"): 4}
    assert left(project, "addresses") == [2, 3, 6]


def test_what_an_unused_row_uses_may_go_unused_with_it(project: Project) -> None:
    """The city goes with its last address, in the same batch."""
    shop(project, RULES.replace('"addresses.city_id" = "block"', CITY))
    found = run_as_planned(project, "customers delete")
    assert along(found)[("cities", "delete")] == 1
    assert left(project, "cities") == [2]


CITY = '"addresses.city_id" = { then = "block", when_unused = "delete" }'
KEPT = """
[rules.addresses]
table = "addresses"
start = "since"
keep_at_least = "1 year"
where = "street = 'visited'"
"""


def test_a_floor_or_a_hold_keeps_the_row_referred_to(project: Project) -> None:
    """The customer goes; its address stays while it must."""
    shop(project, KEPT + RULES)
    held = project.run("hold", "add", "addresses", "1", "--reason", "claim")
    assert held.code == 0, held.err
    found = run_as_planned(project, "customers delete")
    assert found["erased"] == 7
    assert left(project, "addresses") == [1, 2, 3, 6, 7]


def test_the_last_user_takes_the_row_whichever_rule_it_falls_under(project: Project) -> None:
    """An order's address goes with the order's own rule, one night or one step later."""
    rules = """
[rules.stores]
table = "stores"
delete_when = "id = 1"
"""
    shop(project, rules + RULES)
    done = run_as_planned(project, "stores delete")
    assert left(project, "addresses") == [2, 6]
    assert done["erased"] == 1


def test_a_hold_on_a_row_that_went_unused_is_forgotten_with_it(project: Project) -> None:
    """A released hold names a row; it goes with the row."""
    shop(project)
    placed = project.run("hold", "add", "addresses", "1", "--reason", "x")
    assert placed.code == 0, placed.err
    released = project.run("hold", "release", placed.out.strip())
    assert released.code == 0, released.err
    run_as_planned(project, "customers delete")
    assert project.value("select count(*) from retention_hold") == 0


@pytest.mark.parametrize("portion", [1, 2])
def test_two_users_in_two_batches_the_last_takes_it(project: Project, portion: int) -> None:
    """With one or two rows a night the shared address goes with the second of its users."""
    shop(project)
    text = project.config.read_text()
    limit = f'rows_per_run = {portion}\nover_limit = "portion"'
    project.config.write_text(text.replace("rows_per_run = 1_000_000", limit))
    for _ in range(7):
        found = project.night(AT)["customers delete"]
        users = project.value("select count(*) from customers where address_id = 4")
        assert project.value("select count(*) from addresses where id = 4") == (1 if users else 0)
        assert found["erased"] <= portion
    assert left(project, "addresses") == [2, 3, 6]


def test_explain_says_what_a_row_takes_along_and_who_uses_it(project: Project) -> None:
    """A customer's story counts the address that goes with it; an address's counts its users."""
    shop(project)
    alone = project.run("explain", "customers", "1", "--json", "--at", AT).json
    assert [rule["also"] for rule in alone["rules"]] == [[ADDRESS]]
    shared = project.run("explain", "customers", "2", "--json", "--at", AT).json
    assert [rule["also"] for rule in shared["rules"]] == [[]]
    used = project.run("explain", "addresses", "2", "--json", "--at", AT).json
    assert used["notes"] == ["it goes with the last row that uses it; rows that use it now: 3"]


ADDRESS = {"table": "addresses", "action": "delete", "rows": 1}


def test_when_unused_cannot_go_in_circles(project: Project) -> None:
    """Rows that use rows of their own table are refused by `check`."""
    project.sql(
        "create table people (id integer primary key, boss integer null, gone date,"
        " foreign key (boss) references people (id))"
    )
    project.policy(
        """
[rules.people]
table = "people"
start = "gone"
delete_after = "1 year"
[references]
"people.boss" = { then = "block", when_unused = "delete" }
"""
    )
    outcome = project.run("check")
    assert outcome.code == 2
    assert 'rows of "people" use rows of "people" in the end' in outcome.out + outcome.err


MASKED = """
[rules.customers]
table = "customers"
start = "closed"
delete_after = "1 year"
[rules.customers.anonymize]
"addresses.street" = { text = "gone" }
[references]
"customers.address_id" = { then = "block", when_unused = "anonymize" }
"orders.customer_id" = "delete"
"orders.ship_to" = "block"
"stores.address_id" = "block"
"addresses.city_id" = "block"
"visits.address_id" = { to = "addresses.id", then = "leave" }
"""


def test_a_row_that_must_stay_is_masked_with_its_last_user(project: Project) -> None:
    """`when_unused = "anonymize"`: the address stays, without what the rule masks in it."""
    shop(project, MASKED)
    found = run_as_planned(project, "customers delete")
    assert along(found) == {("orders", "delete"): 1, ("addresses", "anonymize"): 4}
    assert left(project, "addresses") == [1, 2, 3, 4, 5, 6, 7]
    masked = project.rows("select id from addresses where street = 'gone' order by id")
    assert masked == [(1,), (4,), (5,), (7,)]


def test_masks_for_unused_rows_must_be_written(project: Project) -> None:
    """A decision to mask what no rule says how to mask is a fault."""
    shop(project, RULES.replace('when_unused = "delete"', 'when_unused = "anonymize"'))
    outcome = project.run("check")
    assert outcome.code == 2
    assert 'rows of "addresses" are to be masked when unused' in outcome.out + outcome.err
