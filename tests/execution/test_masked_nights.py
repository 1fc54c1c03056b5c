"""Whole nights of masking: what is masked stays masked, and nothing else of the row is touched."""

from __future__ import annotations

import json

import pytest
from project import Project

RULE = """
[rules.people]
table = "people"
start = "closed_at"
anonymize_after = "1 year"
[rules.people.anonymize]
"""
FORMS = """
name = { keep_first = 1 }
phone = { keep_last = 2 }
ip = { network = [24, 48] }
age = { one_of = "<18|18-29|30-49|50+" }
seen = { truncate = "year" }
income = { round = 1000 }
details = { json = { "$.customer.email" = "null", "$.device.ip" = { network = [24, 48] } } }
tags = "empty"
"""


def types(project: Project) -> dict[str, str]:
    """Column types that the engines spell differently."""
    return {
        "sqlite": {"ts": "datetime", "json": "text", "on_update": ""},
        "postgresql": {"ts": "timestamp", "json": "jsonb", "on_update": ""},
        "mysql": {
            "ts": "datetime",
            "json": "json",
            "on_update": "on update current_timestamp",
        },
    }[project.dialect]


def people(project: Project) -> None:
    """Three people, two of whom left long ago."""
    project.sql(
        "create table people (id integer primary key, closed_at {ts} null, name varchar(40),"
        " phone varchar(20), ip varchar(45), age varchar(10), seen bigint, income integer,"
        " details {json}, tags {json} not null)".format(**types(project))
    )
    details = json.dumps({"customer": {"email": "a@b.c", "id": 7}, "device": {"ip": "10.1.2.3"}})
    for key, closed in ((1, "'2020-01-01'"), (2, "'2020-01-01'"), (3, "null")):
        project.sql(
            f"insert into people values ({key}, {closed}, 'Åse', '+47 91234567', '::ffff:10.1.2.3',"
            f" '34', 1600000000123, 523999, '{details}', '[1]')"
        )


OLD = {
    "interval": "3 days",
    "money": "7",
    "bit(3)": "111",
    "varbit": "1",
    "macaddr": "000000000001",
    "point": "1,1",
    "box": "(2,2),(3,3)",
    "tsvector": "c",
    "int4range": "[7,8]",
    "jsonpath": "$.b",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "cidr": "11.0.0.0/8",
    "char(5)": "xy",
    "mood": "calm",
    "year": "1999",
}
"""What stands there before, by type; a time where nothing is said."""
SPELLED = {
    "sqlite": {"time": "00:00"},
    "postgresql": {
        "time": "00:00",
        "time(0)": "00:00:00.4",
        "timetz": "00:00",
        "clock": "00:00",
        "interval": "12 months",
        "money": "0",
        "bit(3)": "000",
        "varbit": "01",
        "macaddr": "000000000000",
        "point": "0,0",
        "box": "(0,0),(1,1)",
        "tsvector": "b a",
        "int4range": "[1,5]",
        "jsonpath": "$.a",
        "uuid": "{0000000000000000-0000000000000000}",
        "cidr": "10.0.0.0/8",
        "char(5)": "ab",
        "mood": "calm",
    },
    "mysql": {"time": "00:00", "year": "2001", "uuid": "0" * 32},
}


def test_a_value_that_the_database_spells_its_own_way_is_masked_once(project: Project) -> None:
    """'00:00' is kept as 00:00:00: the next night knows it again, and so does the recount."""
    if project.dialect == "postgresql":
        project.sql("create type mood as enum ('calm')")
        project.sql("create domain clock as time")
    spelled = SPELLED[project.dialect]
    columns = "".join(f", c{number} {kind} null" for number, kind in enumerate(spelled))
    project.sql(f"create table people (id integer primary key, closed_at date{columns})")
    names = ", ".join(f"c{number}" for number in range(len(spelled)))
    values = ", ".join(f"'{OLD.get(kind, '12:00')}'" for kind in spelled)
    project.sql(f"insert into people (id, closed_at, {names}) values (1, '2020-01-01', {values})")
    masks = [f"c{number} = {{ text = '{text}' }}" for number, text in enumerate(spelled.values())]
    project.policy(RULE + "\n".join(masks))
    project.enroll()
    assert project.night("2026-06-01")["people anonymize"]["anonymized"] == 1
    assert project.plan("2026-06-02")["people anonymize"]["due"] == 0
    assert project.night("2026-06-02")["people anonymize"]["anonymized"] == 0


@pytest.mark.parametrize("details", ["{", '{"customer": {"email": "x@y.z"}, "customer": {}}'])
def test_every_form_is_carried_out_and_known_again(project: Project, details: str) -> None:
    """What a night masks, the plan of the next night counts as done; broken JSON stops nothing."""
    people(project)
    if project.dialect == "sqlite":
        project.sql(f"update people set details = '{details}' where id = 2")
    project.policy(RULE + FORMS)
    project.enroll()
    assert project.plan("2026-06-01")["people anonymize"]["due"] == 2
    assert project.night("2026-06-01")["people anonymize"]["anonymized"] == 2
    found = project.rows(
        "select name, phone, ip, age, seen, income, details, tags from people where id = 1"
    )[0]
    assert found[:6] == ("Å", "67", "::ffff:10.1.2.0", "30-49", 1577836800000, 523000)
    document, tags = (json.loads(it or '""') if isinstance(it, str) else it for it in found[6:])
    assert document == {"customer": {"email": None, "id": 7}, "device": {"ip": "10.1.2.0"}}
    assert tags in ([], "")
    if project.dialect == "sqlite":
        assert project.value("select details from people where id = 2") == "{}"
    assert project.value("select name from people where id = 3") == "Åse"
    assert project.plan("2026-06-02")["people anonymize"]["due"] == 0
    assert project.night("2026-06-02")["people anonymize"]["anonymized"] == 0


def test_broken_json_in_text_of_mariadb_stops_nothing(server_project: Project) -> None:
    """The document that cannot be read becomes {}; the others are masked."""
    if server_project.dialect != "mysql":
        return
    server_project.sql(
        "create table people (id integer primary key, closed_at datetime null, doc text)",
        "insert into people values (1, '2020-01-01', '{\"a\": 1, \"b\": 2}'),"
        " (2, '2020-01-01', 'a@b.c'), (3, '2020-01-01', '')",
    )
    server_project.policy(RULE + 'doc = { json = { "$.a" = "null" } }\n')
    server_project.enroll()
    assert server_project.night("2026-06-01")["people anonymize"]["anonymized"] == 2
    found = server_project.rows("select doc from people order by id")
    assert [json.loads(doc or '""') for (doc,) in found] == [{"a": None, "b": 2}, {}, ""]


@pytest.mark.parametrize("mask", ["{ text = 'gone → away' }", "{ template = '{id} →' }"])
@pytest.mark.parametrize("characters", ["latin1", "ascii", "utf8mb3"])
def test_letters_that_a_column_of_mariadb_lacks_are_told_beforehand(
    server_project: Project, mask: str, characters: str
) -> None:
    """Otherwise the night would fail; a character set that has the letter takes it."""
    if server_project.dialect != "mysql":
        return
    server_project.sql(
        "create table people (id integer primary key, closed_at datetime null,"
        f" name varchar(40) character set {characters})"
    )
    server_project.policy(RULE + f"name = {mask}\n")
    outcome = server_project.run("check")
    told = f'"name": holds {characters}, which has no "→"' in outcome.err + outcome.out
    assert (outcome.code, told) == ((0, False) if characters == "utf8mb3" else (2, True))


def test_the_time_of_change_and_dates_that_are_none_stay(server_project: Project) -> None:
    """MariaDB sets no ON UPDATE column anew, and a zero date in the row does not stop it."""
    if server_project.dialect != "mysql":
        return
    server_project.sql(
        "set sql_mode = ''",
        "create table people (id integer primary key, closed_at datetime null, name varchar(40),"
        " born date, left_on date, changed timestamp not null default current_timestamp"
        " on update current_timestamp)",
        "insert into people values (1, '2020-01-01', 'Åse', '0000-00-00', '0000-00-00',"
        " '2020-01-01 10:00:00'), (2, '2020-01-01', 'Bo', '1975-00-00', null,"
        " '0000-00-00 00:00:00')",
    )
    server_project.policy(RULE + 'name = "null"\nborn = { truncate = "decade" }\n')
    server_project.enroll()
    assert server_project.night("2026-06-01")["people anonymize"]["anonymized"] == 2
    assert server_project.rows(
        "select name, cast(born as char), cast(left_on as char), cast(changed as char) from people"
    ) == [
        (None, "0000-00-00", "0000-00-00", "2020-01-01 10:00:00"),
        (None, "1970-01-01", None, "0000-00-00 00:00:00"),
    ]
    assert server_project.plan("2026-06-02")["people anonymize"]["due"] == 0


STEPS = ("first anonymize", "second anonymize")


def test_what_another_rule_masks_that_night_is_not_kept_by_a_floor(project: Project) -> None:
    """A floor is named only where it keeps something: a name that is masked already is no reason."""
    rule = """
[rules.{name}]
table = "people"
start = "closed_at"
anonymize_after = "{after}"
[rules.{name}.anonymize]
name = {{ text = "x" }}
phone = "null"
"""
    floor = """
[rules.books]
table = "people"
start = "closed_at"
keep_at_least = "99 years"
protects = ["name"]
"""
    people(project)
    project.sql("update people set name = 'x' where id = 1")
    after = {"first": "1 year", "second": "2 years"}
    project.policy("".join(rule.format(name=it, after=after[it]) for it in after) + floor)
    project.enroll()
    planned = project.plan("2026-01-01T00:00")
    told = {name: (planned[name]["due"], planned[name]["kept"]) for name in STEPS}
    assert sorted(told.values()) == [(0, 1), (2, 0)]
    night = project.night("2026-01-01T00:00")
    assert {name: night[name]["anonymized"] for name in STEPS} == {
        name: due for name, (due, _) in told.items()
    }
