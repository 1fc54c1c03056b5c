"""Limits: a mis-set rule stops before its first row, and there is always a way on."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

HEAD = """
timezone = "UTC"
[databases.a]
url = "sqlite:///a.db"
[databases.b]
url = "sqlite:///b.db"
[ledger]
url = "sqlite:///ledger.db"
"""
RULE = """
[rules.{name}]
database = "{database}"
table = "logs"
start = "at"
delete_after = "1 year"
limits = {{ {limits} }}
"""
AT = "2026-06-01"


@pytest.fixture
def logs(tmp_path: Path) -> Project:
    """Two databases with a log of 2000 lines each, 1500 of them old."""
    for name in ("a", "b"):
        database = Project(tmp_path, f"sqlite:///{tmp_path / name}.db")
        database.sql("create table logs (id integer primary key, at datetime)")
        with database.engine.begin() as connection:
            lines = [
                (number, "2020-01-01 00:00:00" if number < 1500 else "2026-05-30 00:00:00")
                for number in range(2000)
            ]
            connection.exec_driver_sql("insert into logs values (?, ?)", lines)
    return database


def _rules(logs: Project, a: str, b: str) -> None:
    rules = RULE.format(name="la", database="a", limits=a)
    rules += RULE.format(name="lb", database="b", limits=b)
    logs.config.write_text(HEAD + rules)
    logs.enroll()


def test_a_rule_past_its_share_is_refused_and_the_other_database_goes_on(logs: Project) -> None:
    """Exit 3, with the numbers and that nothing was deleted; the other rule does its work."""
    _rules(logs, 'share_of_table = "50%"', 'share_of_table = "80%"')
    outcome = logs.run("run", "--all", "--at", AT, "--json")
    found = {rule["rule"]: rule for rule in outcome.json["rules"]}
    assert outcome.code == 3
    assert (found["la"]["erased"], found["la"]["left"]) == (0, 1500)
    assert "1500 of 2000 rows" in found["la"]["refused"]
    assert "Nothing was deleted" in found["la"]["refused"]
    assert found["lb"]["erased"] == 1500


def test_allow_lets_the_rule_pass_once_up_to_that_count(logs: Project) -> None:
    """`--allow` with a smaller count refuses still; with the count it passes; 3 becomes 0."""
    _rules(logs, "rows_per_run = 100", 'share_of_table = "80%"')
    assert logs.run("run", "--all", "--at", AT, "--allow", "la=1499").code == 3
    assert logs.run("run", "--all", "--at", AT, "--allow", "la=1500").code == 0
    assert logs.run("run", "--all", "--at", AT).code == 0


def test_a_portion_takes_what_the_limit_allows_each_night(logs: Project) -> None:
    """A backlog of 1500 rows goes in portions of 600, to the row."""
    _rules(logs, 'rows_per_run = 600, over_limit = "portion"', 'share_of_table = "80%"')
    erased = []
    for _ in range(4):
        outcome = logs.run("run", "--all", "--at", AT, "--json")
        assert outcome.code == 0
        erased.append({rule["rule"]: rule["erased"] for rule in outcome.json["rules"]}["la"])
    assert erased == [600, 600, 300, 0]


def test_a_rule_that_would_empty_the_table_is_refused_even_below_its_share(logs: Project) -> None:
    """Every datable row is too much, unless the whole table is allowed."""
    at = "2028-01-01"
    _rules(logs, 'share_of_table = "99%", rows_per_run = 10_000', 'share_of_table = "100%"')
    plan = logs.run("plan", "--json", "--at", at).json["rules"]
    assert "of 2000 rows" in plan[0]["limit"]
    assert plan[1]["limit"] is None


def test_small_tables_are_not_dead_ends(logs: Project) -> None:
    """Below `share_min_rows` neither the share nor the whole table stops a rule."""
    _rules(logs, "share_min_rows = 5000", "share_min_rows = 5000")
    plan = logs.run("plan", "--json", "--at", "2028-01-01").json["rules"]
    assert [rule["limit"] for rule in plan] == [None, None]


def test_a_database_that_is_missing_does_not_stop_the_other(logs: Project) -> None:
    """The gravest exit code wins; the other database's rule is carried out."""
    _rules(logs, "share_min_rows = 5000", "share_min_rows = 5000")
    (logs.folder / "a.db").unlink()
    outcome = logs.run("run", "--all", "--at", AT, "--json")
    assert outcome.code == 2
    assert "no SQLite database" in outcome.json["errors"]["a"]
    assert {rule["rule"]: rule["erased"] for rule in outcome.json["rules"]} == {"lb": 1500}
