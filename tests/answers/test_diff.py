"""Two policies compared, in words and in rows, against plain Python."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from project import HEAD, Outcome, Project

from retention.answers.difference import on_databases_of
from retention.answers.wording import changes
from retention.policies.parse import parse_policy

AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
Filled = tuple[Project, dict[str, dict[int, date | None]]]
LOGS = """
[rules.log]
table = "log"
start = "seen"
delete_after = "{log}"
{more}
"""
PEOPLE = """
[rules.people]
table = "people"
start = "closed"
delete_after = "{people}"
[references]
"log.person" = "delete"
"""


def diff(project: Project, old: str, new: str, *more: str) -> Outcome:
    """`diff` over two files with these rules."""
    for name, rules in (("old", old), ("new", new)):
        text = HEAD.format(zone="UTC", url=project.url) + rules
        (project.folder / f"{name}.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "retention.cli.app", "diff", "old.toml", "new.toml"]
    command += ["--at", AT.isoformat(), *more]
    found = subprocess.run(
        command, capture_output=True, text=True, cwd=project.folder, check=False, timeout=120
    )
    return Outcome(found.returncode, found.stdout, found.stderr)


def rows(outcome: Outcome) -> dict[str, tuple[int, int, int, int]]:
    """For each rule and action: due under the old policy, the new one, newly, no longer."""
    assert outcome.code == 0, outcome.err
    keys = ("due_old", "due_new", "newly_due", "no_longer_due")
    return {
        f"{found['rule']} {found['action']}": tuple(found[key] for key in keys)  # type: ignore[misc]
        for found in outcome.json["rules"]
    }


def counted(old: set[int], new: set[int]) -> tuple[int, int, int, int]:
    """The same four numbers of two sets of rows."""
    return len(old), len(new), len(new - old), len(old - new)


def due(starts: dict[int, date | None], days: int) -> set[int]:
    """The rows whose start lies more than that many days back."""
    line = AT.date() - timedelta(days=days)
    return {number for number, start in starts.items() if start is not None and start < line}


@pytest.fixture
def filled(project: Project) -> Filled:
    """People and log lines with random dates, and the starts of both."""
    chance = random.Random(7)
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, closed DATE, kind VARCHAR(9))",
        "CREATE TABLE log (id INTEGER PRIMARY KEY, seen DATE, person INTEGER"
        " REFERENCES people (id))",
    )
    starts: dict[str, dict[int, date | None]] = {"people": {}, "log": {}}
    for table, kept in starts.items():
        for number in range(50):
            day = AT.date() - timedelta(days=chance.randrange(200))
            kept[number] = None if chance.random() < 0.1 else day
            text = f"'{day}'" if kept[number] else "NULL"
            last = "'a'" if table == "people" else str(chance.randrange(50))
            project.sql(f"INSERT INTO {table} VALUES ({number}, {text}, {last})")
    return project, starts


def test_rows_are_those_that_plain_python_finds(
    filled: Filled,
) -> None:
    """A shorter and a longer period, and an earlier step of the same run: sets of rows, not sums."""
    project, starts = filled
    old = LOGS.format(log="90 days", more="") + PEOPLE.format(people="60 days")
    new = LOGS.format(log="60 days", more="") + PEOPLE.format(people="100 days")
    found = rows(diff(project, old, new, "--json"))
    people = due(starts["people"], 60), due(starts["people"], 100)
    logs = due(starts["log"], 90), due(starts["log"], 60)
    assert found == {"log delete": counted(*logs), "people delete": counted(*people)}


def test_rows_agree_with_the_plans_of_both_files(
    filled: Filled,
) -> None:
    """Due under the old and under the new policy are what `plan` says of each; floors count."""
    project, _ = filled
    old = LOGS.format(log="30 days", more='unless = { "odd" = "id = 3" }')
    floor = '[rules.law]\ntable = "log"\nwhere = "id < 25"\nstart = "seen"\n'
    floor += 'keep_at_least = "120 days"\n'
    old += '[rules.late]\ntable = "log"\nstart = "seen"\ndelete_after = "10 days"\n'
    sides = (old + PEOPLE.format(people="60 days"), old + floor + PEOPLE.format(people="61 days"))
    found = rows(diff(project, *sides, "--json"))
    for place, rules in enumerate(sides):
        project.policy(rules)
        plan = project.plan(AT.isoformat())
        assert {name: counts[place] for name, counts in found.items()} == {
            name: plan[name]["due"] for name in found
        }


def test_a_renamed_rule_moves_its_rows_and_the_table_stays_the_same(
    filled: Filled,
) -> None:
    """What one rule loses another gains; taken together no row of the table changes."""
    project, starts = filled
    old = LOGS.format(log="90 days", more="")
    outcome = diff(project, old, old.replace("rules.log", "rules.visits"), "--json")
    gone = due(starts["log"], 90)
    assert rows(outcome) == {
        "visits delete": counted(set(), gone),
        "log delete": counted(gone, set()),
    }
    (table,) = outcome.json["tables"]
    assert (table["newly_due"], table["no_longer_due"]) == (0, 0)
    assert {(item["path"], item["kind"]) for item in outcome.json["changes"]} == {
        ("rules.visits", "added"),
        ("rules.log", "removed"),
    }


def test_other_masks_make_masked_rows_due_again(project: Project) -> None:
    """A row that the old masks left as it is counts under the new ones."""
    project.sql(
        "CREATE TABLE log (id INTEGER PRIMARY KEY, seen DATE, a VARCHAR(9), b VARCHAR(9))",
        "INSERT INTO log VALUES (1, '2026-01-01', NULL, 'x'), (2, '2026-01-01', 'y', NULL)",
    )
    rule = '[rules.log]\ntable = "log"\nstart = "seen"\nanonymize_after = "1 day"\n'
    masks = "[rules.log.anonymize]\n"
    sides = (f'{rule}{masks}a = "null"\n', f'{rule}{masks}b = "null"\n')
    assert rows(diff(project, *sides, "--json")) == {"log anonymize": (1, 1, 1, 1)}


def test_a_shortened_period_says_how_many_rows_would_go_tonight(
    filled: Filled,
) -> None:
    """The screen: the words, that the period is shorter, and the rows; nothing was written."""
    project, starts = filled
    sides = (LOGS.format(log="90 days", more=""), LOGS.format(log="60 days", more=""))
    shown = diff(project, *sides).out
    old, new = due(starts["log"], 90), due(starts["log"], 60)
    assert 'delete_after = "90 days"' in shown
    assert "(shorter)" in shown
    assert f"delete log tonight: {len(new)} due, {len(old)} under the old policy" in shown
    assert f"{len(new - old)} newly due" in shown
    assert project.value("SELECT count(*) FROM log") == 50


def test_faults_of_both_files_are_told_at_once(project: Project) -> None:
    """Faults of language and of schema, of both files, end with 2 and name their files."""
    project.sql("CREATE TABLE log (id INTEGER PRIMARY KEY, seen DATE)")
    good = LOGS.format(log="90 days", more="")
    outcome = diff(project, good.replace("seen", "sen"), good.replace('"log"', '"lgo"'))
    assert outcome.code == 2
    assert "old.toml:" in outcome.err
    assert "new.toml:" in outcome.err
    outcome = diff(project, LOGS.format(log="90 dayz", more=""), good.replace("table", "tabel"))
    assert outcome.code == 2
    assert "old.toml:" in outcome.err
    assert "new.toml:" in outcome.err


def test_a_database_with_another_name_is_the_same_one() -> None:
    """Where both files have one database, its name may change; rules of others are told."""
    one = parse_policy(BASE)
    two = parse_policy(BASE.replace("databases.main", "databases.shop"))
    moved, notes = on_databases_of(one, two)
    assert (moved.rules["log"].database, notes) == ("shop", [])
    more = '[databases.shop]\nurl = "sqlite:///a.db"\n[databases.more]\nurl = "sqlite:///c.db"'
    text = BASE.replace('[databases.main]\nurl = "sqlite:///a.db"', more)
    three = parse_policy(text.replace('table = "log"', 'table = "log"\ndatabase = "more"'))
    moved, (note,) = on_databases_of(one, three)
    assert not moved.rules
    assert "rules.log worked in main" in note


BASE = """
timezone = "UTC"
[databases.main]
url = "sqlite:///a.db"
[ledger]
url = "sqlite:///b.db"
[rules.log]
table = "log"
start = "seen"
delete_after = "1 year"
anonymize_after = ["1 month", "3 days"]
[rules.log.anonymize]
"name, mail" = "null"
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('"1 year"', '"12 months"', []),
        ('"name, mail" = "null"', 'mail = "null"\nname = "null"', []),
        ('"1 year"', '"2 years"', [("rules.log.delete_after", "changed", "longer")]),
        ('"3 days"]', '"1 day"]', [("rules.log.anonymize_after", "changed", "shorter")]),
        ('"UTC"', '"Asia/Tokyo"', [("timezone", "changed", "")]),
        ('start = "seen"', 'start = "seen"\nguard = "seen"', [("rules.log.guard", "added", "")]),
        (
            '[rules.log.anonymize]\n"name, mail" = "null"',
            '[rules.log.anonymize]\n"name, mail" = "empty"',
            [("rules.log.anonymize.name, mail", "changed", "")],
        ),
        (
            "b.db",
            'c.db"\nkeep_at_least = "5 years',
            [("ledger.url", "changed", ""), ("ledger.keep_at_least", "added", "")],
        ),
    ],
)
def test_words_that_mean_the_same_are_no_change(
    before: str, after: str, expected: list[tuple[str, str, str]]
) -> None:
    """Keys are compared by what they mean, and shown as they are written."""
    assert before in BASE
    old, new = parse_policy(BASE), parse_policy(BASE.replace(before, after))
    found = changes(old, new, AT)
    assert [(change.key, change.kind, change.sense) for change in found] == expected
