"""On SQLite a night that only looks keeps nobody from writing to the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from project import Project
from sqlalchemy import event
from typer.testing import CliRunner

from retention.cli.app import app

OLD = "date('2024-01-01')"
RULES = {
    "alone": '[rules.notes]\ntable = "notes"\nstart = "at"\nstored_in = "UTC"\ncounted_from = "event"\n'
    'delete_after = "1 year"\n',
}
RULES["together"] = RULES["alone"] + 'together = "thread"\n'
LOOKS = {"alone": "FILTER (WHERE", "together": "INSERT INTO retention_ready"}
"""The statement that reads the whole table."""


@pytest.fixture
def notes(tmp_path: Path) -> Project:
    """Twenty notes that are due, in a file with a write-ahead log."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    project.sql(
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, thread INTEGER NOT NULL, at TEXT NOT NULL)",
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
        f" INSERT INTO notes SELECT i, i / 4, {OLD} FROM n",
    )
    return project


@pytest.mark.parametrize("name", RULES)
def test_who_writes_while_rows_are_counted_does_not_wait_and_is_heard(
    notes: Project, name: str
) -> None:
    """The writer never waits for the count; the row he changed meanwhile stays, with its unit."""
    notes.policy(RULES[name])
    notes.enroll()
    written: list[str] = []

    def write(*arguments: object) -> None:
        statement = str(arguments[2])
        if LOOKS[name] in statement and not written:
            written.append(statement)
            with sqlite3.connect(notes.folder / "data.db", timeout=0) as other:
                other.execute("UPDATE notes SET at = '2025-12-31' WHERE id = 7")
            other.close()

    event.listen(sa.engine.Engine, "after_cursor_execute", write)
    try:
        words = ["run", "--all", "--at", "2026-01-01T03:00"]
        ran = CliRunner().invoke(app, [*words, "--config", str(notes.config)])
    finally:
        event.remove(sa.engine.Engine, "after_cursor_execute", write)
    assert written
    assert ran.exit_code == 0, ran.output
    stays = [7] if name == "alone" else [4, 5, 6, 7]
    assert notes.rows("SELECT id FROM notes ORDER BY id") == [(one,) for one in stays]
