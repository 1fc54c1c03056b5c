"""Rows that go with their last user, masked owners and the recount, along references of every kind."""

from __future__ import annotations

from datetime import UTC, datetime

from project import Project
from test_declared import NEW, NIGHT, OLD, RULE, contents, counted_night, gone_along, people

from retention.connections import engine_for
from retention.databases.database import Database
from retention.databases.statements.recounting import PlainRows
from retention.databases.statements.recounting_references import dangling as dangling_rows
from retention.planning.make import make_plan
from retention.policies.parse import parse_policy

ADDRESSES = "CREATE TABLE addresses (id INTEGER PRIMARY KEY, street VARCHAR(20))"
MASKING = RULE.replace("delete_after", "anonymize_after").replace(
    "[references]", '[rules.customers.anonymize]\nname = "null"\n{more}\n[references]'
)


def pairs(project: Project) -> None:
    """Notes about addresses and cities, which have the same keys; they go with their customers."""
    people(project, 1, 2)
    project.sql(
        f"INSERT INTO customers VALUES (3, {NEW})",
        ADDRESSES,
        "INSERT INTO addresses VALUES (0, 'none'), (1, 'a'), (2, 'b'), (3, 'c')",
        "CREATE TABLE cities (id INTEGER PRIMARY KEY)",
        "INSERT INTO cities VALUES (1), (2), (3)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, customer_id INTEGER, kind VARCHAR(9),"
        " about INTEGER)",
        "INSERT INTO notes VALUES (1, 1, 'address', 1), (2, 2, 'address', 2), (3, 3, 'address', 2),"
        " (4, 3, 'city', 1), (5, 1, 'city', 2), (6, 3, 'Address', 1), (7, 1, 'address', 0),"
        " (8, 1, 'other', 3)",
    )
    project.policy(
        RULE + '"notes.customer_id" = { to = "customers.id", then = "delete" }\n'
        '[references."notes.about"]\nthen = "block"\nwhen_unused = "delete"\n'
        'to = { by = "kind", address = "addresses.id", city = "cities.id" }\n'
    )


def test_a_row_is_used_by_the_pairs_that_name_it(project: Project) -> None:
    """A note about a city uses no address, another spelling names nothing, 0 is none."""
    pairs(project)
    night = counted_night(project)
    gone = {("notes", "delete"): 5, ("addresses", "delete"): 1, ("cities", "delete"): 1}
    assert night["counts"] == gone
    assert contents(project, "addresses", "cities") == {"addresses": [0, 2, 3], "cities": [1, 3]}


def test_explain_counts_what_goes_unused_along_a_pair(project: Project) -> None:
    """As the night would take it with this row alone."""
    pairs(project)
    project.enroll()
    assert sorted(gone_along(project, "customers", "1")) == [
        ("addresses", "delete", 1),
        ("cities", "delete", 1),
        ("notes", "delete", 4),
    ]


def test_text_uses_the_number_that_it_spells(project: Project) -> None:
    """'01' is not address 1, so it neither keeps it nor takes it along."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE, address VARCHAR(9))",
        f"INSERT INTO customers VALUES (1, {OLD}, '1'), (2, {OLD}, '02'), (3, {NEW}, '01'),"
        f" (4, {OLD}, '3'), (5, {NEW}, '3'), (6, {OLD}, '')",
        ADDRESSES,
        "INSERT INTO addresses VALUES (0, 'z'), (1, 'a'), (2, 'b'), (3, 'c')",
    )
    project.policy(
        RULE
        + '"customers.address" = { to = "addresses.id", then = "block", when_unused = "delete" }'
    )
    assert counted_night(project)["counts"] == {("addresses", "delete"): 1}
    assert contents(project, "addresses") == {"addresses": [0, 2, 3]}


def test_rows_of_one_shared_key_go_with_its_last_user(project: Project) -> None:
    """A key that two addresses have is used for both."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE, place VARCHAR(9))",
        f"INSERT INTO customers VALUES (1, {OLD}, 'x'), (2, {OLD}, 'y'), (3, {NEW}, 'y')",
        "CREATE TABLE addresses (id INTEGER PRIMARY KEY, code VARCHAR(9))",
        "INSERT INTO addresses VALUES (1, 'x'), (2, 'x'), (3, 'y')",
    )
    project.policy(
        RULE
        + '"customers.place" = { to = "addresses.code", then = "block", when_unused = "delete" }'
    )
    assert counted_night(project)["counts"] == {("addresses", "delete"): 2}
    assert contents(project, "addresses") == {"addresses": [3]}


def test_users_without_a_key_and_two_cuts_in_one_batch(project: Project) -> None:
    """Links that nothing tells apart use addresses; the rows cut from customers stay whole."""
    people(project, 1, 2)
    project.sql(
        f"INSERT INTO customers VALUES (3, {NEW})",
        ADDRESSES,
        "INSERT INTO addresses VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        "CREATE TABLE links (customer_id INTEGER, address_id INTEGER)",
        "INSERT INTO links VALUES (1, 1), (1, 1), (2, 2), (3, 2), (NULL, 3)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER NOT NULL, seller INTEGER)",
        "INSERT INTO orders VALUES (1, 1, 2), (2, 3, 1)",
    )
    project.policy(
        RULE + '"links.customer_id" = { to = "customers.id", then = "delete" }\n'
        '"links.address_id" = { to = "addresses.id", then = "block", when_unused = "delete" }\n'
        '"orders.buyer" = { to = "customers.id", then = "detach", detach_to = 0 }\n'
        '"orders.seller" = { to = "customers.id", then = "detach" }\n'
    )
    assert counted_night(project)["counts"] == {
        ("links", "delete"): 3,
        ("addresses", "delete"): 1,
        ("orders", "detach"): 3,
    }
    assert contents(project, "addresses") == {"addresses": [2, 3]}
    assert project.rows("SELECT buyer, seller FROM orders ORDER BY id") == [(0, None), (3, None)]


def test_a_row_that_stands_for_all_who_left_is_never_unused(project: Project) -> None:
    """Detached rows are to refer to it from then on, so it stays without a user."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE, address_id INTEGER)",
        f"INSERT INTO customers VALUES (1, {OLD}, 7), (2, {OLD}, 8)",
        ADDRESSES,
        "INSERT INTO addresses VALUES (7, 'anywhere'), (8, 'b')",
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, address_id INTEGER)",
    )
    project.policy(
        RULE
        + '"customers.address_id" = { to = "addresses.id", then = "block", when_unused = "delete" }\n'
        '"visits.address_id" = { to = "addresses.id", then = "detach", detach_to = 7 }\n'
    )
    assert counted_night(project)["counts"] == {("addresses", "delete"): 1}
    assert contents(project, "addresses") == {"addresses": [7]}


def masked(project: Project) -> None:
    """Old customers to mask, with files of theirs by a pair of columns."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE, name VARCHAR(9),"
        " code VARCHAR(9))",
        f"INSERT INTO customers VALUES (0, {OLD}, 'z', 'z'), (1, {OLD}, 'a', 'x'),"
        f" (2, {NEW}, 'b', 'x')",
        "CREATE TABLE files (id INTEGER PRIMARY KEY, kind VARCHAR(9), owner INTEGER)",
        "INSERT INTO files VALUES (1, 'customer', 1), (2, 'customer', 2), (3, 'city', 1),"
        " (4, 'customer', 0)",
        "CREATE TABLE pages (id INTEGER PRIMARY KEY, file_id INTEGER)",
        "INSERT INTO pages VALUES (1, 1), (2, 2), (3, 3)",
    )


def test_child_rows_of_a_pair_go_once_their_owner_is_masked(project: Project) -> None:
    """And what refers to those is cut from them; explain counts the same."""
    masked(project)
    project.policy(
        MASKING.format(more='"files.*" = "delete"')
        + '"pages.file_id" = { to = "files.id", then = "detach" }\n'
        '[references."files.owner"]\nthen = "leave"\n'
        'to = { by = "kind", customer = "customers.id" }\n'
    )
    night = counted_mask(project)
    assert night == {("files", "delete"): 1, ("pages", "detach"): 1}
    assert contents(project, "files") == {"files": [2, 3, 4]}
    assert project.rows("SELECT file_id FROM pages ORDER BY id") == [(None,), (2,), (3,)]


def counted_mask(project: Project) -> dict[tuple[str, str], int]:
    """What goes along with the masked customers: planned and done alike, and nothing the next night."""
    project.enroll()
    planned = project.plan(NIGHT)["customers anonymize"]
    done = project.night(NIGHT)["customers anonymize"]
    assert done["anonymized"] == planned["due"] > 0
    told, found = (
        {(also["table"], also["action"]): also[key] for also in rule["also"] if also[key]}
        for rule, key in ((planned, "due"), (done, "done"))
    )
    assert told == found
    assert project.plan(NIGHT)["customers anonymize"]["due"] == 0
    return found


def test_child_rows_of_a_shared_key_cannot_go_with_one_masked_owner(project: Project) -> None:
    """Another owner may not be masked, so check asks for a rule of their own."""
    masked(project)
    project.sql("CREATE TABLE papers (id INTEGER PRIMARY KEY, owner VARCHAR(9))")
    project.policy(
        MASKING.format(more='"papers.*" = "delete"')
        + '"papers.owner" = { to = "customers.code", then = "leave" }\n'
    )
    found = project.run("check")
    assert found.code == 2
    assert "may belong to one that is not masked" in found.out + found.err


def test_nothing_follows_what_rows_without_a_name_use(project: Project) -> None:
    """SQLite and PostgreSQL know each row meanwhile; on MariaDB check refuses it."""
    project.sql(
        "CREATE TABLE customers (closed_on DATE, address_id INTEGER)",
        f"INSERT INTO customers VALUES ({OLD}, 1), ({OLD}, 1), ({OLD}, 2), ({NEW}, 2)",
        ADDRESSES,
        "INSERT INTO addresses VALUES (1, 'a'), (2, 'b')",
    )
    project.policy(
        RULE
        + '"customers.address_id" = { to = "addresses.id", then = "block", when_unused = "delete" }\n'
    )
    if project.dialect == "mysql":
        found = project.run("check")
        assert found.code == 2
        assert "cannot be told apart" in found.out + found.err
        return
    assert counted_night(project)["counts"] == {("addresses", "delete"): 1}
    assert contents(project, "addresses") == {"addresses": [2]}


def test_the_recount_counts_the_targets_of_a_pair_apart(project: Project) -> None:
    """0 and other names refer to nothing; a city of that key does not make up for an address."""
    pairs(project)
    project.sql(
        "INSERT INTO notes VALUES (20, 3, 'address', 9), (21, 3, 'city', 9), (22, 3, 'other', 9),"
        " (23, 3, 'address', 9)",
        "INSERT INTO cities VALUES (9)",
    )
    assert dangling(project) == {"customers": {}, "addresses": {(9,): 2}, "cities": {}}


def test_what_detached_rows_were_given_is_no_row_gone_missing(project: Project) -> None:
    """The policy names the value, whether or not there is such a row."""
    people(project, 1)
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER NOT NULL)",
        "INSERT INTO orders VALUES (1, 1), (2, -1), (3, 5)",
    )
    project.policy(
        RULE + '"orders.buyer" = { to = "customers.id", then = "detach", detach_to = -1 }\n'
    )
    assert dangling(project) == {"customers": {(5,): 1}}
    assert counted_night(project)["counts"] == {("orders", "detach"): 1}


def test_the_recount_says_that_nothing_names_the_rows_of_a_table(project: Project) -> None:
    """A table without a primary key is not looked at again, and the report says so."""
    project.sql(
        "CREATE TABLE customers (closed_on DATE)", f"INSERT INTO customers VALUES ({OLD}), ({NEW})"
    )
    project.policy(RULE.replace("[references]", ""))
    counted_night(project)
    (recount,) = project.run("report", "last", "--json").json["recount"]
    (step,) = recount["steps"]
    assert step["skipped"] == '"customers" has no primary key'


def dangling(project: Project) -> dict[str, dict[tuple[object, ...], int]]:
    """Rows that refer to nothing, by the table they refer to, as the recount counts them."""
    policy = parse_policy(project.config.read_text(encoding="utf-8"))
    database = Database("main", engine_for(project.url, "main", project.folder))
    with database.connected(read_only=True) as connection:
        plan = make_plan(
            policy, "main", database.schema(connection, policy), datetime(2026, 6, 1, tzinfo=UTC)
        )
        rows = PlainRows(connection, plan.schema, database.dialect)
        return {
            reference.parent: dangling_rows(rows, [reference], 100)
            for reference in plan.schema.references
        }
