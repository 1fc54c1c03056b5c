"""A reader keeps SQLite from committing: the batch is rolled back, and tried again."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from harness import Fault, Setting, night, paused_night, story_of
from project import Project

from retention.protocol import points

RULES = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"
[rules.other]
table = "other"
start = "at"
delete_after = "1 year"
"""
ROWS = 60


@pytest.fixture
def lite(tmp_path: Path) -> Project:
    """Two tables in one file with a rollback journal, whose readers keep writers from committing."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    for name in ("logs", "other"):
        project.sql(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, at TEXT)")
        rows = ", ".join(f"({key}, '2020-01-01 00:00:00')" for key in range(ROWS))
        project.sql(f"INSERT INTO {name} VALUES {rows}")
    project.policy(RULES)
    project.enroll()
    return project


def test_a_commit_that_a_reader_was_in_the_way_of_is_tried_again(lite: Project) -> None:
    """The reader leaves after the first attempt has failed; both rules do all their work."""
    path = lite.folder / "data.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as reader:
        with paused_night(lite, points.MARKED, setting=Setting(hasty=True)) as run:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM logs").fetchone() == (ROWS,)

        def leave() -> None:
            time.sleep(0.5)
            reader.rollback()

        leaving = threading.Thread(target=leave)
        leaving.start()
        outcome = run.end()
        leaving.join()
    assert outcome.code == 0, outcome.out + outcome.err
    assert lite.value("SELECT count(*) FROM logs") == lite.value("SELECT count(*) FROM other") == 0
    story = story_of(lite)
    assert story.counts() == {"logs": ROWS, "other": ROWS}
    assert story.refuted
    assert not story.open


def test_the_report_of_a_killed_run_tells_what_it_committed(lite: Project) -> None:
    """It is no run in which nothing was due."""
    assert night(lite, Fault(points.CLOSED)).end().code == -9
    told = lite.run("report", "last").out
    assert "this run has not ended: running, or killed" in told
    gone = ROWS - lite.value("SELECT count(*) FROM logs")
    assert f"logs: {gone} erased in logs, committed" in told
    assert "no rule was due" not in told
    assert lite.run("report", "last", "--html", "report.html").code == 0
    page = (lite.folder / "report.html").read_text(encoding="utf-8")
    assert "This run has not ended." in page
    assert "No rule was due" not in page
