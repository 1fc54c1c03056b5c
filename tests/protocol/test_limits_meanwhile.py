"""More rows are due by the time they go than were counted: a limit stops the rule all the same."""

from __future__ import annotations

import pytest
from harness import paused_night, story_of
from project import HEAD, Project

from retention.protocol import points

LOGS = """
[rules.logs]
table = "logs"
start = "at"
{action}
[rules.logs.limits]
{limit}
"""
DELETE = 'delete_after = "1 year"'
MASK = 'anonymize_after = "1 year"\nanonymize = { note = "null" }'
ROWS, DUE = 2000, 5


def logs(project: Project, action: str, limit: str) -> None:
    """Two thousand rows, of which five are due."""
    project.sql(
        "CREATE TABLE logs (id integer PRIMARY KEY, at date, note varchar(9))",
        "WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 1000)"
        " INSERT INTO logs SELECT k, '2026-05-30', 'x' FROM n"
        if project.dialect == "postgresql"
        else "INSERT INTO logs WITH RECURSIVE n (k) AS"
        " (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 1000)"
        " SELECT k, '2026-05-30', 'x' FROM n",
        "INSERT INTO logs SELECT id + 1000, at, note FROM logs",
        f"UPDATE logs SET at = '2020-01-01' WHERE id <= {DUE}",
    )
    project.policy(LOGS.format(action=action, limit=limit), head=HEAD)
    project.enroll()


def untouched(project: Project) -> int:
    return int(project.value("SELECT count(*) FROM logs WHERE note = 'x'"))


@pytest.mark.parametrize("action", [DELETE, MASK], ids=["delete", "mask"])
@pytest.mark.parametrize(
    ("limit", "most", "said"),
    [
        ("rows_per_run = 10", 10, "rows_per_run = 10"),
        ('share_of_table = "5%"', 100, "share_of_table = 5% of 2000 rows, 100"),
    ],
    ids=["rows", "share"],
)
def test_a_bad_import_meanwhile_does_not_empty_the_table(
    server_project: Project, limit: str, most: int, said: str, action: str
) -> None:
    """The batch that goes past it is rolled back, the rule ends with exit 3 and a sentence."""
    logs(server_project, action, limit)
    with paused_night(server_project, points.BEGUN) as run:
        server_project.sql("UPDATE logs SET at = '2020-01-01'")
    outcome = run.end()
    assert outcome.code == 3, outcome.out + outcome.err
    assert said in outcome.out
    assert f"{DUE} rows were due" in outcome.out
    left = untouched(server_project)
    assert left >= ROWS - most
    story = story_of(server_project)
    assert not story.open
    assert sum(story.counts().values()) == ROWS - left
    again = server_project.run("run", "--all", "--at", "2026-06-01")
    assert again.code == 3, again.out
    assert untouched(server_project) == left


def test_a_few_more_rows_within_the_limit_go_along(server_project: Project) -> None:
    """What is due when its batch decides is taken, as far as the limit goes."""
    logs(server_project, DELETE, "rows_per_run = 10")
    with paused_night(server_project, points.BEGUN) as run:
        server_project.sql("UPDATE logs SET at = '2020-01-01' WHERE id IN (1001, 1002)")
    outcome = run.end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert untouched(server_project) == ROWS - DUE - 2


def test_what_was_allowed_once_is_a_limit_too(server_project: Project) -> None:
    """`--allow` speaks of a number, not of whatever is due by then."""
    logs(server_project, DELETE, "rows_per_run = 1")
    outcome = server_project.run("run", "--all", "--at", "2026-06-01", "--allow", "logs=5")
    assert outcome.code == 0, outcome.err
    assert untouched(server_project) == ROWS - DUE
