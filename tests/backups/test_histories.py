"""Random histories of runs, kills, backups, restores and rows: nobody is back, no innocent is lost.

The model knows the database alone: what vanished while our program ran was erased, and must never
be there again once a reapply has ended. It reads neither ledger nor tokens.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from retention.cli.catalogue import catalogue
from retention.cli.requests import silent_watch
from retention.connections import engine_for
from retention.databases.database import Database
from retention.errors import IntegrityError
from retention.ledger.store import open_ledger
from retention.policies.parse import parse_policy
from retention.protocol import points
from retention.protocol.enrolling import enroll
from retention.scheduler.nightly import Request, key_folder, nightly
from retention.scheduler.reapplying import Told, reapply
from retention.subjects.holds import place_hold

HEAD = """
timezone = "UTC"
databases.main.url = "sqlite:///main.db"
[ledger]
url = "sqlite:///ledger.db"
rows = "all"
[limits]
share_of_table = "100%"
whole_table = "allow"
"""
PEOPLE = """
[rules.people]
table = "people"
start = "closed_at"
delete_after = "{years} years"
guard = "made_at"
"""
NOTES = """
[rules.notes]
table = "notes"
start = "closed_at"
anonymize_after = "1 year"
guard = "made_at"
anonymize = { text = { text = "[erased]" } }
"""
POLICIES = (
    PEOPLE.format(years=1) + NOTES,
    PEOPLE.format(years=9) + NOTES,
    PEOPLE.format(years=1),
    NOTES.replace("1 year", "9 years"),
)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
CLOSED = {"long ago": "2020-01-01 00:00:00", "lately": "2025-12-30 00:00:00", "open": None}
Row = tuple[int, str]


class Killed(BaseException):
    """The process ends here: nothing of ours may run after it."""


@contextmanager
def killed_at(point: str | None, occurrence: int) -> Iterator[list[str]]:
    """Break the work at the n-th time that a point is reached; the points that were."""
    reached: list[str] = []
    before = points.reached

    def noted(here: str) -> None:
        reached.append(here)
        if here == point and reached.count(here) == occurrence:
            raise Killed

    points.reached = noted
    try:
        yield reached
    finally:
        points.reached = before


KILL = st.none() | st.tuples(st.sampled_from(points.ALL), st.integers(1, 2))


class Histories(RuleBasedStateMachine):
    """One small database with people (deleted) and notes (masked), and everything that befalls it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.live = self.folder / "main.db"
        self.minutes = 0
        self.made = 0
        self.gone: set[Row] = set()
        self.masked: set[Row] = set()
        self.doubtful: set[Row] = set()
        self.held: set[Row] = set()
        self.backups: list[Path] = []
        self.restored = False

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def now(self) -> datetime:
        """A clock that never stands still."""
        self.minutes += 1
        return FIRST_DAY + timedelta(minutes=self.minutes)

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """One statement of the application's."""
        with closing(sqlite3.connect(self.live)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    @initialize()
    def begin(self) -> None:
        """An empty, enrolled database."""
        columns = "(id integer primary key, text text, closed_at text, made_at text not null)"
        for table in ("people", "notes"):
            self.sql(f"create table {table} {columns}")
        self.choose(0)
        self.database = Database(
            "main", engine_for(self.policy.databases["main"].url, "main", self.folder)
        )
        engine = engine_for(self.policy.ledger.url, "ledger", self.folder)
        self.ledger = open_ledger(engine, create=True, at=self.now())
        with self.database.connected() as connection:
            enroll(self.database, connection, self.ledger, self.now)

    @rule(number=st.integers(0, len(POLICIES) - 1))
    def choose(self, number: int) -> None:
        """Another policy: rules changed, or taken out."""
        self.policy = parse_policy(HEAD + POLICIES[number], "policies.toml", catalogue())

    @rule(table=st.sampled_from(["people", "notes"]), closed=st.sampled_from(sorted(CLOSED)))
    def insert(self, table: str, closed: str) -> None:
        """A new row; SQLite issues the number after the highest, given before or not."""
        self.made += 1
        made = f"2019-01-01 00:{self.made // 60:02d}:{self.made % 60:02d}"
        self.sql(
            f"insert into {table} (text, closed_at, made_at) values ('me', ?, ?)",
            CLOSED[closed],
            made,
        )

    @precondition(lambda self: not self.restored)
    @rule()
    def back_up(self) -> None:
        """A copy of the database."""
        copy = self.folder / f"backup-{len(self.backups)}"
        with (
            closing(sqlite3.connect(self.live)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        self.backups.append(copy)

    @precondition(lambda self: self.backups)
    @rule(which=st.integers(0, 20))
    def restore(self, which: int) -> None:
        """One of the copies, in place; also while a reapply has not ended."""
        for suffix in ("-wal", "-shm"):
            self.live.with_name(self.live.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.backups[which % len(self.backups)], self.live)
        # what a killed batch took before anybody settled it, nobody can say any more
        self.gone -= self.doubtful
        self.masked -= self.doubtful
        self.doubtful = set()
        self.restored = True

    @precondition(lambda self: self.people())
    @rule(which=st.integers(0, 20))
    def hold(self, which: int) -> None:
        """A legal hold on one of the people."""
        rows = sorted(self.people())
        row = rows[which % len(rows)]
        keys = key_folder(self.policy, self.folder)
        with self.database.connected() as connection:
            key = (str(row[0]),)
            place_hold(
                self.database, connection, self.ledger, keys, "people", key, "x", None, self.now
            )
        self.held.add(row)

    @rule(kill=KILL)
    def night(self, kill: tuple[str, int] | None) -> None:
        """A run, perhaps killed; after a restore it does nothing."""
        before = self.contents()
        found = self.killed(kill, lambda: nightly(self.request()))
        if self.restored and found is not None:
            errors = [night.error for night in found.databases]
            if any(isinstance(error, IntegrityError) for error in errors):
                assert self.contents() == before
            else:
                self.restored = False

    @rule(kill=KILL)
    def reapply(self, kill: tuple[str, int] | None) -> None:
        """A reapply, perhaps killed, and then another one that ends."""
        before = self.people()
        self.killed(kill, self.reapplied)
        told = self.reapplied()
        assert told.finished
        self.restored = False
        back = self.people() & self.gone - self.held
        assert not back, f"{back} are back"
        lost = before - self.people() - self.gone
        due = {row for row in lost if self.due(row)}
        assert lost == due, f"{lost - due} were innocent"
        unmasked = {row for row, text in self.notes().items() if text != "[erased]"}
        assert not unmasked & self.masked
        self.gone |= lost
        self.note_masked()
        self.doubtful = set()

    @invariant()
    def the_ledger_is_whole(self) -> None:
        """Whatever happened, the chain verifies."""
        assert self.ledger.verify() == []

    # -- what the machine does and sees --------------------------------------------------------------

    def request(self) -> Request:
        """A run of everything, now."""
        at = self.now()
        return Request(
            self.policy, self.folder, "policies.toml", at, self.now, silent_watch(), everything=True
        )

    def reapplied(self) -> Told:
        """The command, with a list for a person."""
        return reapply(self.request(), "main", look_only=False, listed=lambda *_: None)

    def killed(self, kill: tuple[str, int] | None, act: Callable[[], object]) -> object | None:
        """Do it, perhaps killed at a point; what vanished meanwhile was erased."""
        before, unmasked = self.people(), self.notes()
        self._closed_at = {row: self.closed(row) for row in before}
        with killed_at(*(kill or (None, 0))) as reached:
            try:
                found = act()
            except Killed:
                found = None
        vanished = before - self.people()
        newly = {row for row, text in self.notes().items() if text != unmasked.get(row, text)}
        self.gone |= vanished
        self.masked |= newly
        if reached:
            settled = found is not None
            self.doubtful = set() if settled else vanished | newly
        return found

    def people(self) -> set[Row]:
        """The people who are there."""
        return {
            (int(str(key)), str(made)) for key, made in self.sql("select id, made_at from people")
        }

    def notes(self) -> dict[Row, str]:
        """The text of each note."""
        found = self.sql("select id, made_at, text from notes")
        return {(int(str(key)), str(made)): str(text) for key, made, text in found}

    def note_masked(self) -> None:
        """Remember which notes are masked now."""
        self.masked |= {row for row, text in self.notes().items() if text == "[erased]"}

    def contents(self) -> tuple[set[Row], dict[Row, str]]:
        """Everything of the user's."""
        return self.people(), self.notes()

    def closed(self, row: Row) -> object:
        """When a person's account was closed."""
        return self.sql("select closed_at from people where id = ?", row[0])[0][0]

    def due(self, row: Row) -> bool:
        """TRUE where the policy of now erases the row."""
        rule = self.policy.rules.get("people")
        years = 0 if rule is None else int(str(rule.delete_after).split()[0])
        return row not in self.held and years == 1 and self._closed_at[row] == CLOSED["long ago"]


def _machine(examples: int, steps: int) -> type:
    case = type("Case", (Histories.TestCase,), {})
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return case


TestQuickly = _machine(8, 12)
TestForLong = pytest.mark.faults(_machine(300, 30))
