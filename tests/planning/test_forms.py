"""Forms of the policy language, each carried out on every engine."""

from __future__ import annotations

from project import Project

CUSTOMERS = """
create table customers (id integer primary key, country varchar(2), born_on date null,
  consent_given_at {ts} null, consent_withdrawn_at {ts} null, status varchar(10))
"""
ORDERS = """
create table orders (id integer primary key, customer_id integer null, completed_at {ts} null,
  foreign key (customer_id) references customers (id))
"""


def shop(project: Project) -> None:
    """Three customers and four orders, one of them nobody's."""
    ts = "timestamp" if project.dialect == "postgresql" else "datetime"
    project.sql(
        CUSTOMERS.format(ts=ts),
        ORDERS.format(ts=ts),
        "insert into customers values (1, 'NO', '2000-01-01', null, null, 'x')",
        "insert into customers values (2, 'SE', '2020-01-01', '2019-01-01 00:00:00',"
        " '2020-01-01 00:00:00', 'failed')",
        "insert into customers values (3, 'NO', '2000-01-01', '2019-01-01 00:00:00', null, null)",
        "insert into orders values (1, 1, '2020-01-01 10:00:00')",
        "insert into orders values (2, 1, '2021-01-01 10:00:00')",
        "insert into orders values (3, 3, '2020-01-01 00:00:00')",
        "insert into orders values (4, null, '2010-01-01 00:00:00')",
    )


def test_after_all_waits_for_every_purpose_that_ever_began(project: Project) -> None:
    """One purpose still open keeps the clock from starting; one that never began is passed over."""
    shop(project)
    project.policy(
        """
[rules.all]
table = "customers"
start.after_all.orders = "orders.completed_at"
start.after_all.marketing = { ends = "consent_withdrawn_at", if = "consent_given_at is not null" }
anonymize_after = { by = "country", NO = "3 years", otherwise = "10 years" }
[rules.all.anonymize]
status = { text = "gone" }
"""
    )
    project.enroll()
    found = project.night("2026-06-01")["all anonymize"]
    assert (found["anonymized"], found["not_started"], found["running"]) == (1, 1, 1)
    assert project.rows("select id from customers where status = 'gone'") == [(1,)]


def test_a_purpose_that_reaches_no_row_is_open(project: Project) -> None:
    """A row whose reference is NULL has no end of that purpose: its clock has not started."""
    shop(project)
    project.policy(
        """
[rules.orders]
table = "orders"
start.after_all.account = "customers.consent_withdrawn_at"
delete_after = "1 year"
"""
    )
    project.enroll()
    found = project.night("2026-06-01")["orders delete"]
    assert (found["erased"], found["not_started"]) == (0, 4)


def test_a_rule_without_a_clock_acts_as_soon_as_its_condition_holds(project: Project) -> None:
    """`delete_when` takes the rows for which it is true, and none for which it is unknown."""
    shop(project)
    project.policy(
        """
[rules.failed]
table = "customers"
delete_when = "status = 'failed'"
"""
    )
    project.enroll()
    assert project.night("2026-06-01")["failed delete"]["erased"] == 1
    assert project.rows("select id from customers order by id") == [(1,), (3,)]


def test_a_rule_for_the_young_ends_with_the_birthday(project: Project) -> None:
    """`younger_than` holds until the start of that birthday."""
    shop(project)
    project.policy(
        """
[rules.young]
table = "customers"
only_if = { younger_than = { column = "born_on", years = 13 } }
start = "consent_given_at"
delete_after = "immediately"
"""
    )
    project.enroll()
    assert project.plan("2032-12-31T23:59:59Z")["young delete"]["due"] == 1
    assert project.plan("2033-01-01T00:00:00Z")["young delete"]["due"] == 0


def test_an_event_that_was_not_recorded_has_not_started_the_clock(project: Project) -> None:
    """Without its event no row is due, however old it is."""
    shop(project)
    project.policy(
        """
[rules.orders]
table = "orders"
start = { event = "account_closed" }
delete_after = "1 day"
"""
    )
    project.enroll()
    assert project.plan("2026-06-01")["orders delete"]["not_started"] == 4


def test_a_statute_brings_its_own_count(project: Project) -> None:
    """Norwegian bookkeeping counts from the end of the financial year, whatever the rule says."""
    shop(project)
    project.policy(
        """
[rules.books]
table = "orders"
start = "completed_at"
keep_at_least = "no.bookkeeping.primary"
delete_after = "no.bookkeeping.primary"
"""
    )
    project.enroll()
    assert project.plan("2025-12-31T23:59:59Z")["books delete"]["due"] == 1
    assert project.plan("2026-01-01T00:00:00Z")["books delete"]["due"] == 3


def test_a_limitation_period_is_no_duty_to_keep(project: Project) -> None:
    """A floor names a statute that requires keeping; one that only allows it is a fault."""
    shop(project)
    project.policy(
        """
[rules.books]
table = "orders"
start = "completed_at"
keep_at_least = "no.limitation.general"
"""
    )
    outcome = project.run("check")
    assert outcome.code == 2
    assert "it allows keeping, it does not require it" in outcome.err
