"""A restore does not bring anyone back: refused, shown, erased again, proved."""

from __future__ import annotations

from copies import back_up
from project import Project

TABLES = (
    "create table customers (id integer primary key, name varchar(40), email varchar(80),"
    " closed_at varchar(32), created_at varchar(32) not null)",
    "create table orders (id integer primary key, customer_id integer not null, note varchar(40))",
    "create table tickets (id integer primary key, subject varchar(40), closed_at varchar(32),"
    " created_at varchar(32) not null)",
)
CUSTOMERS = """
[rules.customers]
table = "customers"
start = "closed_at"
delete_after = "1 year"
guard = "created_at"
"""
TICKETS = """
[rules.tickets]
table = "tickets"
start = "closed_at"
anonymize_after = "1 year"
guard = "created_at"
[rules.tickets.anonymize]
subject = { text = "[erased]" }
"""
REFERENCES = """
[references]
"orders.customer_id" = { to = "customers.id", then = "delete" }
"""
NIGHT = "2025-06-01T03:00:00Z"


def shop(project: Project) -> None:
    """Twenty customers with two orders each, every other one closed long ago, and ten tickets."""
    project.sql(*TABLES)
    for number in range(1, 21):
        closed = "'2023-05-06 07:08:09'" if number % 2 else "null"
        project.sql(
            f"insert into customers values ({number}, 'name {number}', 'm{number}@x.example',"
            f" {closed}, '2020-01-{number:02d} 00:00:00')",
            f"insert into orders values ({number * 10}, {number}, 'a')",
            f"insert into orders values ({number * 10 + 1}, {number}, 'b')",
        )
    for number in range(1, 11):
        closed = "'2023-05-06 07:08:09'" if number <= 4 else "null"
        project.sql(
            f"insert into tickets values ({number}, 'about me', {closed}, '2021-01-01 00:00:00')"
        )
    project.policy(CUSTOMERS + TICKETS + REFERENCES)
    project.enroll()


def customers(project: Project) -> set[int]:
    """The customers that are there."""
    return {number for (number,) in project.rows("select id from customers")}


def everything(project: Project) -> list[list[tuple[object, ...]]]:
    """The contents of the user's tables."""
    names = ("customers", "orders", "tickets")
    return [project.rows(f"select * from {name} order by id") for name in names]


def tables(body: dict[str, object]) -> dict[str, dict[str, object]]:
    """What a reapply told, by rule, action and table."""
    found = body["tables"]
    assert isinstance(found, list)
    return {f"{item['rule']} {item['action']} {item['table']}": item for item in found}


def test_a_restored_database_is_refused_shown_and_brought_to_where_it_was(project: Project) -> None:
    """Rules that still stand reach everybody again; then runs go on, and the ledger is whole."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    after = everything(project)
    restore()
    assert customers(project) == set(range(1, 21))

    refused = project.run("run", "--all")
    assert refused.code == 4
    assert "retention backups reapply main" in refused.out + refused.err
    before = everything(project)
    shown = project.run("backups", "reapply", "--dry-run", "--json")
    assert shown.code == 0, shown.err
    assert everything(project) == before
    found = tables(shown.json)
    assert found["customers delete customers"]["back"] == 10
    assert found["customers delete orders"]["unsure"] == 20

    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert done.json["finished"]
    assert everything(project) == after
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0


def test_rules_that_are_gone_are_repeated_by_token(project: Project) -> None:
    """With other rules in the policy, tokens reach the rows and the old masks are used."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    after = everything(project)
    restore()
    project.policy(CUSTOMERS.replace("1 year", "9 years") + REFERENCES)
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    found = tables(done.json)
    assert found["customers delete customers"]["again"] == 10
    assert found["tickets anonymize tickets"]["again"] == 4
    assert everything(project) == after
    assert project.run("run", "--all").code == 0


def test_a_row_that_got_an_erased_number_stays(project: Project) -> None:
    """A new customer with the number of one who was erased is another one by the guard."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    restore()
    project.policy(CUSTOMERS.replace("1 year", "9 years") + REFERENCES)
    project.sql(
        "delete from orders where customer_id = 3",
        "delete from customers where id = 3",
        "insert into customers values (3, 'new', 'n@x.example', null, '2025-07-01 00:00:00')",
    )
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert tables(done.json)["customers delete customers"]["issued_again"] == 1
    assert customers(project) == {3, *range(2, 21, 2)}
    assert project.value("select name from customers where id = 3") == "new"
