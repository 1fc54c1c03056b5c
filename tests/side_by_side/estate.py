"""Several databases of one shape under one policy, and runs whose workers can be broken."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from forks import FORKS, command, work
from project import Outcome
from servers import fresh_database

from retention.ledger.store import Ledger, open_ledger

AS_OF = "2026-06-01"
DUE, YOUNG = 40, 10
HEAD = """
timezone = "UTC"
[ledger]
url = "{ledger}"
rows = "all"
keys = "keys"
[limits]
share_of_table = "100%"
whole_table = "allow"
"""
RULES = """
[databases.{name}]
url = "{url}"
[rules.{name}-visits]
table = "visits"
database = "{name}"
start = "seen_at"
delete_after = "1 year"
[rules.{name}-people]
table = "people"
database = "{name}"
start = "left_at"
anonymize_after = "30 days"
[rules.{name}-people.anonymize]
email = "null"
"""
_EVERYWHERE = """
import sys

if not any("resource_tracker" in word for word in sys.orig_argv):
    import faults
"""
_FAULTS = """
import os, signal, time
from pathlib import Path
from retention.databases.erasing import windows
from retention.execution import pace
from retention.protocol import points
from retention.scheduler import one_database
from retention.scheduler.lanes import told_to_stop

windows.KeyWalker.__init__.__defaults__ = (4, *windows.KeyWalker.__init__.__defaults__[1:])
windows.PageWalker.__init__.__defaults__ = (1,)
pace.Pace.adapt = lambda *_: None
folder, working, seen = Path(__file__).parent, [""], []
working_on = one_database.working_on

def noted(request, ledger, name, run_id=""):
    working[0] = name
    return working_on(request, ledger, name, run_id)

def reached(point):
    wanted, act = (folder / "fault").read_text().split()
    if wanted not in (f"{point}-{working[0]}", f"{point}-any"):
        return
    try:
        (folder / "at-fault").open("x").close()
    except FileExistsError:
        return
    (folder / "at-fault").write_text(str(os.getpid()))
    if act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    for _ in range(1500):
        if (folder / "go-on").exists() or told_to_stop():
            return
        time.sleep(0.02)

one_database.working_on = noted
points.reached = reached
"""


class Run:
    """A command under way; the interpreters that it starts have the faults in them."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._out, self._err = folder / "run.out", folder / "run.err"
        arguments = (words, folder, self._out, self._err, environment)
        self.process = FORKS.Process(target=work, args=arguments)
        self.process.start()

    def end(self) -> Outcome:
        """Wait for its end; what it printed and how it ended (negative: the signal)."""
        self.process.join(60)
        assert self.process.exitcode is not None, "the run hangs"
        return Outcome(self.process.exitcode, self._out.read_text(), self._err.read_text())


class House:
    """A folder with a policy over databases `a`, `b`, …; commands run as a user runs them."""

    def __init__(self, folder: Path, urls: list[str], ledger: str = "sqlite:///ledger.db") -> None:
        self.folder = folder
        self.config = folder / "policies.toml"
        self.ledger_url = ledger
        self.urls = dict(zip("abcdefgh", urls, strict=False))
        text = HEAD.format(ledger=ledger)
        for name, url in self.urls.items():
            text += RULES.format(name=name, url=url)
            _fill(url)
        self.config.write_text(text, encoding="utf-8")
        outcome = self.run("enroll", "--all")
        assert outcome.code == 0, outcome.err

    def run(self, *arguments: str) -> Outcome:
        """A command, to its end."""
        return Outcome(*command([*arguments, "--config", str(self.config)], self.folder))

    def night(self, *more: str) -> tuple[Outcome, dict[str, Any]]:
        """A whole run as JSON."""
        outcome = self.run("run", "--all", "--json", "--at", AS_OF, *more)
        return outcome, json.loads(outcome.out)

    def start(self, fault: str, *more: str) -> Run:
        """A run that stumbles once: at `intent-b kill`, or at `intent-a wait` until told to stop."""
        path = os.pathsep.join([str(self.faults(fault)), *sys.path])
        words = ["run", "--all", "--json", "--at", AS_OF, *more, "--config", str(self.config)]
        return Run(words, self.folder, {"PYTHONPATH": path})

    def faults(self, fault: str) -> Path:
        """A folder that makes interpreters stumble once, where PYTHONPATH names it."""
        faults = self.folder / "faults"
        faults.mkdir(exist_ok=True)
        for flag in ("at-fault", "go-on"):
            (faults / flag).unlink(missing_ok=True)
        (faults / "fault").write_text(fault)
        (faults / "sitecustomize.py").write_text(_EVERYWHERE, encoding="utf-8")
        (faults / "faults.py").write_text(_FAULTS, encoding="utf-8")
        return faults

    def stumbled(self) -> int:
        """Wait until a process stands at its fault; its id."""
        flag = self.folder / "faults" / "at-fault"
        wait_until(lambda: flag.exists() and flag.read_text())
        return int(flag.read_text())

    def go_on(self) -> None:
        """Let it go on."""
        (self.folder / "faults" / "go-on").touch()

    def left(self) -> dict[str, tuple[int, int]]:
        """By database: visits, and people who still have an address."""
        found = {}
        for name, url in self.urls.items():
            with engine_for_test(url).connect() as connection:
                found[name] = (
                    connection.exec_driver_sql("SELECT count(*) FROM visits").scalar_one(),
                    connection.exec_driver_sql("SELECT count(email) FROM people").scalar_one(),
                )
        return found

    def ledger(self) -> Ledger:
        """The ledger, to read."""
        url = self.ledger_url.replace("///", f"///{self.folder}/")
        return open_ledger(engine_for_test(url if "sqlite" in url else self.ledger_url))


DONE = (YOUNG, YOUNG)
"""What a night leaves in each database."""


def engine_for_test(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool)


def _fill(url: str) -> None:
    old, young = "2024-01-01", "2026-05-20"
    with engine_for_test(url).begin() as connection:
        for table, clock in (("visits", "seen_at"), ("people", "left_at")):
            connection.exec_driver_sql(
                f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {clock} DATE, email VARCHAR(40))"
            )
            rows = ", ".join(
                f"({number}, '{old if number < DUE else young}', 'p{number}@example.org')"
                for number in range(DUE + YOUNG)
            )
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES {rows}")


@contextmanager
def databases(engine: str, server: str | None, folder: Path, count: int) -> Iterator[list[str]]:
    """So many empty databases on an engine."""
    if server is None:
        paths = [folder / f"data-{number}.db" for number in range(count)]
        for path in paths:
            path.touch()
        yield [f"sqlite:///{path}" for path in paths]
        return
    if not count:
        yield []
        return
    with fresh_database(server) as first, databases(engine, server, folder, count - 1) as others:
        yield [first, *others]


def wait_until(true: Callable[[], Any]) -> None:
    """Ask again and again; fails after a long while."""
    for _ in range(1500):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("what was waited for did not come")
