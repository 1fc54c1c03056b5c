"""Masks of rows referred to: applied when only rows that the same rule anonymized use them."""

from __future__ import annotations

from project import Project
from test_unused import AT, TABLES, along, left, run_as_planned

RULES = """
[rules.customers]
table = "customers"
start = "closed"
anonymize_after = "1 year"
[rules.customers.anonymize]
name = {{ text = "gone" }}
"addresses.street" = {{ text = "gone" }}
{more}
[references]
"visits.address_id" = {{ to = "addresses.id", then = "leave" }}
"""


def shop(project: Project, more: str = "") -> None:
    """Addresses of one old customer, of two, of an old and a current one, and with a store."""
    project.sql(
        *TABLES,
        "alter table customers add column name varchar(20) null",
        "insert into cities values (1, 'a'), (2, 'b')",
        "insert into addresses values (1, 1, null, 'alone'), (2, 2, null, 'with a current one'),"
        " (3, 2, null, 'store'), (4, 2, null, 'both old'), (5, 2, null, 'order'),"
        " (6, 2, null, 'nobody'), (7, 1, '2026-01-01', 'visited')",
        "insert into customers values (1, 1, '2020-01-01', 'x'), (2, 2, '2020-01-01', 'x'),"
        " (3, 2, null, null), (4, 3, '2020-01-01', 'x'), (5, 4, '2020-01-01', 'x'),"
        " (6, 4, '2020-01-01', 'x'), (7, null, '2020-01-01', 'x'), (8, 7, '2020-01-01', 'x')",
        "insert into orders values (1, 7, 5)",
        "insert into stores values (1, 3)",
        "insert into visits values (1, 7), (2, 6)",
    )
    project.policy(RULES.format(more=more))
    project.enroll()


def masked(project: Project) -> list[int]:
    """The addresses that are masked."""
    return [key for (key,) in project.rows("select id from addresses where street = 'gone'")]


def test_an_address_is_masked_when_only_anonymized_rows_use_it(project: Project) -> None:
    """A customer with nothing to mask who is not due uses the address still; a store does, too."""
    shop(project)
    found = run_as_planned(project, "customers anonymize")
    assert found["anonymized"] == 7
    assert along(found) == {("addresses", "anonymize"): 3}
    assert sorted(masked(project)) == [1, 4, 7]


def test_the_last_of_two_users_is_anonymized_years_later(project: Project) -> None:
    """The first night leaves the shared address, a later one masks it for both."""
    shop(project)
    project.sql("update customers set closed = '2026-01-01', name = 'y' where id = 3")
    run_as_planned(project, "customers anonymize")
    assert 2 not in masked(project)
    project.sql("update customers set closed = '2025-01-01' where id = 3")
    found = run_as_planned(project, "customers anonymize")
    assert (found["anonymized"], along(found)) == (1, {("addresses", "anonymize"): 1})
    assert 2 in masked(project)


def test_rows_that_share_what_is_left_to_mask_are_counted_once(project: Project) -> None:
    """Both users were anonymized long ago; one of them answers for the address, whatever batch."""
    shop(project)
    run_as_planned(project, "customers anonymize")
    project.sql("update addresses set street = 'new' where id = 4")
    found = run_as_planned(project, "customers anonymize")
    assert (found["anonymized"], along(found)) == (1, {("addresses", "anonymize"): 1})


def test_masks_reach_two_steps_up(project: Project) -> None:
    """The city is masked when all its addresses are used by nothing but anonymized rows."""
    shop(project, '"cities.name" = "null"')
    found = run_as_planned(project, "customers anonymize")
    assert along(found) == {("addresses", "anonymize"): 3, ("cities", "anonymize"): 1}
    assert project.rows("select id from cities where name is null") == [(1,)]
    assert left(project, "cities") == [1, 2]


def test_a_hold_or_a_floor_keeps_the_row_above_as_it_is(project: Project) -> None:
    """A held address and a protected column are not masked; the customer is."""
    shop(project)
    text = project.config.read_text()
    floor = """
[rules.books]
table = "addresses"
start = "since"
keep_at_least = "1 year"
where = "since is not null"
protects = ["street"]
"""
    project.config.write_text(text + floor)
    assert project.run("hold", "add", "addresses", "1", "--reason", "claim").code == 0
    found = run_as_planned(project, "customers anonymize")
    assert found["anonymized"] == 7
    assert masked(project) == [4]


def test_explain_counts_the_address_masked_with_a_row(project: Project) -> None:
    """The story of a customer names the address where nobody else uses it."""
    shop(project)
    alone = project.run("explain", "customers", "1", "--json", "--at", AT).json
    shared = project.run("explain", "customers", "2", "--json", "--at", AT).json
    address = {"table": "addresses", "action": "anonymize", "rows": 1}
    assert [rule["also"] for rule in alone["rules"]] == [[address]]
    assert [rule["also"] for rule in shared["rules"]] == [[]]


def test_two_ways_to_one_table_take_the_same_masks(project: Project) -> None:
    """Different masks for what two references lead to are refused by `check`."""
    shop(project)
    text = project.config.read_text()
    rule = """
[rules.orders]
table = "orders"
delete_when = "id < 0"
anonymize_when = "id > 0"
[rules.orders.anonymize]
"addresses(ship_to).street" = "null"
"customers.addresses.city_id" = "null"
"""
    project.config.write_text(text + rule)
    outcome = project.run("check")
    assert outcome.code == 2
    assert 'two ways lead to "addresses"' in outcome.out + outcome.err
