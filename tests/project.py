"""A user's folder in a test: a database, a policies.toml, and the command line over both."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from forks import command

HEAD = """
timezone = "{zone}"
[databases.main]
url = "{url}"
[ledger]
url = "sqlite:///ledger.db"
keep_at_least = "3 years"
rows = "all"
[limits]
rows_per_run = 1_000_000
share_of_table = "100%"
whole_table = "allow"
"""


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The object on stdout."""
        return json.loads(self.out)


class Project:
    """Rules over one database; commands run as a user runs them, in a process of their own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.config = folder / "policies.toml"
        self.engine = sa.create_engine(url)
        self.dialect = self.engine.dialect.name

    def sql(self, *statements: str) -> None:
        """Run statements, each committed with the others."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query as tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def value(self, query: str) -> Any:
        """The single value of a query."""
        return self.rows(query)[0][0]

    def policy(self, rules: str, *, zone: str = "UTC", head: str = HEAD) -> None:
        """Write policies.toml with these rules."""
        text = head.format(zone=zone, url=self.url) + rules
        self.config.write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The command line as it is run."""
        return [sys.executable, "-m", "retention.cli.app", *arguments, "--config", str(self.config)]

    def run(self, *arguments: str, timeout: float = 120) -> Outcome:
        """Run a command to its end."""
        words = [*arguments, "--config", str(self.config)]
        return Outcome(*command(words, self.folder, timeout=timeout))

    def enroll(self) -> None:
        """Make our tables; a failure fails the test."""
        outcome = self.run("enroll", "--all")
        assert outcome.code == 0, outcome.err + outcome.out

    def plan(self, at: str) -> dict[str, dict[str, Any]]:
        """`plan --json` by "rule action"; a failure fails the test."""
        outcome = self.run("plan", "--json", "--at", at)
        assert outcome.code == 0, outcome.err + outcome.out
        return {f"{found['rule']} {found['action']}": found for found in outcome.json["rules"]}

    def night(self, at: str, *more: str) -> dict[str, dict[str, Any]]:
        """`run --all --json` by "rule action"; a failure fails the test."""
        outcome = self.run("run", "--all", "--json", "--at", at, *more)
        assert outcome.code == 0, outcome.err + outcome.out
        return {f"{found['rule']} {found['action']}": found for found in outcome.json["rules"]}
