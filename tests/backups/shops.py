"""A shop whose customers and tickets fall due, for restores."""

from __future__ import annotations

import sqlalchemy as sa
from project import Project

from retention.ledger.store import Ledger, open_ledger

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


def ledger_of(project: Project) -> Ledger:
    """The project's ledger."""
    return open_ledger(sa.create_engine(f"sqlite:///{project.folder / 'ledger.db'}"))
