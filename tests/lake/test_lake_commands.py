"""Lake tables as a person meets them: each command works on them, or says why it does not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from forks import command
from lakes import ids, write
from project import Project

TABLE = "delta://lake/events"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
promise = "We keep visits for 90 days."
"""
AT = ("--at", "2026-06-01T12:00")


@pytest.fixture
def folder(lake: Project) -> Path:
    """One row that is due and one that is not."""
    found = lake.folder / "lake" / "events"
    rows = [
        {"id": 1, "at": datetime(2025, 1, 1), "email": "anna@example.org"},
        {"id": 2, "at": datetime(2026, 5, 31), "email": "bo@example.org"},
    ]
    write(found, rows)
    lake.policy(RULES)
    return found


def test_a_night_from_check_to_report(lake: Project, folder: Path) -> None:
    """check, plan, run, report and verify, as they are typed; the dry run changes nothing."""
    assert "no faults" in lake.run("check").out
    plan = lake.run("plan", *AT)
    assert "1 due of 2" in plan.out
    assert f"copies in {TABLE}" in plan.out
    assert "gone from the last copy on 2026-07-01" in plan.out
    assert ids(folder) == [1, 2]
    assert lake.night("2026-06-01T12:00")["events delete"]["erased"] == 1
    report = lake.run("report", "last").out
    assert f"events: delete {TABLE}" in report
    assert "1 erased of 1 due" in report
    assert "nothing left behind" in report
    assert f"what left {TABLE}" in report
    listed = lake.run("backups", "list").out
    assert "kept as long as the table says" in listed
    assert "00000000000000000000.json: DIRTY" in listed
    assert "version 1: clean by content" in listed
    checked = lake.run("backups", "check", "00000000000000000000.json").out
    assert "`retention run --all`" in checked
    assert "every hash in place" in lake.run("ledger", "verify").out


def test_the_statements_are_shown(lake: Project, folder: Path) -> None:
    """`plan --sql` prints the predicate that the commit would carry."""
    shown = lake.run("plan", "--sql", *AT).out
    assert "DELETE WHERE" in shown
    assert '"at" <' in shown


def test_coverage_reads_the_columns(lake: Project, folder: Path) -> None:
    """A column that looks personal is deleted by its rule, or in no rule that erases it."""
    assert "deleted by rules.events: email" in lake.run("coverage").out
    kept = RULES.replace("delete_after", "keep_at_least")
    lake.policy(kept)
    found = lake.run("coverage", "--sample")
    assert found.code == 2
    assert "email" in found.out


def test_what_needs_a_key_says_so(lake: Project, folder: Path) -> None:
    """Nothing names one row of a lake table; the message says what does the same."""
    found = lake.run("event", "record", "closed", "--table", TABLE, "--key", "1")
    assert found.code == 2
    assert "is a lake table: no key names its rows" in found.err


def test_a_request_asks_for_columns(lake: Project, folder: Path) -> None:
    """A key without its columns names no row of a lake table."""
    found = lake.run("restriction", "add", TABLE, "1", "--reason", "request 7")
    assert found.code == 2
    assert "by its columns, COLUMN=VALUE each; nothing was done" in found.err


def test_other_answers_pass_it_over(lake: Project, folder: Path) -> None:
    """diff compares what the policies say, promises know the last run."""
    code, out, _ = command(["diff", "policies.toml", "policies.toml"], lake.folder)
    assert code == 0
    assert "no difference" in out
    lake.night("2026-06-01T12:00")
    assert "1 erased" in lake.run("promises").out
