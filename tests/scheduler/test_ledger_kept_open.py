"""On SQLite a run flushes its ledger once a batch, and leaves no file beside it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from project import Project
from sqlalchemy import event
from typer.testing import CliRunner

from retention.cli.app import app

RULES = """
[rules.notes]
table = "notes"
start = "at"
stored_in = "UTC"
counted_from = "event"
delete_after = "1 year"
"""


def test_the_ledgers_log_is_written_back_once_at_the_end_of_a_run(tmp_path: Path) -> None:
    """It stands beside the ledger while batches are at work, and is gone when the run is over."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, at TEXT)",
        "INSERT INTO notes VALUES (1, '2020-01-01'), (2, '2020-01-02')",
    )
    project.policy(RULES)
    project.enroll()
    log = next(tmp_path.rglob("ledger.db")).with_name("ledger.db-wal")
    seen: list[bool] = []

    def look(*arguments: object) -> None:
        if str(arguments[2]).startswith("DELETE FROM notes"):
            seen.append(log.exists())

    event.listen(sa.engine.Engine, "before_cursor_execute", look)
    try:
        words = ["run", "--all", "--at", "2026-01-01T03:00", "--config", str(project.config)]
        ran = CliRunner().invoke(app, words)
    finally:
        event.remove(sa.engine.Engine, "before_cursor_execute", look)
    assert ran.exit_code == 0, ran.output
    assert seen
    assert all(seen)
    assert not log.exists()
