"""Rows that join a tree or a unit while it is taken, and kills in its midst: whole, or not at all."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from harness import (
    Fault,
    ledger_of,
    night,
    paused_night,
    story_of,
    succeed,
    wait_for_a_waiter,
)
from project import Project
from test_races import application, assert_good, in_background

from retention.protocol import points

OLD, YOUNG = "'2020-01-01'", "'2026-05-20'"
TREE = '"notes.answers" = "delete"\n'
UNIT = '"notes.answers" = "block"\n'
THREAD = {1: None, 2: 1, 3: 2, 4: 2, 5: 1}
OTHERS = {11: None, 12: 11, 13: 11}
LATE = 99


def threads(project: Project, references: str, *, together: bool) -> None:
    """Two threads that are due, each by its first note (a tree) or by its last (a unit)."""
    project.sql(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, answers INTEGER, said DATE,"
        " FOREIGN KEY (answers) REFERENCES notes (id))",
        "CREATE INDEX notes_answers ON notes (answers)",
        *(
            f"INSERT INTO notes VALUES ({key}, {above or 'NULL'}, "
            f"{OLD if together or above is None else YOUNG})"
            for key, above in {**THREAD, **OTHERS}.items()
        ),
    )
    unit = 'together = "answers"\n' if together else ""
    project.policy(
        f'[rules.notes]\ntable = "notes"\nstart = "said"\ndelete_after = "1 year"\n{unit}'
        f"[references]\n{references}"
    )
    succeed(project, "enroll", "--all")


def join(connection: sa.Connection) -> None:
    """A young answer to the deepest note of the first thread."""
    connection.exec_driver_sql(f"INSERT INTO notes VALUES ({LATE}, 3, {YOUNG})")


def left(project: Project) -> set[int]:
    """The notes that are there."""
    return {key for (key,) in project.rows("SELECT id FROM notes")}


def assert_whole(project: Project) -> None:
    """No answer without its note; what the ledger counts is what left."""
    there = left(project)
    dangling = "SELECT count(*) FROM notes n WHERE answers IS NOT NULL AND NOT EXISTS "
    assert project.value(f"{dangling}(SELECT 1 FROM notes o WHERE o.id = n.answers)") == 0
    for thread in (THREAD, OTHERS):
        assert there & set(thread) in (set(), set(thread))
    assert ledger_of(project).verify() == []


def test_an_answer_that_was_not_yet_committed_goes_with_its_tree(server_project: Project) -> None:
    """The batch waits for its writer, finds it, and counts it."""
    threads(server_project, TREE, together=False)
    with application(server_project) as session:
        join(session)
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    assert left(server_project) == set()
    assert_whole(server_project)
    assert story_of(server_project).counts()["notes"] == len(THREAD) + len(OTHERS) + 1


def test_an_answer_that_was_not_yet_committed_keeps_its_unit(server_project: Project) -> None:
    """It is not due, so the thread stays whole; the other thread goes."""
    threads(server_project, UNIT, together=True)
    with application(server_project) as session:
        join(session)
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    assert left(server_project) == {*THREAD, LATE}
    assert_whole(server_project)
    assert story_of(server_project).counts()["notes"] == len(OTHERS)


@pytest.mark.parametrize("together", [False, True])
def test_an_answer_that_comes_too_late_is_refused(server_project: Project, together: bool) -> None:
    """Once the thread is taken its writer waits for the batch, and then finds no note to answer."""
    threads(server_project, UNIT if together else TREE, together=together)

    def added() -> str:
        try:
            with application(server_project) as session:
                join(session)
        except sa.exc.DBAPIError as error:
            return type(error).__name__
        return ""

    with paused_night(server_project, points.TAKEN) as run:
        refused = in_background(added)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    assert refused() == "IntegrityError"
    assert left(server_project) == set()
    assert_whole(server_project)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("point", [points.TAKEN, points.MARKED, points.COMMITTED])
def test_killed_in_the_midst_of_a_piece(project: Project, point: str, together: bool) -> None:
    """Each thread is there whole or not at all, and the night after takes what is left."""
    threads(project, UNIT if together else TREE, together=together)
    outcome = night(project, Fault(point)).end()
    assert outcome.code == -9, outcome.out + outcome.err
    assert_whole(project)
    assert (left(project) == {*THREAD, *OTHERS}) == (point != points.COMMITTED)
    assert_good(night(project).end())
    assert left(project) == set()
    assert_whole(project)
    assert story_of(project).counts()["notes"] == len(THREAD) + len(OTHERS)
