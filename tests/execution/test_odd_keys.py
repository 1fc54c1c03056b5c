"""SQLite takes anything as a key: text and NULL among whole numbers, and text that is no UTF-8."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project

RULES = {
    "delete": 'delete_after = "0 days"',
    "anonymize": 'anonymize_after = "0 days"\nanonymize = { note = "null" }',
}
KEYS = {
    "k INT, PRIMARY KEY (k)": ["1", "'abc'", "NULL", "3.5", "x'ff00'"],
    "k INT, j TEXT, PRIMARY KEY (k, j)": ["1, 'a'", "NULL, 'a'", "'x', NULL", "2.5, x'ff'"],
    "k NUMERIC(10, 2), j TEXT, PRIMARY KEY (k, j)": ["1.5, 'a'", "2, 'a'", "'abc', 'b'"],
}


def _project(folder: Path, columns: str, keys: list[str], action: str) -> Project:
    (folder / "data.db").touch()
    project = Project(folder, f"sqlite:///{folder / 'data.db'}")
    names, _, key = columns.partition(" PRIMARY")
    project.sql(f"CREATE TABLE logs ({names} at DATE, note TEXT, PRIMARY{key})")
    project.sql(*(f"INSERT INTO logs VALUES ({key}, '2020-01-01', 'n')" for key in keys))
    project.policy(f'[rules.logs]\ntable = "logs"\nstart = "at"\n{RULES[action]}\n')
    project.enroll()
    return project


@pytest.mark.parametrize("action", RULES)
@pytest.mark.parametrize("columns", KEYS)
def test_rows_with_odd_keys_go_and_are_recounted(tmp_path: Path, columns: str, action: str) -> None:
    """All rows are taken, whatever stands in their keys, and the recount reads those that stay."""
    keys = KEYS[columns]
    found = _project(tmp_path, columns, keys, action).night("2026-06-01")[f"logs {action}"]
    assert found[{"delete": "erased", "anonymize": "anonymized"}[action]] == len(keys)


def test_a_key_that_is_no_utf_8_fails_its_rule(tmp_path: Path) -> None:
    """The rule fails in words, and nothing of it is done."""
    keys = ["CAST(x'ff41' AS TEXT)", "'ok'"]
    project = _project(tmp_path, "k TEXT, PRIMARY KEY (k)", keys, "delete")
    outcome = project.run("run", "--all", "--at", "2026-06-01")
    assert outcome.code == 1
    assert "failed (OperationalError)" in outcome.out + outcome.err
    assert project.value("SELECT COUNT(*) FROM logs") == 2
