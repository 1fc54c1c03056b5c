"""Keys of every type: rules, tokens, holds by key, explain, and rows that go along."""

from __future__ import annotations

import json
from typing import Any

import pytest
from forks import command
from project import Project
from test_declared import NEW, NIGHT, OLD, contents, counted_night, gone_along

POLICY = """
[rules.things]
table = "things"
start = "closed_on"
delete_after = "1 year"
[references]
"parts.thing" = "delete"
"""
UUIDS = (
    "00000000-0000-0000-0000-000000000001",
    "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)
TEXTS = ("Ab", "æø å|x", "'; --")
# what the column is on each engine; three keys: one goes, one is held, one is not due
KEYS: dict[str, tuple[dict[str, str], tuple[object, object, object]]] = {
    "negative": (dict.fromkeys(("sqlite", "postgresql", "mysql"), "INTEGER"), (-1, -2, -3)),
    "beyond 2^53": (
        dict.fromkeys(("sqlite", "postgresql", "mysql"), "BIGINT"),
        (2**53 + 1, 2**53 + 2, 2**63 - 1),
    ),
    "unsigned": (
        {"sqlite": "NUMERIC(20,0)", "postgresql": "NUMERIC(20,0)", "mysql": "BIGINT UNSIGNED"},
        (2**62 + 1, 2**62 + 2, 2**62 + 3),
    ),
    "text": ({"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "VARCHAR(60)"}, TEXTS),
    "case-blind": (
        {
            "sqlite": "TEXT COLLATE NOCASE",
            "postgresql": "VARCHAR(20)",
            "mysql": "VARCHAR(20) COLLATE utf8mb4_general_ci",
        },
        ("ABc", "dEf", "ghI"),
    ),
    "padded": (
        {"sqlite": "CHAR(8)", "postgresql": "CHAR(8)", "mysql": "CHAR(8)"},
        ("a", "b", "c"),
    ),
    "trailing space": (
        {"sqlite": "TEXT", "postgresql": "TEXT", "mysql": "VARCHAR(20)"},
        ("a ", "b  ", " c"),
    ),
    "uuid": ({"sqlite": "CHAR(36)", "postgresql": "UUID", "mysql": "UUID"}, UUIDS),
    "decimal": (
        dict.fromkeys(("sqlite", "postgresql", "mysql"), "DECIMAL(12,2)"),
        ("1.50", "2.25", "10.75"),
    ),
    "date": (
        dict.fromkeys(("sqlite", "postgresql", "mysql"), "DATE"),
        ("2001-02-03", "2001-02-04", "2001-02-05"),
    ),
}


def things(project: Project, column: str, keys: tuple[object, ...]) -> None:
    """Three things of these keys, the last one not due; each has a part."""
    project.sql(
        f"CREATE TABLE things (code {column} NOT NULL PRIMARY KEY, closed_on DATE)",
        f"CREATE TABLE parts (id INTEGER PRIMARY KEY, thing {column},"
        " FOREIGN KEY (thing) REFERENCES things (code))",
    )
    mark = "?" if project.dialect == "sqlite" else "%s"
    with project.engine.begin() as connection:
        for number, (key, day) in enumerate(zip(keys, (OLD, OLD, NEW), strict=True), start=1):
            connection.exec_driver_sql(f"INSERT INTO things VALUES ({mark}, {day})", (key,))
            connection.exec_driver_sql(f"INSERT INTO parts VALUES ({number}, {mark})", (key,))


def told(project: Project, words: list[str]) -> dict[str, Any]:
    """What a command prints as JSON, its options before its arguments: a key may begin with `-`."""
    code, out, err = command(words, project.folder)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("kind", KEYS)
def test_a_row_of_any_key_is_held_explained_and_taken(project: Project, kind: str) -> None:
    """The key that a person types is the key of the row, whatever its type."""
    columns, keys = KEYS[kind]
    if kind == "unsigned" and project.dialect == "mysql":
        keys = (2**63 + 1, 2**63 + 2, 2**64 - 1)
    things(project, columns[project.dialect], keys)
    project.policy(POLICY)
    project.enroll()
    explain = ["explain", "--at", NIGHT, "--json", "--", "things", str(keys[0])]
    (story,) = told(project, explain)["rules"]
    assert story["also"] == [{"table": "parts", "action": "delete", "rows": 1}]
    row = ("--table", "things", f"--key={keys[1]}")
    held = project.run("hold", "add", "--reason", "claim", "--review", "2027-01-31", *row)
    assert held.code == 0, held.err
    assert project.plan(NIGHT)["things delete"]["held"] == 1
    assert counted_night(project, "things delete")["counts"] == {("parts", "delete"): 1}
    assert contents(project, "parts") == {"parts": [2, 3]}
    gone = told(project, explain)
    assert (gone["state"], len(gone["proof"])) == ("erased", 1)


def test_a_key_of_several_columns(project: Project) -> None:
    """Whole numbers and text side by side, with the sign that joins them in one of the texts."""
    project.sql(
        "CREATE TABLE things (shop INTEGER, code VARCHAR(9), closed_on DATE, PRIMARY KEY (shop, code))",
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, shop INTEGER, code VARCHAR(9),"
        " FOREIGN KEY (shop, code) REFERENCES things (shop, code))",
        f"INSERT INTO things VALUES (1, 'a', {OLD}), (1, 'b|c', {OLD}), (2, 'a', {NEW})",
        "INSERT INTO parts VALUES (1, 1, 'a'), (2, 1, 'b|c'), (3, 2, 'a'), (4, 1, NULL)",
    )
    project.policy(POLICY.replace("parts.thing", "parts.shop, code"))
    project.enroll()
    assert gone_along(project, "things", "1", "a") == [("parts", "delete", 1)]
    held = project.run(
        "hold", "add", "--reason", "claim", "--review", "2027-01-31", "things", "1", "b|c"
    )
    assert held.code == 0, held.err
    assert counted_night(project, "things delete")["counts"] == {("parts", "delete"): 1}
    assert contents(project, "parts") == {"parts": [2, 3, 4]}
    gone = told(project, ["explain", "--at", NIGHT, "--json", "--", "things", "1", "a"])
    assert (gone["state"], len(gone["proof"])) == ("erased", 1)
