"""Pseudonyms: equal values stay equal, nobody reads them back, and a second night knows them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from project import Project

from retention.databases.dialects.mariadb import MariaDB
from retention.databases.dialects.postgresql import PostgreSQL
from retention.databases.dialects.sqlite import SQLite
from retention.policies.masking.pseudonyms import WIDTH, is_pseudonym, pseudonym

KEY = b"k" * 32
DIALECTS = {"sqlite": SQLite(), "postgresql": PostgreSQL(), "mysql": MariaDB()}
RULES = """
[rules.people]
table = "people"
start = "closed_at"
anonymize_after = "1 year"
[rules.people.anonymize]
"email, letters.sender" = "pseudonym"
name = { text = "[erased]" }

[rules.readers]
table = "readers"
start = "left_at"
anonymize_after = "1 year"
[rules.readers.anonymize]
email = "pseudonym"

[references]
"letters.person_country, letters.person_number" = "leave"
"""


def people(project: Project) -> None:
    """People with letters, known by two columns; readers of a newsletter, some of them the same."""
    project.sql(
        "create table people (country varchar(2), number integer, closed_at date, name varchar(40),"
        " email varchar(60) unique, primary key (country, number))",
        "create table letters (id integer primary key, person_country varchar(2),"
        " person_number integer, sender varchar(60), foreign key (person_country, person_number)"
        " references people (country, number))",
        "create table readers (id integer primary key, left_at date, email varchar(60) not null)",
        "insert into people values ('NO', 1, '2020-01-01', 'Anna', 'anna@x.no'),"
        " ('NO', 2, '2020-01-01', 'Bo', ''), ('SE', 1, null, 'Cem', 'cem@x.no'),"
        " ('SE', 2, '2020-01-01', 'Eva', null)",
        "insert into letters values (1, 'NO', 1, 'anna@x.no'), (2, 'SE', 1, 'cem@x.no'),"
        " (3, 'NO', 1, 'Anna@x.no')",
        "insert into readers values (1, '2020-01-01', 'anna@x.no'), (2, '2020-01-01', 'dan@x.no')",
    )


def test_equal_values_become_equal_tokens_and_stay_so(project: Project) -> None:
    """Across tables and composite keys; what was nothing stays nothing; a second night is idle."""
    people(project)
    project.policy(RULES)
    project.enroll()
    planned = project.plan("2026-06-01")
    assert {name: found["due"] for name, found in planned.items()} == {
        "people anonymize": 3,
        "readers anonymize": 2,
    }
    told = "email, sender pseudonymized, still personal data"
    assert told in planned["people anonymize"]["why"]
    assert told in project.night("2026-06-01")["people anonymize"]["why"]
    emails = dict(project.rows("select name, email from people where name is not null"))
    senders = dict(project.rows("select id, sender from letters"))
    readers = dict(project.rows("select id, email from readers"))
    anna = senders[1]
    assert is_pseudonym(anna)
    assert emails["Cem"] == senders[2] == "cem@x.no"
    stored = [
        found for (found,) in project.rows("select email from people where closed_at is not null")
    ]
    assert sorted(stored, key=str) == sorted([anna, "", None], key=str)
    assert readers[1] == anna
    assert len({anna, senders[3], readers[2]}) == 3
    assert all(map(is_pseudonym, (senders[3], readers[2])))
    before = project.rows("select * from people order by 1, 2")
    assert project.plan("2026-06-02")["people anonymize"]["due"] == 0
    project.night("2026-06-02")
    assert project.rows("select * from people order by 1, 2") == before


def test_a_portion_pseudonymizes_the_rows_it_takes_and_no_others(project: Project) -> None:
    """Two of five rows a night: what is not taken is read as it was."""
    project.sql("create table people (id integer primary key, closed_at date, email text)")
    for key in range(1, 6):
        project.sql(f"insert into people values ({key}, '2020-01-01', 'p{key}@x.no')")
    rule = RULES.partition("[rules.readers]")[0].replace("email, letters.sender", "email")
    rule = rule.replace('name = { text = "[erased]" }', "")
    limits = 'limits = { rows_per_run = 2, over_limit = "portion" }\n'
    project.policy(rule.replace('start = "closed_at"\n', 'start = "closed_at"\n' + limits))
    project.enroll()
    done = []
    for night in ("2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04"):
        project.night(night)
        done.append(project.value("select count(*) from people where substr(email, 1, 3) = 'pn_'"))
    assert done == [2, 4, 5, 5]


def test_a_floor_keeps_a_name_until_it_is_over(project: Project) -> None:
    """A protected column keeps its value; the night after the floor, it becomes a token."""
    people(project)
    floor = """
[rules.books]
table = "people"
start = "closed_at"
keep_at_least = "6 years"
protects = ["email"]
"""
    project.policy(RULES + floor)
    project.enroll()
    project.night("2025-06-01")
    query = "select email from people where country = 'NO' and number = 1"
    assert project.value(query) == "anna@x.no"
    assert is_pseudonym(project.value("select sender from letters where id = 1"))
    project.night("2026-06-01")
    assert is_pseudonym(project.value(query))


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ("short", "holds 20 characters; a pseudonym has 29"),
        ("age", "a pseudonym is text"),
        ("id", "a key cannot be masked"),
    ],
)
def test_a_column_that_holds_no_token_is_a_fault(project: Project, column: str, fault: str) -> None:
    """Said by `check`, before the first night."""
    project.sql(
        "create table people (id integer primary key, closed_at date, short varchar(20), age integer)"
    )
    rule = RULES.partition("[rules.people.anonymize]")[0] + "[rules.people.anonymize]\n"
    project.policy(rule + f'{column} = "pseudonym"\n')
    outcome = project.run("check")
    assert outcome.code == 2
    assert fault in outcome.out + outcome.err


@given(st.binary(min_size=32, max_size=32), st.text(), st.text())
def test_a_token_has_its_form_and_tells_values_apart(key: bytes, one: str, other: str) -> None:
    """29 characters, the same each time; another value, or another key, gives another token."""
    one, other = (text.encode("utf-8", "ignore").decode() for text in (one, other))
    token = pseudonym(key, one)
    assert is_pseudonym(token)
    assert len(token) == WIDTH
    assert pseudonym(key, one) == token
    assert (pseudonym(key, other) == token) == (one == other)
    assert pseudonym(KEY, one) == token or key != KEY


LOOK_ALIKES = (
    pseudonym(KEY, "x"),
    pseudonym(KEY, "x").upper(),
    pseudonym(KEY, "x") + "\n",
    pseudonym(KEY, "x") + " ",
    pseudonym(KEY, "x")[:-1],
    "pn_abcdefghijk@example.com.no",
    "pn_" + "1" * 26,
    "pn_" + "ä" * 26,
    "",
)


def test_every_engine_knows_a_token_as_we_do(database_url: str) -> None:
    """What looks like one and is none would stay in clear for ever."""
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        found = []
        for text in LOOK_ALIKES:
            value = sa.cast(sa.literal(text), sa.Text() if engine.name != "mysql" else sa.CHAR())
            test = DIALECTS[engine.name].is_pseudonym(value)
            found.append(bool(connection.execute(sa.select(test)).scalar()))
    engine.dispose()
    assert found == list(map(is_pseudonym, LOOK_ALIKES)) == [True, *[False] * 8]
