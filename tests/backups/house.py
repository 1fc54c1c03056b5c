"""A shop with backups, lived through night by night on a clock of the test's own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from project import Project

from retention.backups.purge import Obligation
from retention.backups.records import Records
from retention.cli.requests import silent_watch
from retention.policies.parse import parse_policy
from retention.scheduler.nightly import Night, Request, ledger_of, nightly

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
RULE = """
[rules.visits]
table = "visits"
start = "seen_at"
delete_after = "90 days"
"""


class House:
    """A database whose visits go after 90 days, and the sets of backups that the test names."""

    def __init__(self, project: Project, backups: str, as_of: datetime = MONDAY) -> None:
        self.project = project
        project.sql("CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at VARCHAR(10))")
        project.policy(RULE + backups)
        project.enroll()
        self.visit(as_of - 100 * DAY)
        self.visit(as_of - 10 * DAY)

    def visit(self, at: datetime) -> None:
        """Somebody comes by."""
        number = self.project.value("SELECT count(*) FROM visits") + at.toordinal() * 10
        self.project.sql(f"INSERT INTO visits VALUES ({number}, '{at:%Y-%m-%d}')")

    def night(self, as_of: datetime) -> Night:
        """One run of every rule, as if it were that time."""
        text = self.project.config.read_text(encoding="utf-8")
        policy = parse_policy(text)
        return nightly(
            Request(
                policy,
                self.project.folder,
                "policies.toml",
                as_of,
                lambda: as_of,
                silent_watch(),
                everything=True,
            )
        )

    @property
    def duties(self) -> list[Obligation]:
        """Every obligation as the ledger tells it."""
        policy = parse_policy(self.project.config.read_text(encoding="utf-8"))
        return Records(ledger_of(policy, self.project.folder)).obligations()

    @property
    def states(self) -> list[str]:
        """How each of them stands."""
        return [str(duty.state) for duty in self.duties]


def sqlite_copy(source: Path, target: Path, at: datetime) -> None:
    """A copy by SQLite's own backup, as if made at that time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    os.utime(target, (at.timestamp(), at.timestamp()))


def tool(*words: str, **environment: str) -> str:
    """What a program printed; a failure fails the test."""
    found = subprocess.run(
        words,
        env={**os.environ, "TZ": "UTC", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert found.returncode == 0, f"{words}: {found.stdout}{found.stderr}"
    return found.stdout
