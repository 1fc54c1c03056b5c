"""What `check` says of the values that clocks read, and a plan does not repeat every night."""

from __future__ import annotations

import pytest
from project import Project

RULES = """
[rules.tickets]
table = "tickets"
start = { latest_of = ["closed_at", "messages.sent_at"] }
requires = ["closed_at"]
delete_after = "1 year"
%s

[rules.days]
table = "days"
start = "day"
delete_after = "1 year"

[references]
"messages.ticket_id" = "delete"
"""
READ_AS_UTC = "times without a zone are read as UTC: tickets.closed_at, messages.sent_at;"
PASSED_OVER = '"messages.sent_at" is missing in some rows: these are passed over'


def tickets(project: Project, sent: str) -> None:
    """Tickets with messages, and a table of days, which have no time and need no zone."""
    project.sql(
        "create table tickets (id integer primary key, closed_at timestamp null)",
        "create table messages (id integer primary key, ticket_id integer references tickets (id),"
        " sent_at timestamp null)".replace("timestamp", "varchar(40)"),
        "create table days (id integer primary key, day date)",
        "insert into tickets values (1, '2020-01-01 10:00:00')",
        "insert into messages values (1, 1, '2020-01-02 10:00:00')",
        f"insert into messages values (2, 1, {sent})",
        "insert into days values (1, '2020-01-01')",
    )


def told(project: Project, extra: str, zone: str) -> str:
    """What `check` prints, on one line."""
    project.policy(RULES % extra, zone=zone)
    outcome = project.run("check")
    assert outcome.code == 0, outcome.out + outcome.err
    return " ".join((outcome.out + outcome.err).split())


def test_times_without_a_zone_are_told_until_the_rule_says_what_they_are(project: Project) -> None:
    """Once for all columns; not for days, not where the rule says so, not for a policy in UTC."""
    tickets(project, "'2020-01-03 10:00:00'")
    if project.dialect == "mysql":
        project.sql("alter table tickets modify closed_at datetime null")
    found = told(project, "", "Europe/Oslo")
    assert READ_AS_UTC in found
    assert 'stored_in = "Europe/Oslo"' in found
    assert PASSED_OVER not in found
    project.enroll()
    plan = project.run("plan", "--json", "--at", "2026-06-01")
    assert not [note for note in plan.json["notes"] if "UTC" in note]
    assert "read as UTC" not in told(project, 'stored_in = "UTC"', "Europe/Oslo")
    assert "read as UTC" not in told(project, "", "UTC")


@pytest.mark.parametrize("sent", ["null", "''"])
def test_child_rows_without_a_date_are_told(project: Project, sent: str) -> None:
    """`latest_of` passes them over, so the row may go though one of them has no date yet."""
    tickets(project, sent)
    assert PASSED_OVER in told(project, "", "UTC")
