"""References that the database does not declare: none, polymorphic pairs, text and shared keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from project import Project

NIGHT = "2026-06-01"
RULE = """
[rules.customers]
table = "customers"
start = "closed_on"
delete_after = "1 year"
[references]
"""
OLD, NEW = "'2020-01-01'", "'2026-05-01'"


def contents(project: Project, *tables: str) -> dict[str, list[Any]]:
    """The keys left in each table."""
    found = {}
    for table in tables:
        found[table] = [row[0] for row in project.rows(f"SELECT id FROM {table} ORDER BY id")]
    return found


def table_sizes(project: Project) -> dict[str, int]:
    """How many rows each table of the user's has."""
    names = set(sa.inspect(project.engine).get_table_names())
    if project.dialect == "postgresql":
        names -= {
            name for (name,) in project.rows("SELECT relname FROM pg_class WHERE relispartition")
        }
    return {
        name: project.value(f"SELECT count(*) FROM {name}")
        for name in names
        if not name.startswith("retention_")
    }


def counted_night(project: Project, rule: str = "customers delete") -> dict[str, Any]:
    """Plan, run and ledger agree with the rows that left; a second run finds nothing."""
    project.enroll()
    planned = project.plan(NIGHT)[rule]
    before = table_sizes(project)
    outcome = project.run("run", "--all", "--json", "--at", NIGHT)
    assert outcome.code == 0, outcome.err + outcome.out
    step = (planned["rule"], planned["action"])
    (night,) = (it for it in outcome.json["rules"] if (it["rule"], it["action"]) == step)
    assert night["erased"] == planned["due"]
    left = {table: before[table] - size for table, size in table_sizes(project).items()}
    committed = {found["table"]: found["erased"] for found in outcome.json["committed"]}
    for table in committed.keys() | left.keys():
        assert committed.get(table, 0) == left[table], table
    told = {(also["table"], also["action"]): also["due"] for also in planned["also"]}
    done = {(also["table"], also["action"]): also["done"] for also in night["also"]}
    assert {key: count for key, count in told.items() if count} == {
        key: count for key, count in done.items() if count
    }
    again = project.plan(NIGHT)[rule]
    assert again["due"] == 0
    assert not any(also["due"] for also in again["also"])
    return {**night, "counts": {key: count for key, count in done.items() if count}}


def gone_along(project: Project, *row: str) -> list[tuple[str, str, int]]:
    """What `explain` says goes along with a row."""
    story = project.run("explain", *row, "--at", NIGHT, "--json")
    assert story.code == 0, story.err
    (rule,) = story.json["rules"]
    return [(also["table"], also["action"], also["rows"]) for also in rule["also"]]


def people(project: Project, *ids: int) -> None:
    """Customers, all of them long gone."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, closed_on DATE)",
        *(f"INSERT INTO customers VALUES ({number}, {OLD})" for number in ids),
    )


def test_zero_and_nothing_refer_to_no_row_although_there_is_such_a_row(project: Project) -> None:
    """Neither customer 0 takes the rows of nobody, nor do those rows keep it."""
    people(project, 0, 1)
    project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL)",
        "INSERT INTO visits VALUES (10, 0), (11, 1), (12, 7)",
        "INSERT INTO orders VALUES (20, 0)",
    )
    project.policy(
        RULE
        + '"visits.customer_id" = { to = "customers.id", then = "delete" }\n'
        + '"orders.customer_id" = { to = "customers.id", then = "block" }\n'
    )
    night = counted_night(project)
    assert (night["erased"], night["blocked"]) == (2, 0)
    assert night["counts"] == {("visits", "delete"): 1}
    assert contents(project, "visits", "orders") == {"visits": [10, 12], "orders": [20]}


def test_an_empty_text_key_refers_to_no_row(project: Project) -> None:
    """'' is none in a text column, '0' is a key like any other."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, code VARCHAR(20) UNIQUE, closed_on DATE)",
        f"INSERT INTO customers VALUES (1, '', {OLD}), (2, '0', {OLD}), (3, 'x', {OLD})",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, customer VARCHAR(20))",
        "INSERT INTO notes VALUES (1, ''), (2, '0'), (3, 'x'), (4, NULL)",
    )
    project.policy(RULE + '"notes.customer" = { to = "customers.code", then = "delete" }\n')
    assert counted_night(project)["counts"] == {("notes", "delete"): 2}
    assert contents(project, "notes") == {"notes": [1, 4]}


def test_an_enforced_zero_is_a_key(project: Project) -> None:
    """What the database enforces refers, whatever its value is."""
    people(project, 0)
    project.sql(
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, customer_id INTEGER,"
        " FOREIGN KEY (customer_id) REFERENCES customers (id))",
        "INSERT INTO visits VALUES (1, 0)",
    )
    project.policy(RULE + '"visits.customer_id" = { to = "customers.id", then = "delete" }\n')
    assert counted_night(project)["counts"] == {("visits", "delete"): 1}


def test_detach_to_writes_the_value_that_means_none(project: Project) -> None:
    """A NOT NULL column of an undeclared reference gets 0, and then refers to nothing."""
    people(project, 1, 2)
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer INTEGER NOT NULL, seller INTEGER)",
        "INSERT INTO orders VALUES (1, 1, 2), (2, 1, 9), (3, 9, NULL)",
    )
    project.policy(
        RULE
        + '"orders.buyer" = { to = "customers.id", then = "detach", detach_to = 0 }\n'
        + '"orders.seller" = { to = "customers.id", then = "detach" }\n'
    )
    night = counted_night(project)
    assert night["counts"] == {("orders", "detach"): 3}
    assert project.rows("SELECT * FROM orders ORDER BY id") == [
        (1, 0, None),
        (2, 0, 9),
        (3, 9, None),
    ]


def test_detached_rows_may_go_to_a_row_that_stands_for_all_who_left(project: Project) -> None:
    """An enforced reference needs that row, and the row stays, old as it is."""
    people(project, 1, 2, 99)
    project.sql(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL,"
        " FOREIGN KEY (customer_id) REFERENCES customers (id))",
        "INSERT INTO orders VALUES (1, 1), (2, 2)",
    )
    project.policy(RULE + '"orders.customer_id" = { then = "detach", detach_to = 99 }\n')
    night = counted_night(project)
    assert (night["erased"], night["blocked"]) == (2, 1)
    assert project.rows("SELECT * FROM orders ORDER BY id") == [(1, 99), (2, 99)]
    assert contents(project, "customers") == {"customers": [99]}


@pytest.mark.parametrize(
    ("column", "decision", "said"),
    [
        ("customer_id INTEGER NOT NULL", '{ then = "detach", detach_to = 5 }', "no row with id 5"),
        ("customer_id INTEGER NOT NULL", '"detach"', "is NOT NULL"),
        ("customer_id INTEGER NOT NULL", '{ then = "detach", detach_to = "x" }', "as a number"),
        ("customer_id INTEGER UNIQUE", '{ then = "detach", detach_to = 1 }', "is UNIQUE"),
        ("customer_id INTEGER", '{ then = "delete", detach_to = 1 }', "belongs to then"),
    ],
)
def test_a_value_that_the_column_cannot_hold_is_a_fault(
    project: Project, column: str, decision: str, said: str
) -> None:
    """`check` says it, the night does not find it out."""
    people(project, 1)
    project.sql(
        f"CREATE TABLE orders (id INTEGER PRIMARY KEY, {column},"
        " FOREIGN KEY (customer_id) REFERENCES customers (id))"
    )
    project.policy(RULE + f'"orders.customer_id" = {decision}\n')
    outcome = project.run("check")
    assert outcome.code == 2
    assert said in outcome.out + outcome.err


def test_text_for_a_short_column_is_a_fault(project: Project) -> None:
    """Length and kind of detach_to are checked for text keys, too."""
    project.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, code VARCHAR(4) UNIQUE, closed_on DATE)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(4) NOT NULL)",
    )
    to = '"orders.customer" = { to = "customers.code", then = "detach", detach_to = '
    for value, said in (('"nobody"', "longer than"), ("0", "as text")):
        project.policy(f"{RULE}{to}{value} }}\n")
        outcome = project.run("check")
        assert outcome.code == 2
        assert said in outcome.out + outcome.err


POLYMORPHIC = (
    '"notes.owner_id" = {{ to = {{ by = "owner_type", "App\\\\Models\\\\Customer" = "customers.id", '
    'Person = "customers.id", supplier = "suppliers.id" }}, then = {then} }}\n'
)
CUSTOMER = "App\\Models\\Customer"


def pairs(project: Project, owner: str, *notes: tuple[int, str, object]) -> None:
    """Customers 1 to 4 (3 is a customer still), supplier 1, and notes: id, owner's type, its id."""
    people(project, 1, 2, 4)
    project.sql(
        f"INSERT INTO customers VALUES (3, {NEW})",
        "CREATE TABLE suppliers (id INTEGER PRIMARY KEY, closed_on DATE)",
        f"INSERT INTO suppliers VALUES (1, {NEW})",
        f"CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_type VARCHAR(40), owner_id {owner},"
        " written_on DATE)",
    )
    with project.engine.begin() as connection:
        marks = "?, ?, ?" if project.dialect == "sqlite" else "%s, %s, %s"
        for note in notes:
            insert = f"INSERT INTO notes (id, owner_type, owner_id) VALUES ({marks})"
            connection.exec_driver_sql(insert, note)


def test_a_polymorphic_pair_goes_with_the_row_it_names(project: Project) -> None:
    """The type decides, to the letter; two types may name one table, others name nothing."""
    pairs(
        project,
        "INTEGER",
        (1, CUSTOMER, 1),
        (2, "Person", 2),
        (3, CUSTOMER, 3),
        (4, "supplier", 1),
        (5, "person", 1),
        (6, "invoice", 1),
        (7, None, 1),
        (8, CUSTOMER, 0),
    )
    project.policy(RULE + POLYMORPHIC.format(then='"delete"'))
    night = counted_night(project)
    assert (night["erased"], night["counts"]) == (3, {("notes", "delete"): 2})
    assert contents(project, "notes", "suppliers") == {
        "notes": [3, 4, 5, 6, 7, 8],
        "suppliers": [1],
    }


def test_text_that_holds_whole_numbers_is_compared_as_text(project: Project) -> None:
    """'01' is not 1, nor is '1x' or '1.0', whatever the engine makes of them."""
    pairs(
        project,
        "VARCHAR(30)",
        (1, "Person", "1"),
        (2, "Person", "01"),
        (3, "Person", "1x"),
        (4, "Person", "1.0"),
        (5, "Person", "3"),
        (6, "Person", ""),
        (7, "Person", "99999999999999999999999"),
    )
    project.policy(RULE + POLYMORPHIC.format(then='"delete"'))
    assert counted_night(project)["counts"] == {("notes", "delete"): 1}
    assert contents(project, "notes") == {"notes": [2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize("owner", ["INTEGER NOT NULL", "VARCHAR(30) NOT NULL"])
def test_polymorphic_rows_are_detached_or_block(project: Project, owner: str) -> None:
    """The pair loses its id, or its owner waits."""
    pairs(project, owner, (1, "Person", "1"), (2, "Person", "3"), (3, "supplier", "1"))
    project.policy(RULE + POLYMORPHIC.format(then='"block"'))
    project.enroll()
    assert project.plan(NIGHT)["customers delete"]["blocked_by"] == {"notes.owner_id": 1}
    none = "0" if owner.startswith("INTEGER") else '""'
    project.policy(RULE + POLYMORPHIC.format(then=f'"detach", detach_to = {none}'))
    assert counted_night(project)["counts"] == {("notes", "detach"): 1}
    kept = [str(owner_id) for (owner_id,) in project.rows("SELECT owner_id FROM notes ORDER BY id")]
    assert kept == [none.strip('"'), "3", "1"]


@pytest.mark.parametrize("owner", ["BIGINT", "VARCHAR(30)"])
def test_clocks_and_conditions_follow_a_polymorphic_pair(project: Project, owner: str) -> None:
    """Down to the rows of a type, and up from a row to what it belongs to."""
    pairs(project, owner, (1, "Person", 1), (2, "supplier", 2), (3, "Person", 4), (4, "Person", 3))
    project.sql("UPDATE notes SET written_on = '2026-05-05' WHERE id <= 2")
    down = """
[rules.customers]
table = "customers"
start = { latest_of = ["closed_on", "notes.written_on"] }
unless = { "four" = "notes.id = 3" }
delete_after = "1 year"
[references]
"""
    project.policy(down + POLYMORPHIC.format(then='"leave"'))
    project.enroll()
    planned = project.plan(NIGHT)["customers delete"]
    assert planned["due"] == 1
    assert planned["unless"] == {"four": 1}
    up = """
[rules.notes]
table = "notes"
start = "customers.closed_on"
delete_after = "5 years"
where = "suppliers.id is null"
[references]
"""
    project.policy(up + POLYMORPHIC.format(then='"leave"'))
    assert project.plan(NIGHT)["notes delete"]["due"] == 2
    project.night(NIGHT)
    assert contents(project, "notes") == {"notes": [2, 4]}


def test_explain_counts_what_goes_along_a_polymorphic_pair(project: Project) -> None:
    """The list of `explain` is that of the night."""
    pairs(project, "VARCHAR(30)", (1, "Person", "1"), (2, CUSTOMER, "1"), (3, "supplier", "1"))
    project.policy(RULE + POLYMORPHIC.format(then='"delete"'))
    project.enroll()
    assert gone_along(project, "customers", "1") == [("notes", "delete", 2)]


def test_keys_that_cannot_be_compared_are_a_fault(project: Project) -> None:
    """A date is no key of a customer, and a name no number of a type."""
    people(project, 1)
    project.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, kind INTEGER, made_on DATE)")
    for reference, said in (
        ('"notes.made_on" = { to = "customers.id", then = "delete" }', "cannot be compared"),
        (
            '"notes.id" = { to = { by = "kind", one = "customers.id" }, then = "leave" }',
            "is a whole number",
        ),
        ('"notes.id" = { to = { customer = "customers.id" }, then = "leave" }', "write { by"),
    ):
        project.policy(RULE + reference + "\n")
        outcome = project.run("check")
        assert outcome.code == 2
        assert said in outcome.out + outcome.err


@pytest.mark.parametrize("then", ['"*" = "as declared"', '"posts.tenant,author" = "detach"'])
def test_set_null_of_one_column_leaves_the_others(
    postgresql_server: str, tmp_path: Path, then: str
) -> None:
    """ON DELETE SET NULL (author): the post stays with its tenant."""
    with servers.fresh_database(postgresql_server) as url:
        project = Project(tmp_path, url)
        project.sql(
            "CREATE TABLE people (tenant integer, id integer, closed date, PRIMARY KEY (tenant, id))",
            'CREATE TABLE posts (id integer PRIMARY KEY, tenant integer NOT NULL, "author" integer,'
            " FOREIGN KEY (tenant, author) REFERENCES people (tenant, id)"
            " ON DELETE SET NULL (author))",
            "INSERT INTO people VALUES (1, 1, '2020-01-01'), (1, 2, '2026-05-05')",
            "INSERT INTO posts VALUES (1, 1, 1), (2, 1, 2)",
        )
        project.policy(
            f"""
[rules.people]
table = "people"
start = "closed"
delete_after = "1 year"
[references]
{then}
"""
        )
        project.enroll()
        found = project.night("2026-06-01")
        assert project.rows("SELECT * FROM posts ORDER BY id") == [(1, 1, None), (2, 1, 2)]
        assert project.value("SELECT count(*) FROM people") == 1
        (cut,) = found["people delete"]["also"]
        assert (cut["table"], cut["action"], cut["done"]) == ("posts", "detach", 1)
