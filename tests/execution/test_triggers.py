"""Triggers of the user's are shown, with what they write; rows that we may not see are refused."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import servers
import sqlalchemy as sa
from project import Project

from retention.planning.triggers import written_by

RULES = """
[rules.people]
table = "people"
start = "closed_at"
delete_after = "1 year"

[rules.notes]
table = "notes"
start = "at"
anonymize_after = "1 year"
[rules.notes.anonymize]
body = "null"
"""
BODIES = {
    "audit": "INSERT INTO audit VALUES (OLD.id)",
    "stamp": "UPDATE notes SET seen = 1 WHERE id = OLD.id",
    "arrivals": "INSERT INTO audit VALUES (NEW.id)",
}


def make_trigger(project: Project, name: str, event: str, table: str) -> None:
    """A trigger after that event of the table; its body is BODIES[name]."""
    body = BODIES[name]
    if (project.dialect, name) == ("mysql", "stamp"):
        # MariaDB lets no trigger write its own table
        body = "SET @seen = OLD.id"
    if project.dialect == "sqlite":
        project.sql(f"create trigger {name} after {event} on {table} begin {body}; end")
        return
    if project.dialect == "mysql":
        project.sql(f"create trigger {name} after {event} on {table} for each row {body}")
        return
    project.sql(
        f"create function {name}() returns trigger language plpgsql as"
        f" $$ begin {body}; return null; end $$",
        f"create trigger {name} after {event} on {table} for each row execute function {name}()",
    )


def people(project: Project) -> None:
    """People and notes, some of them old; a table that an audit writes."""
    project.sql(
        "create table people (id integer primary key, closed_at date)",
        "create table notes (id integer primary key, at date, body varchar(20), seen integer)",
        "create table audit (person integer)",
        "insert into people values (1, '2020-01-01'), (2, null)",
        "insert into notes values (1, '2020-01-01', 'hello', 0)",
    )


def test_a_trigger_that_writes_other_tables_is_named_with_them(project: Project) -> None:
    """In `check` and in the plan: what it writes is not in the ledger."""
    people(project)
    make_trigger(project, "audit", "delete", "people")
    make_trigger(project, "arrivals", "insert", "people")
    project.policy(RULES)
    project.enroll()
    told = '"people" has the trigger "audit", which writes "audit" with each DELETE of ours'
    outcome = project.run("check")
    assert outcome.code == 0
    assert told in " ".join((outcome.out + outcome.err).split())
    notes = project.run("plan", "--json", "--at", "2026-06-01").json["notes"]
    assert [note for note in notes if told in note]
    assert not [note for note in notes if "arrivals" in note]
    project.night("2026-06-01")
    assert project.rows("select person from audit") == [(1,)]


def test_a_trigger_that_writes_nothing_else_is_shown(project: Project) -> None:
    """An UPDATE of ours sets it off, so the plan says so."""
    people(project)
    make_trigger(project, "stamp", "update", "notes")
    project.policy(RULES)
    project.enroll()
    outcome = project.run("plan", "--json", "--at", "2026-06-01")
    told = '"notes" has the trigger "stamp", which runs with each UPDATE of ours'
    assert [note for note in outcome.json["notes"] if note == told]


@pytest.mark.parametrize(
    ("body", "tables"),
    [
        ("INSERT INTO audit VALUES (1)", ["audit"]),
        (
            'insert or replace into "Audit Log" select 1; delete from main.`old`',
            ["Audit Log", "old"],
        ),
        ("UPDATE OR IGNORE stock SET n = n - 1", ["stock"]),
        ("update only stock as s set n = 1", ["stock"]),
        ("INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET y = 1", ["a"]),
        ("SELECT 1 FROM t FOR UPDATE", []),
        ("-- DELETE FROM a\n/* INSERT INTO b */ SELECT 'DELETE FROM c'", []),
        ("REPLACE INTO a VALUES (1); INSERT IGNORE INTO a VALUES (2)", ["a"]),
    ],
)
def test_the_tables_that_a_trigger_writes_are_read_from_its_text(
    body: str, tables: list[str]
) -> None:
    """Comments and strings are no code; `DO UPDATE SET` names no table."""
    assert list(written_by(body)) == tables


def test_rows_hidden_by_policies_of_the_database_are_refused_unless_we_see_all(
    tmp_path: Path, postgresql_server: str
) -> None:
    """A role that PostgreSQL's row-level security binds is refused; one that it does not bind works."""
    with servers.fresh_database(postgresql_server) as given:
        check_row_security(Project(tmp_path, given))


def check_row_security(project: Project) -> None:
    """The superuser sees every row; a role with SELECT alone may not."""
    people(project)
    name = f"r_{uuid.uuid4().hex[:12]}"
    project.policy(RULES)
    project.sql("alter table people enable row level security")
    project.enroll()
    assert project.plan("2026-06-01")["people delete"]["due"] == 1
    project.sql(
        f"create role {name} login password 'x'",
        f"grant select on all tables in schema public to {name}",
    )
    url = sa.make_url(project.url).set(username=name, password="x")
    text = project.config.read_text()
    project.config.write_text(text.replace(project.url, url.render_as_string(hide_password=False)))
    try:
        outcome = project.run("plan", "--at", "2026-06-01")
        assert outcome.code == 2
        assert "has row-level security, which may hide rows from us" in outcome.out + outcome.err
    finally:
        project.sql(f"drop owned by {name}", f"drop role {name}")
