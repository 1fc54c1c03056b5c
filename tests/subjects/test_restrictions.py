"""Restrictions at a person's own request, their lift, and the view of what may be processed."""

from __future__ import annotations

import pytest
from project import Project

RULES = """
[rules.people]
table = "people"
start = "left_on"
restrict_after = "0 days"
delete_after = "10 years"
{way}
[rules.notes]
table = "notes"
start = "made_on"
anonymize_after = "1 year"
delete_after = "5 years"
anonymize = {{ body = "null" }}
"""
WAYS = {
    "entry": "",
    "set": "restrict = { set = { frozen = true, note = 'closed' } }",
    "move": "restrict = { move_to = 'people_restricted' }",
}


def people(project: Project, way: str = "entry") -> None:
    """Two people who left, with a note each."""
    columns = "(id integer primary key, left_on date, frozen boolean, note varchar(20))"
    project.sql(
        f"create table people {columns}",
        f"create table people_restricted {columns}",
        "create table notes (id integer primary key, person_id integer, made_on date,"
        " body varchar(20))",
        "insert into people values (1, '2020-01-01', false, null)",
        "insert into people values (2, '2020-01-01', false, null)",
        "insert into notes values (10, 1, '2020-01-01', 'a')",
        "insert into notes values (20, 2, '2024-06-01', 'b')",
    )
    project.policy(RULES.format(way=WAYS[way]))
    project.enroll()


def test_a_row_restricted_at_request_is_neither_masked_nor_deleted(project: Project) -> None:
    """Article 18: what the person needs for a claim is not erased while the request stands."""
    people(project)
    for key in ("10", "20"):
        asked = project.run("restriction", "add", "notes", key, "--reason", "my claim")
        assert asked.code == 0, asked.err
    found = project.night("2026-06-01")
    assert (found["notes delete"]["restricted"], found["notes delete"]["erased"]) == (1, 0)
    assert (found["notes anonymize"]["restricted"], found["notes anonymize"]["anonymized"]) == (
        2,
        0,
    )
    assert project.rows("select id, body from notes order by 1") == [(10, "a"), (20, "b")]
    told = project.run("explain", "notes", "10")
    assert "restricted at the person's own request" in told.out, told.err
    assert project.run("restriction", "lift", "notes", "10").code == 0
    assert project.night("2026-06-01")["notes delete"]["erased"] == 1
    assert (
        project.value("select count(*) from retention_restriction where table_name = 'notes'") == 1
    )


def test_a_request_that_a_restore_lost_is_brought_back_before_anything_is_erased(
    project: Project,
) -> None:
    """The ledger's copy is the one that counts."""
    people(project)
    project.run("restriction", "add", "notes", "10", "--reason", "my claim")
    project.sql("delete from retention_restriction")
    assert project.night("2026-06-01")["notes delete"]["erased"] == 0
    assert project.value("select count(*) from notes") == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_lifted_restriction_does_not_come_back(project: Project, way: str) -> None:
    """A lift undoes what the rule did, and the rule leaves the row alone from then on."""
    people(project, way)
    project.night("2026-06-01")
    table = "people_restricted" if way == "move" else "people"
    lifted = project.run("restriction", "lift", table, "1")
    assert lifted.code == 0, lifted.err
    assert "people" in lifted.out
    found = project.night("2026-06-02")["people restrict"]
    assert found["due"] == 0
    assert (1,) in project.rows("select id from people where frozen = false and note is null")
    assert project.run("restriction", "lift", "people", "1").code == 2
    assert project.run("ledger", "verify").code == 0


def test_restrictions_are_listed_without_keys(project: Project) -> None:
    """Rules are counted by table; requests are named one by one."""
    people(project)
    project.night("2026-06-01")
    name = project.run("restriction", "add", "notes", "20", "--reason", "my claim").out.strip()
    out = project.run("restriction", "list").out
    assert "people  people  2 rows  since 2026-06-01" in out
    assert f"{name}  notes  at request" in out
    assert project.run("hold", "list").out == ""


def test_the_view_shows_what_may_be_processed(project: Project) -> None:
    """The application reads the view and sees no restricted row."""
    people(project)
    project.night("2026-06-01")
    project.run("restriction", "lift", "people", "2")
    ddl = project.run("restriction", "view", "people").out
    project.sql(ddl.strip().rstrip(";"))
    assert project.rows("select id from people_unrestricted") == [(2,)]


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("restrict = { set = { frozn = true } }", 'did you mean "frozen"?'),
        ("restrict = { set = { left_on = true } }", "does not hold True"),
        ("restrict = { set = { frozen = true }, move_to = 'x' }", "write { set ="),
        ("restrict = { move_to = 'nowhere' }", 'there is no table "nowhere"'),
        ("restrict = { move_to = 'notes' }", '"notes" has no column "left_on"'),
    ],
)
def test_a_way_to_restrict_that_cannot_work_is_a_fault(
    project: Project, way: str, told: str
) -> None:
    """Each fault says which column or table, and nothing is run."""
    people(project)
    project.policy(RULES.format(way=way))
    outcome = project.run("check")
    assert outcome.code == 2
    assert told in outcome.err + outcome.out
