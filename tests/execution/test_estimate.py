"""`plan --estimate`: a first look at a huge table that counts nothing, and says what it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from project import Project
from test_walks import place
from typer.testing import CliRunner

from retention.cli.app import app
from retention.databases import statement_time

TIMES = {"sqlite": "TEXT", "postgresql": "TIMESTAMP", "mysql": "DATETIME"}
ROWS = 2_000
RULES = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"

[rules.none]
table = "logs"
start = "at"
where = "seen is not null"
anonymize_after = "1 year"
anonymize = { seen = "null" }

[rules.books]
table = "logs"
start = "at"
keep_at_least = "1 day"

[rules.last]
table = "logs"
start = { latest_of = ["at", "seen"] }
delete_after = "1 year"
"""
AT = ("--at", "2026-06-01")


def logs(project: Project, *, index: bool = True) -> None:
    """Two thousand rows, a quarter of them old, and statistics of them."""
    time = TIMES[project.dialect]
    values = [
        f"({number}, '{2020 if number % 4 == 0 else 2026}-0{1 + number % 5}-1{number % 9} 00:00:00')"
        for number in range(ROWS)
    ]
    project.sql(
        f"CREATE TABLE logs (id BIGINT PRIMARY KEY, at {time}, seen {time})",
        f"INSERT INTO logs (id, at) VALUES {', '.join(values)}",
        *(["CREATE INDEX logs_at ON logs (at)"] if index else []),
        {"mysql": "ANALYZE TABLE logs"}.get(project.dialect, "ANALYZE logs"),
    )
    project.policy(RULES)


def looked(project: Project) -> dict[str, dict[str, Any]]:
    """The rules of an estimate by name."""
    body = project.run("plan", "--estimate", "--json", *AT).json
    assert body["schema"] == "retention.estimate/1"
    return {rule["rule"]: rule for rule in body["rules"]}


def test_an_estimate_is_near_the_truth_and_says_what_it_cannot_tell(project: Project) -> None:
    """The share before a line by an index, statistics or a sample; no count of any kind is in it."""
    logs(project)
    found = looked(project)
    assert abs(found["logs"]["early_about"] - ROWS // 4) <= ROWS // 20
    assert abs(found["logs"]["rows_about"] - ROWS) <= ROWS // 20
    assert found["logs"]["not_estimated"] is None
    assert "due" not in found["logs"]
    # MariaDB has no statistics of `seen`, and guesses that every row passes
    assert project.dialect == "mysql" or found["none"]["early_about"] <= ROWS // 20
    for name in ("books", "last"):
        assert found[name]["early_about"] is None
        assert found[name]["not_estimated"]
    text = project.run("plan", "--estimate", *AT).out
    assert "nothing was counted" in text
    assert "not estimated" in text


def test_a_guess_without_statistics_is_none(project: Project) -> None:
    """MariaDB knows nothing of a column without an index, and no number is made up for it."""
    logs(project, index=False)
    found = looked(project)["logs"]
    if project.dialect == "mysql":
        assert found["early_about"] is None
        assert "index" in str(found["not_estimated"])
    else:
        assert abs(found["early_about"] - ROWS // 4) <= ROWS // 20


def test_an_estimate_has_neither_statements_nor_full_counts(project: Project) -> None:
    """`--estimate` beside `--sql` or `--full` is refused."""
    logs(project)
    for other in ("--sql", "--full"):
        outcome = project.run("plan", "--estimate", other)
        assert outcome.code == 2
        assert "--estimate counts nothing" in outcome.err


def test_a_plan_that_takes_too_long_is_stopped_and_points_to_the_estimate(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL statements of a dry run may take so long and no longer; an estimate still can."""
    with place("postgresql", request, tmp_path) as project:
        logs(project)
        more = "SELECT g, '2020-01-01' FROM generate_series(10000, 200000) g"
        project.sql(f"INSERT INTO logs (id, at) {more}", "ANALYZE logs")
        monkeypatch.setattr(statement_time, "LONGEST", "1ms")
        outcome = CliRunner().invoke(app, ["plan", *AT, "--config", str(project.config)])
        assert outcome.exit_code == 1
        assert "--estimate" in outcome.output
        assert looked(project)["logs"]["early_about"] is not None
