"""Rows that go with rows of their own table: trees, pairs, circles; a piece goes whole or stays."""

from __future__ import annotations

import pytest
from project import Project
from test_declared import NEW, OLD, contents, counted_night

PEOPLE = """
[rules.people]
table = "people"
start = "left_on"
delete_after = "1 year"
[references]
"people.manager_id" = "delete"
"""
ACTIONS = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL"]


def managers(
    project: Project, *rows: tuple[int, int | None, str], action: str = "NO ACTION"
) -> None:
    """People: id, manager, "old" where they left long ago."""
    project.sql(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, manager_id INTEGER NULL, left_on DATE,"
        f" FOREIGN KEY (manager_id) REFERENCES people (id) ON DELETE {action})"
    )
    waiting = {number: (manager, age) for number, manager, age in rows}
    for number, (_, age) in waiting.items():
        left = {"old": OLD, "new": NEW}.get(age, "NULL")
        project.sql(f"INSERT INTO people VALUES ({number}, NULL, {left})")
    for number, (manager, _) in waiting.items():
        if manager is not None:
            project.sql(f"UPDATE people SET manager_id = {manager} WHERE id = {number}")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_tree_goes_with_its_root(project: Project, action: str) -> None:
    """Whatever the database declares, all below a row that is due go, counted; others stay."""
    managers(
        project,
        (1, None, "old"), (2, 1, "new"), (3, 2, "old"), (4, 3, "none"),
        (5, None, "new"), (6, 5, "old"), (7, 5, "new"),
        action=action,
    )  # fmt: skip
    project.policy(PEOPLE)
    night = counted_night(project, "people delete")
    assert night["erased"] == 3
    assert night["counts"] == {("people", "delete"): 2}
    assert contents(project, "people") == {"people": [5, 7]}
