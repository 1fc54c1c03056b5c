"""A derived start is written down before the evidence for it goes."""

from __future__ import annotations

import pytest
from project import Project

RULES = """
[rules.tickets]
table = "tickets"
start = {{ latest_of = ["closed_at", "messages.sent_at"] }}
{remember}
delete_after = "3 years"
[rules.messages]
table = "messages"
start = "sent_at"
delete_after = "1 year"
[references]
"messages.ticket_id" = "block"
"""
REMEMBER = 'remember_in = "tickets.last_activity_at"'


def desk(project: Project, remember: str = REMEMBER, kind: str = "") -> None:
    """Three tickets: a late message, no message, a message that stays."""
    ts = kind or ("timestamp" if project.dialect == "postgresql" else "datetime")
    project.sql(
        f"create table tickets (id integer primary key, closed_at {ts} null,"
        f" last_activity_at {ts} null)",
        f"create table messages (id integer primary key, ticket_id integer, sent_at {ts} null,"
        " foreign key (ticket_id) references tickets (id))",
        "insert into tickets values (1, '2020-01-01 10:00:00', null),"
        " (2, '2020-01-01 10:00:00', null), (3, '2020-01-01 10:00:00', null)",
        "insert into messages values (1, 1, '2020-06-01 10:00:00'), (2, 1, '2023-06-01 10:00:00'),"
        " (3, 3, '2025-12-01 10:00:00')",
    )
    project.policy(RULES.format(remember=remember))
    project.enroll()


def test_the_start_is_written_for_rows_that_lose_evidence(project: Project) -> None:
    """The latest message of ticket 1 goes tonight; the others lose nothing."""
    desk(project)
    planned = project.plan("2026-01-01")
    done = project.night("2026-01-01")
    assert planned["tickets remember"]["due"] == done["tickets remember"]["remembered"] == 1
    assert done["messages delete"]["erased"] == 2
    found = dict(project.rows("select id, last_activity_at from tickets"))
    assert str(found[1]) == "2023-06-01 10:00:00"
    assert found[3] is None
    assert 2 not in found
    assert project.night("2026-01-01")["tickets remember"]["due"] == 0
    assert project.run("ledger", "verify").code == 0


def test_the_row_goes_on_the_start_that_was_written_down(project: Project) -> None:
    """Three years after the last message, though no message is left to say so."""
    desk(project)
    project.night("2026-01-01")
    project.night("2026-06-01", "--rule", "tickets")
    assert (1,) in project.rows("select id from tickets")
    project.night("2026-06-02", "--rule", "tickets")
    assert (1,) not in project.rows("select id from tickets")


def test_without_it_the_row_goes_on_the_evidence_that_is_left(project: Project) -> None:
    """Which is why `check` warns, and names the cure."""
    desk(project, remember="")
    project.night("2026-01-01")
    project.night("2026-01-02")
    assert (1,) not in project.rows("select id from tickets")
    assert "remember_in" in project.run("check").err


def test_a_row_goes_in_the_night_in_which_its_last_evidence_goes(project: Project) -> None:
    """What is written down need not be read first, so what blocks may go before."""
    desk(project)
    project.sql("update messages set sent_at = '2020-06-01 10:00:00' where ticket_id = 1")
    done = project.night("2026-01-01")
    assert done["messages delete"]["erased"] == 2
    assert done["tickets delete"]["erased"] == 2
    assert project.rows("select id from tickets") == [(3,)]


def test_starts_are_written_though_their_own_rule_does_not_run(project: Project) -> None:
    """Only the messages' rule is asked for; the tickets' start is safe all the same."""
    desk(project)
    project.night("2026-01-01", "--rule", "messages")
    assert project.value("select count(*) from tickets where last_activity_at is not null") == 1


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('remember_in = "tickets.last_activty_at"', 'did you mean "last_activity_at"?'),
        ('remember_in = "messages.sent_at"', "no reference leads"),
        ('remember_in = "closed_at"', "is read or masked by this rule"),
        ('remember_in = "id"', "is"),
    ],
)
def test_a_column_that_cannot_hold_the_start_is_a_fault(
    project: Project, written: str, told: str
) -> None:
    """Said by `check`, not at night."""
    desk(project, remember=written)
    outcome = project.run("check")
    assert outcome.code == 2
    assert "remember_in" in outcome.err + outcome.out
    assert told in outcome.err + outcome.out
