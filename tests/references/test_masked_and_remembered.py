"""Rows masked with their last user, and starts written down, along references of every kind."""

from __future__ import annotations

from project import Project
from test_declared import NEW, NIGHT, OLD, RULE, counted_night

MASKING = RULE.replace(
    "[references]", '[rules.customers.anonymize]\n"{street}" = {{ text = "gone" }}\n[references]'
)


def shop(project: Project, customers: str, kind: str = "VARCHAR(9)") -> None:
    """Customers with an address each, and addresses 1 to 4."""
    project.sql(
        f"CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE, address {kind})",
        f"INSERT INTO customers VALUES {customers}",
        "CREATE TABLE addresses (id INTEGER PRIMARY KEY, street VARCHAR(20))",
        "INSERT INTO addresses VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
    )


def masked(project: Project) -> list[int]:
    """The addresses whose street is gone."""
    found = project.rows("SELECT id FROM addresses WHERE street = 'gone' ORDER BY id")
    return [row[0] for row in found]


def test_the_last_text_that_spells_a_key_masks_its_row(project: Project) -> None:
    """'02' is no address, '' is none, and '3' is still used."""
    rows = f"(1, {OLD}, '1'), (2, {OLD}, '02'), (3, {OLD}, '3'), (4, {NEW}, '3'), (5, {OLD}, '')"
    shop(project, rows)
    project.policy(
        MASKING.format(street="addresses.street")
        + '"customers.address" = { to = "addresses.id", then = "block", when_unused = "anonymize" }'
    )
    assert counted_night(project)["counts"] == {("addresses", "anonymize"): 1}
    assert masked(project) == [1]


def test_a_row_that_a_pair_of_columns_names_is_still_used(project: Project) -> None:
    """A note about a city with the same key does not keep the address from being masked."""
    shop(project, f"(1, {OLD}, 1), (2, {OLD}, 2), (3, {OLD}, 3)", "INTEGER")
    project.sql(
        "CREATE TABLE cities (id INTEGER PRIMARY KEY)",
        "INSERT INTO cities VALUES (1)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, kind VARCHAR(9), about INTEGER)",
        "INSERT INTO notes VALUES (1, 'city', 1), (2, 'address', 2)",
    )
    project.policy(
        MASKING.format(street="addresses.street")
        + '"customers.address" = { to = "addresses.id", then = "block", when_unused = "anonymize" }\n'
        '[references."notes.about"]\nthen = "block"\n'
        'to = { by = "kind", address = "addresses.id", city = "cities.id" }\n'
    )
    assert counted_night(project)["counts"] == {("addresses", "anonymize"): 2}
    assert masked(project) == [1, 3]


def test_a_row_that_stands_for_all_who_left_is_not_masked(project: Project) -> None:
    """Detached rows are to refer to it from then on, so it is never unused."""
    shop(project, f"(1, {OLD}, 1), (2, {OLD}, 2)", "INTEGER")
    project.sql("CREATE TABLE visits (id INTEGER PRIMARY KEY, address_id INTEGER)")
    project.policy(
        MASKING.format(street="addresses.street")
        + '"customers.address" = { to = "addresses.id", then = "block", when_unused = "anonymize" }\n'
        '"visits.address_id" = { to = "addresses.id", then = "detach", detach_to = 1 }\n'
    )
    assert counted_night(project)["counts"] == {("addresses", "anonymize"): 1}
    assert masked(project) == [2]


def test_the_last_row_without_a_key_masks_what_it_used(project: Project) -> None:
    """Links that nothing tells apart go with their customers, and mask the addresses they named."""
    shop(project, f"(1, {OLD}, 0), (2, {OLD}, 0), (3, {NEW}, 0)", "INTEGER")
    project.sql(
        "CREATE TABLE links (customer_id INTEGER, address_id INTEGER)",
        "INSERT INTO links VALUES (1, 1), (1, 1), (2, 2), (3, 2)",
    )
    project.policy(
        RULE + '"links.customer_id" = { to = "customers.id", then = "delete" }\n'
        '"links.address_id" = { to = "addresses.id", then = "block", when_unused = "anonymize" }\n'
        + '[rules.customers.anonymize]\n"links.addresses.street" = { text = "gone" }\n'
    )
    assert counted_night(project)["counts"] == {
        ("links", "delete"): 3,
        ("addresses", "anonymize"): 1,
    }
    assert masked(project) == [1]


def test_a_start_is_written_down_from_the_rows_that_a_pair_names(project: Project) -> None:
    """A message about an order of the same key is no evidence for the ticket."""
    project.sql(
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, closed_on DATE, active_on DATE)",
        "INSERT INTO tickets VALUES (1, '2025-01-01', NULL), (2, '2025-01-01', NULL)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, kind VARCHAR(9), about INTEGER,"
        " sent_on DATE)",
        "INSERT INTO messages VALUES (1, 'ticket', 1, '2025-03-01'), (2, 'ticket', 1, '2025-02-01'),"
        " (3, 'order', 1, '2025-05-01'), (4, 'order', 2, '2025-05-01')",
    )
    project.policy(
        '[rules.tickets]\ntable = "tickets"\n'
        'start = { latest_of = ["closed_on", "messages.sent_on"] }\n'
        'remember_in = "active_on"\ndelete_after = "3 years"\n'
        '[rules.messages]\ntable = "messages"\nstart = "sent_on"\ndelete_after = "1 year"\n'
        '[references."messages.about"]\nthen = "block"\n'
        'to = { by = "kind", ticket = "tickets.id", order = "orders.id" }\n'
    )
    project.enroll()
    planned, done = project.plan(NIGHT), project.night(NIGHT)
    assert planned["tickets remember"]["due"] == done["tickets remember"]["remembered"] == 1
    assert done["messages delete"]["erased"] == 4
    found = dict(project.rows("SELECT id, active_on FROM tickets"))
    assert str(found[1]) == "2025-03-01"
    assert found[2] is None
    assert project.plan(NIGHT)["tickets remember"]["due"] == 0
