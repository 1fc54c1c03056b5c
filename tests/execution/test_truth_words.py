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


def test_a_column_named_true_is_seen_beyond_the_next_table(project: Project) -> None:
    """A clock may read rows two references away, where a condition would read that column."""
    quoted = "`true`" if project.dialect == "mysql" else '"true"'
    project.sql(
        f"CREATE TABLE places (id INTEGER PRIMARY KEY, shut DATE, {quoted} INTEGER)",
        "CREATE TABLE polls (id INTEGER PRIMARY KEY, place INTEGER,"
        " FOREIGN KEY (place) REFERENCES places (id))",
        "CREATE TABLE votes (id INTEGER PRIMARY KEY, poll INTEGER,"
        " FOREIGN KEY (poll) REFERENCES polls (id))",
        f"INSERT INTO places (id, shut, {quoted}) VALUES (1, '2020-01-01', 0)",
        "INSERT INTO polls VALUES (1, 1)",
        "INSERT INTO votes VALUES (1, 1)",
    )
    start = "polls(poll).places(place).shut"
    project.policy(f'[rules.votes]\ntable = "votes"\nstart = "{start}"\ndelete_after = "1 year"\n')
    outcome = project.run("plan", "--at", "2026-06-01")
    assert (outcome.code == 2) == (project.dialect == "sqlite"), outcome.err
    assert project.dialect == "sqlite" or "1 due" in outcome.out
