"""Output that has nowhere to go, instants out of reach, and runs that did not end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from project import Project

LOGS = """
[rules.logs]
table = "logs"
start = "at"
delete_after = "1 year"
"""


@pytest.fixture
def logs(tmp_path: Path) -> Project:
    """Some rows, all due."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    rows = ", ".join(f"({key}, '2020-01-01')" for key in range(50))
    project.sql(
        "CREATE TABLE logs (id INTEGER PRIMARY KEY, at TEXT)", f"INSERT INTO logs VALUES {rows}"
    )
    project.policy(LOGS)
    project.enroll()
    return project


@pytest.mark.parametrize("words", [("plan",), ("plan", "--json"), ("report",), ("check",)])
def test_output_that_cannot_be_written_is_one_sentence(
    logs: Project, words: tuple[str, ...]
) -> None:
    """A full disk under the output is no traceback, and no success."""
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            logs.command(*words), stdout=full, stderr=subprocess.PIPE, text=True, cwd=logs.folder
        )
    assert found.returncode == 74
    assert found.stderr.strip() == "The output could not be written (No space left on device)."


def test_no_output_at_all_is_taken(logs: Project) -> None:
    """A closed output is what some schedulers give."""
    code = 'exec "$@" >&-'
    found = subprocess.run(
        ["bash", "-c", code, "bash", *logs.command("plan")],
        stderr=subprocess.PIPE,
        text=True,
        cwd=logs.folder,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-10:00"])
def test_an_instant_out_of_reach_is_told(logs: Project, at: str) -> None:
    """Periods are counted from it, and calendars end."""
    outcome = logs.run("plan", "--at", at)
    assert outcome.code == 2
    assert "write a year from 1900 to 9000" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_second_ledger_does_not_begin_a_history_by_itself(logs: Project) -> None:
    """Holds and proofs of the first one would be gone without a word."""
    logs.night("2026-06-01")
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        if (logs.folder / name).exists():
            os.remove(logs.folder / name)
    again = logs.run("enroll", "--all")
    assert again.code == 4, again.out
    assert "retention ledger rejoin main --by NAME" in again.err
    assert logs.run("ledger", "rejoin", "--by", "Kari").code == 0
