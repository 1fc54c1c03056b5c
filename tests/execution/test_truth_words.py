"""Columns named as the words TRUE and FALSE."""

from __future__ import annotations

import pytest
from project import Project

POLLS = '[rules.polls]\ntable = "polls"\nstart = "at"\ndelete_after = "1 year"\n'


@pytest.mark.parametrize("word", ["true", "False"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_column_named_true_is_refused_on_sqlite_and_nowhere_else(
    project: Project, word: str, beside: bool
) -> None:
    """SQLite would read the column where the statement says TRUE; the others know a quoted name."""
    quoted = f"`{word}`" if project.dialect == "mysql" else f'"{word}"'
    own, other = (("", f", {quoted} INTEGER"), (f", {quoted} INTEGER", ""))[not beside]
    project.sql(
        f"CREATE TABLE polls (id INTEGER PRIMARY KEY, at DATE{own})",
        "CREATE TABLE votes (id INTEGER PRIMARY KEY, poll INTEGER"
        f"{other}, FOREIGN KEY (poll) REFERENCES polls (id))",
        f"INSERT INTO polls (id, at{', ' + quoted if own else ''})"
        f" VALUES (1, '2020-01-01'{', 0' if own else ''})",
        f"INSERT INTO votes (id, poll{', ' + quoted if other else ''})"
        f" VALUES (1, 1{', 0' if other else ''})",
    )
    project.policy(POLLS + '[references]\n"votes.poll" = "delete"\n')
    outcome = project.run("plan", "--at", "2026-06-01")
    if project.dialect == "sqlite":
        table = "votes" if beside else "polls"
        assert outcome.code == 2, outcome.err
        assert f'SQLite takes the column "{word}" of "{table}"' in outcome.err
    else:
        assert outcome.code == 0, outcome.err
        assert "1 due" in outcome.out
