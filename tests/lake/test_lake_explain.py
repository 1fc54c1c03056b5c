"""`explain` over a lake table: the screen of a row of a database, for the row that has these values."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from lakes import ids, write
from project import Project

TABLE = "delta://lake/events"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
anonymize_after = "30 days"
promise = "We keep visits for 90 days."
unless = {{ "claim" = "state = 'claim'" }}
[rules.events.anonymize]
email = "null"
[rules.law]
table = "{TABLE}"
where = "state = 'law'"
start = "at"
keep_at_least = "1 year"
protects = ["name"]
"""
AT = ("--at", "2026-06-01T12:00")
ROWS: list[dict[str, Any]] = [
    {"id": 1, "at": datetime(2025, 1, 1), "state": "", "email": "a@example.org"},
    {"id": 2, "at": datetime(2026, 5, 31), "state": "", "email": "b@example.org"},
    {"id": 3, "at": None, "state": "", "email": "c@example.org"},
    {"id": 4, "at": datetime(2025, 1, 1), "state": "claim", "email": "d@example.org"},
    {"id": 5, "at": datetime(2026, 1, 1), "state": "law", "email": "e@example.org"},
    {"id": 6, "at": datetime(2026, 4, 15), "state": "", "email": "f@example.org"},
    {"id": 6, "at": datetime(2026, 4, 15), "state": "law", "email": "f@example.org"},
]
EVERY = {"name": "n", "day": date(2026, 1, 1)}


@pytest.fixture
def folder(lake: Project) -> Path:
    """Rows of every kind: due, running, not started, excepted, kept, to be masked, and a pair."""
    found = lake.folder / "lake" / "events"
    write(found, [row | EVERY for row in ROWS])
    lake.policy(RULES)
    return found


def told(lake: Project, *words: str) -> dict[str, Any]:
    """The row's story as JSON."""
    found = lake.run("explain", TABLE, *words, "--json", *AT)
    assert found.code == 0, found.err
    return found.json


def outcomes(story: dict[str, Any]) -> dict[str, str]:
    """What becomes of the row, by "rule action"."""
    return {f"{rule['rule']} {rule['action']}": rule["outcome"] for rule in story["rules"]}


def test_the_row_is_told_as_a_row_of_a_database_is(lake: Project, folder: Path) -> None:
    """State, day, promise, what its clock reads, its last copy; no value but the clock's time."""
    found = lake.run("explain", TABLE, "id=1", *AT)
    assert (found.code, found.err) == (0, "")
    for said in (
        f"one row of {TABLE}, as of 2026-06-01 12:00",
        "events: delete",
        'promise: "We keep visits for 90 days."',
        "at: 2025-01-01",
        "due 2025-04-02 00:00",
        f"last copy: {TABLE}",
    ):
        assert said in found.out
    assert "example.org" not in found.out


@pytest.mark.parametrize(
    ("key", "outcome"),
    [
        (("id=1",), {"events delete": "due", "events anonymize": "taken"}),
        (("id=2",), {"events delete": "running", "events anonymize": "running"}),
        (("id=3",), {"events delete": "not started", "events anonymize": "not started"}),
        (("id=4",), {"events delete": "unless", "events anonymize": "unless"}),
        (("id=5",), {"events delete": "kept", "events anonymize": "due", "law keep": "keeps"}),
        (("id=6", "state="), {"events delete": "running", "events anonymize": "due"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_rule_says_what_becomes_of_the_row(
    lake: Project, folder: Path, key: tuple[str, ...], outcome: dict[str, str]
) -> None:
    """In the words of the plan, which counts the same row; and the run does what was said."""
    assert outcomes(told(lake, *key)) == outcome
    lake.night("2026-06-01T12:00")
    gone = lake.run("explain", TABLE, *key, "--json", *AT)
    assert (gone.json["state"] == "erased in counts") == (outcome["events delete"] == "due")
    if outcome["events anonymize"] == "due":
        assert outcomes(gone.json)["events anonymize"] == "anonymized"


def test_several_rows_with_these_values_are_not_told_as_one(lake: Project, folder: Path) -> None:
    """Nothing makes a column unique: how many there are is said, and what to do."""
    found = lake.run("explain", TABLE, "id=6")
    assert found.code == 2
    assert "2 rows of" in found.err
    assert "name more columns" in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1",), "COLUMN=VALUE"),
        (("id=one",), "whole number"),
        (("day=yesterday",), "is a date"),
        (("at=2025-01-01",), "whole numbers, texts and dates"),
        (("nobody=1",), "whole numbers, texts and dates"),
        (("id=77",), "no row with that key"),
    ],
)
def test_what_names_no_row_is_an_error(
    lake: Project, folder: Path, words: tuple[str, ...], said: str
) -> None:
    """The message says how a row is named; nothing was looked up or told."""
    found = lake.run("explain", TABLE, *words)
    assert found.code == 2
    assert said in found.err


def test_the_statements_show_no_value_that_names_the_row(lake: Project, folder: Path) -> None:
    """`--sql` leaves the place of the key open; text and date columns name rows, too."""
    shown = lake.run("explain", TABLE, "email=d@example.org", "day=2026-01-01", "--sql", *AT)
    assert shown.code == 0, shown.err
    assert "example.org" not in shown.out
    assert ":key_1" in shown.out
    assert json.dumps(told(lake, "email=d@example.org", "day=2026-01-01")).count("example.org") == 0
    assert ids(folder) == [1, 2, 3, 4, 5, 6, 6]
