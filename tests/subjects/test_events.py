"""Events start clocks, by row, and go with their rows."""

from __future__ import annotations

from project import Project

RULE = """
[rules.accounts]
table = "accounts"
start = { event = "account_closed" }
delete_after = "1 year"
"""


def accounts(project: Project) -> None:
    """Three accounts under a rule that waits for their closing."""
    project.sql("create table accounts (id integer primary key, name varchar(20))")
    project.sql(*(f"insert into accounts values ({number}, 'x')" for number in (1, 2, 3)))
    project.policy(RULE)
    project.enroll()


def test_an_event_starts_the_clock_of_its_row_alone(project: Project) -> None:
    """The row with the event is due a year after it; the others' clocks have not started."""
    accounts(project)
    closing = ("account_closed", "--table", "accounts", "--key", "2")
    outcome = project.run("event", "record", *closing, "--at", "2024-01-10T12:00:00Z")
    assert outcome.code == 0, outcome.err
    assert project.plan("2025-01-10T23:59:59Z")["accounts delete"]["due"] == 0
    found = project.night("2025-01-11T00:00:00Z")["accounts delete"]
    assert (found["erased"], found["not_started"]) == (1, 2)
    assert project.rows("select id from accounts order by id") == [(1,), (3,)]


def test_an_id_that_is_issued_again_does_not_inherit_the_event(project: Project) -> None:
    """The event goes with its row, so that a new row with the same id is not due."""
    accounts(project)
    closing = ("account_closed", "--table", "accounts", "--key", "2")
    project.run("event", "record", *closing, "--at", "2024-01-10T12:00:00Z")
    project.night("2025-06-01")
    project.sql("insert into accounts values (2, 'new')")
    assert project.plan("2026-06-01")["accounts delete"]["not_started"] == 3


def test_many_events_come_from_a_file_all_or_none(project: Project) -> None:
    """A file with a mistake records nothing, and the message names its line."""
    accounts(project)
    file = project.folder / "closed.csv"
    file.write_text("id,at\n1,2024-01-10T12:00:00Z\n9,2024-01-10T12:00:00Z\n")
    outcome = project.run(
        "event", "record", "account_closed", "--table", "accounts", "--csv", str(file)
    )
    assert outcome.code == 2
    assert project.value("select count(*) from retention_event") == 0
    file.write_text("id,at\n1,2024-01-10T12:00:00Z\n3,2024-01-11T12:00:00Z\n")
    outcome = project.run(
        "event", "record", "account_closed", "--table", "accounts", "--csv", str(file)
    )
    assert outcome.code == 0, outcome.err
    assert project.plan("2026-01-01")["accounts delete"]["due"] == 2


def test_an_event_without_a_key_is_refused(project: Project) -> None:
    """No event ever speaks of all rows at once."""
    accounts(project)
    outcome = project.run("event", "record", "account_closed", "--table", "accounts")
    assert outcome.code == 2
    assert "needs a row" in outcome.err
