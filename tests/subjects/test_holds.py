"""Legal holds, on every engine."""

from __future__ import annotations

from project import Project

RULES = """
[rules.people]
table = "people"
start = "left_on"
delete_after = "1 year"
[rules.notes]
table = "notes"
start = "made_on"
anonymize_after = "1 year"
anonymize = { body = { text = "[erased]" } }
[references]
"notes.person_id" = "delete"
"""


def people(project: Project) -> None:
    """Two people with a note each, all past their period."""
    project.sql(
        "create table people (id integer primary key, left_on date)",
        "create table notes (id integer primary key, person_id integer, made_on date,"
        " body varchar(20), foreign key (person_id) references people (id))",
        "insert into people values (1, '2020-01-01')",
        "insert into people values (2, '2020-01-01')",
        "insert into notes values (10, 1, '2020-01-01', 'a')",
        "insert into notes values (20, 2, '2020-01-01', 'b')",
    )
    project.policy(RULES)
    project.enroll()


def test_a_held_row_stays_and_goes_once_it_is_released(project: Project) -> None:
    """Held, counted, left alone; released, erased the next night."""
    people(project)
    placed = project.run(
        "hold", "add", "people", "1", "--reason", "claim", "--review", "2027-01-31"
    )
    assert placed.code == 0, placed.err
    hold = placed.out.strip()
    found = project.night("2026-06-01")["people delete"]
    assert (found["erased"], found["held"]) == (1, 1)
    assert project.rows("select id from people") == [(1,)]
    assert hold in project.run("hold", "list").out
    assert project.run("hold", "release", hold).code == 0
    assert project.night("2026-06-01")["people delete"]["erased"] == 1


def test_a_released_hold_goes_with_its_row_and_does_not_come_back(project: Project) -> None:
    """The key of a person who is gone stands in none of our tables, on no later night either."""
    people(project)
    hold = project.run("hold", "add", "people", "1", "--reason", "claim").out.strip()
    assert project.run("hold", "release", hold).code == 0
    for _ in range(2):
        project.night("2026-06-01")
        assert project.value("select count(*) from retention_hold") == 0


def test_a_hold_on_a_child_keeps_its_parent_and_its_mask_away(project: Project) -> None:
    """A held note is neither masked nor taken with its person, who waits for it."""
    people(project)
    assert project.run("hold", "add", "--table", "notes", "--key", "10", "--reason", "x").code == 0
    found = project.night("2026-06-01")
    assert (found["people delete"]["erased"], found["people delete"]["held"]) == (1, 1)
    assert project.rows("select id, body from notes") == [(10, "a")]


def test_a_hold_that_a_restore_lost_is_brought_back_before_anything_is_erased(
    project: Project,
) -> None:
    """The ledger's holds are the ones that count."""
    people(project)
    project.run("hold", "add", "people", "1", "--reason", "claim")
    project.sql("delete from retention_hold")
    project.night("2026-06-01")
    assert project.rows("select id from people") == [(1,)]


def test_the_reason_and_the_key_of_a_hold_stand_in_the_ledger_only_sealed(
    project: Project,
) -> None:
    """Nobody reads a name or a reason from the ledger's file."""
    people(project)
    project.run("hold", "add", "people", "1", "--reason", "claim of Kari Nordmann")
    content = b"".join(
        path.read_bytes() for path in project.folder.glob("ledger.db*") if path.is_file()
    )
    assert b"Nordmann" not in content


def test_a_hold_on_a_row_that_is_not_there_is_refused(project: Project) -> None:
    """No row, no table, no reason: nothing is placed, and the message says so."""
    people(project)
    for words in (
        ("people", "77", "--reason", "x"),
        ("peple", "1", "--reason", "x"),
        ("people", "1"),
        ("people", "--key=--5", "--reason", "x"),
    ):
        outcome = project.run("hold", "add", *words)
        assert outcome.code == 2, words
        assert "Traceback" not in outcome.err
    assert project.run("hold", "list").out == ""


def test_a_table_that_was_renamed_loses_none_of_its_holds(project: Project) -> None:
    """Nothing is done until each hold is placed anew; the message says how."""
    people(project)
    hold = project.run("hold", "add", "notes", "10", "--reason", "claim").out.strip()
    project.sql("alter table notes rename to remarks")
    project.policy(
        RULES.replace('"notes.', '"remarks.').replace('table = "notes"', 'table = "remarks"')
    )
    for command in ("check", "plan", "run"):
        outcome = project.run(command)
        assert outcome.code == 2, outcome.out + outcome.err
        told = " ".join((outcome.out + outcome.err).split())
        assert f'the hold {hold} is on a row of "notes", and there is no such table' in told
    assert project.value("select count(*) from remarks where body in ('a', 'b')") == 2
    placed = project.run("hold", "add", "remarks", "10", "--reason", "claim")
    assert placed.code == 0, placed.err
    assert project.run("hold", "release", hold).code == 0
    assert project.night("2026-06-01")["people delete"]["held"] == 1
    assert project.rows("select id from people") == [(1,)]
