"""Masks that a column cannot hold are faults of `check`, on every engine that would refuse them."""

from __future__ import annotations

import pytest
from project import Project

HEAD = """
[rules.people]
table = "people"
start = "closed_at"
anonymize_after = "1 year"
[rules.people.anonymize]
"""
COLUMNS = {
    "short": "varchar(8)",
    "required": "varchar(40) not null",
    "mail": "varchar(60) unique",
    "small": "smallint",
    "money": "decimal(6,2)",
    "born": "date",
    "checked": "varchar(20) check (checked <> 'no')",
    "pair": "varchar(20)",
    "plain": "text",
    "login": "varchar(40)",
}


def people(project: Project, **more: str) -> None:
    """A table with one column of each kind."""
    columns = {**COLUMNS, **more}
    listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    ts = "timestamp" if project.dialect == "postgresql" else "datetime"
    project.sql(
        f"create table people (id integer primary key, closed_at {ts} null, {listed},"
        " constraint both_said check (pair is not null or plain is not null))"
    )


def told(project: Project, masks: str) -> str:
    """What `check` says of these masks; a failure ends with exit code 2."""
    project.policy(HEAD + masks)
    outcome = project.run("check")
    assert outcome.code == 2, outcome.out + outcome.err
    return outcome.err


@pytest.mark.parametrize(
    ("mask", "fault"),
    [
        ('short = { text = "far too long" }', "longer than its 8 characters"),
        ('short = { template = "gone-{id}" }', "can be longer than its 8 characters"),
        ('short = { one_of = "<1000000|1000000-9999999" }', "longer than its 8 characters"),
        ('required = "null"', "is NOT NULL"),
        ('mail = "empty"', "is UNIQUE"),
        ("mail = { keep_last = 2 }", "is UNIQUE"),
        ('mail = { template = "gone-{small}" }', "put the key (id) into the template"),
        ("small = { value = 40000 }", "which holds"),
        ("small = { value = 1.5 }", "write a whole number"),
        ('small = "empty"', "has nothing empty"),
        ('small = { one_of = "<18|18+" }', "a band is text"),
        ("small = { keep_last = 2 }", "keep_last take text"),
        ("money = { value = 0.125 }", "has more decimals"),
        ('born = { text = "x" }', 'write "null"'),
        ("born = { value = 2000-01-01T10:00:00 }", "holds no time"),
        ('born = { json = { "$.a" = "null" } }', "hold a document"),
        ("plain = { value = 3 }", "holds no number"),
        ("plain = { value = true }", "holds no true or false"),
        ('checked = { text = "no" }', "refuses the masked value"),
        ('plain = { template = "{missing}" }', "does not have"),
        ('plain = { json = { "$.a" = { template = "{nope}" } } }', ""),
    ],
)
def test_a_mask_that_does_not_fit_is_a_fault(project: Project, mask: str, fault: str) -> None:
    """The message names the column and what it cannot hold."""
    if project.dialect == "sqlite" and ("40000" in mask or "0.125" in mask):
        return
    people(project)
    assert fault in told(project, mask)


def test_masks_that_fit_are_no_fault(project: Project) -> None:
    """One of every form, each in a column that can hold it."""
    people(project)
    project.policy(
        HEAD
        + """
short = { keep_first = 1 }
required = { template = "gone-{id}" }
mail = { template = "{id}@invalid" }
small = { round = 10 }
money = { value = 0.5 }
born = { value = 1900-01-01 }
checked = { text = "yes" }
login = { one_of = "<18|18+" }
"""
    )
    outcome = project.run("check")
    assert outcome.code == 0, outcome.err + outcome.out


def test_a_check_that_reads_other_columns_too_is_a_warning(project: Project) -> None:
    """Nobody can tell beforehand; the constraint is named."""
    people(project)
    project.policy(HEAD + 'pair = "null"\n')
    outcome = project.run("check")
    assert outcome.code == 0
    assert 'CHECK "both_said"' in outcome.out + outcome.err


def test_a_unique_index_over_an_expression_counts(project: Project) -> None:
    """lower(login) is unique, so one value for all rows is not."""
    if project.dialect == "mysql":
        return
    people(project)
    project.sql("create unique index one_login on people (lower(login))")
    assert "is UNIQUE" in told(project, 'login = { text = "gone" }')


def test_only_values_of_an_enum_fit_it(server_project: Project) -> None:
    """PostgreSQL and MariaDB tell their values; a mask that makes text does not fit either."""
    kind = "enum('new','gone')"
    if server_project.dialect == "postgresql":
        server_project.sql(f"create type state as {kind}")
        kind = "state"
    people(server_project, state=kind)
    assert "is none of its values (new, gone)" in told(server_project, 'state = { text = "x" }')
    assert "take text" in told(server_project, "state = { keep_first = 1 }")
    server_project.policy(HEAD + 'state = { text = "gone" }\n')
    assert server_project.run("check").code == 0


def test_a_domain_is_known_by_its_type(server_project: Project) -> None:
    """Length and NOT NULL of a PostgreSQL domain are those of the column."""
    if server_project.dialect != "postgresql":
        return
    server_project.sql("create domain nick as varchar(5) not null")
    people(server_project, nick="nick default 'x'")
    assert "longer than its 5 characters" in told(server_project, 'nick = { text = "[erased]" }')
    assert "is NOT NULL" in told(server_project, 'nick = "null"')


def test_a_text_column_of_postgresql_holds_no_document(server_project: Project) -> None:
    """PostgreSQL cannot tell broken JSON in text without failing; json and jsonb are read."""
    people(server_project)
    masks = 'plain = { json = { "$.a" = "null" } }'
    if server_project.dialect == "postgresql":
        assert "only json and jsonb hold a document" in told(server_project, masks)


def test_a_column_that_others_refer_to_cannot_be_masked(project: Project) -> None:
    """Declared or not: the rows that refer would change along, or refer to nothing."""
    people(project)
    project.sql(
        "create table letters (id integer primary key, mail varchar(60), login varchar(40))"
    )
    fault = '"letters.mail" refers to it: its rows would change with it, or refer to nothing'
    refers = '[references]\n"letters.mail" = { to = "people.mail", then = "leave" }\n'
    assert fault in told(project, 'mail = { template = "gone-{id}" }\n' + refers)


def test_a_column_that_others_refer_to_by_a_declared_key_cannot_be_masked(
    server_project: Project,
) -> None:
    """ON UPDATE CASCADE would change rows that nobody counts, held ones among them."""
    people(server_project)
    server_project.sql(
        "create table letters (id integer primary key, mail varchar(60),"
        " foreign key (mail) references people (mail) on update cascade)"
    )
    fault = '"letters.mail" refers to it: its rows would change with it, or refer to nothing'
    assert fault in told(server_project, 'mail = { template = "gone-{id}" }\n')
