"""Runs that break at a named point, in processes of their own, and an oracle that judges the rest.

A run is forked from a server that has imported the program once; the child makes windows small,
puts a fault at a point of `retention.protocol.points`, and calls the command line's own `main`.
"""

from __future__ import annotations

import faulthandler
import gc
import itertools
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from forks import FORKS
from project import Outcome, Project

from retention.ledger.entry import Entry, Kind
from retention.ledger.store import Ledger, open_ledger

GIVE_UP = 60
"""Seconds after which a process that hangs ends with every thread's traceback."""

AS_OF = "2026-06-01"

# -- what happens at a point, inside the process that runs -----------------------------------------


def kill(_: Path) -> None:
    """End at once, as a crash or the kernel would end it."""
    os.kill(os.getpid(), signal.SIGKILL)


def terminate(_: Path) -> None:
    """Ask to stop, as a service manager does."""
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt(_: Path) -> None:
    """Ask to stop, as a person at the keyboard does."""
    os.kill(os.getpid(), signal.SIGINT)


def pause(folder: Path) -> None:
    """Say so, and wait until the test lets go."""
    (folder / "paused").touch()
    wait_until((folder / "go-on").exists)


def fill_disk(_: Path) -> None:
    """From here on no file takes another page."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def lose_rights(folder: Path) -> None:
    """From here on the ledger can be written by nobody in this process."""
    (folder / "ledger.db").chmod(0o400)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


@dataclass(frozen=True)
class Fault:
    """`act` at the n-th time that `point` is reached, counting only batches of one way of erasing."""

    point: str
    act: Callable[[Path], None] = kill
    occurrence: int = 1
    way: str = ""


@dataclass(frozen=True)
class Setting:
    """How a process is set up before it runs: rows a window, and how long it waits for locks."""

    window: int = 16
    hasty: bool = False


def work(
    arguments: list[str], folder: Path, name: str, setting: Setting, fault: Fault | None
) -> None:
    """One command, in a child of the fork server."""
    faulthandler.dump_traceback_later(GIVE_UP, exit=True)
    gc.disable()
    for descriptor, kind in ((1, "out"), (2, "err")):
        target = os.open(folder / f"{name}.{kind}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(target, descriptor)
        os.close(target)
    os.chdir(folder)
    _set_up(setting)
    _put_fault(folder, name, fault)
    sys.argv = ["retention", *arguments]
    from retention.cli.app import main

    main()


def _set_up(setting: Setting) -> None:
    from retention.databases import database
    from retention.databases.erasing import aside_partitions, asides, walker, windows
    from retention.execution import pace
    from retention.protocol import batch

    # one of the tables has an index on its clock, and is walked by it
    walker.INDEX_SHARE = dict.fromkeys(walker.INDEX_SHARE, 1.0)
    windows.KeyWalker.__init__.__defaults__ = (setting.window, None)
    windows.PageWalker.__init__.__defaults__ = (1,)
    pace.Pace.adapt = lambda *_: None
    # a busy machine shall not decide what goes whole
    aside_partitions.LONGEST, asides._TURNS = GIVE_UP, 20
    if setting.hasty:
        batch.ATTEMPTS = 2
        database._SETTINGS["sqlite"] += ("PRAGMA busy_timeout = 300",)
        database._SETTINGS["postgresql"] += ("SET lock_timeout = '300ms'",)
        database._SETTINGS["mysql"] += ("SET SESSION innodb_lock_wait_timeout = 1",)


def _put_fault(folder: Path, name: str, fault: Fault | None) -> None:
    from retention.execution import executor
    from retention.protocol import points

    way = rule = ""
    seen = 0

    def noting(run_batch: Callable[..., Any]) -> Callable[..., Any]:
        def batch(opened: Any, work: Any, *rest: Any) -> Any:
            nonlocal way, rule
            way, rule = type(work.eraser).__name__, work.step.rule
            return run_batch(opened, work, *rest)

        return batch

    def reached(point: str) -> None:
        nonlocal seen
        with open(folder / f"{name}.trace", "a", encoding="ascii") as trace:
            trace.write(f"{point} {way} {rule}\n")
        if fault is None or point != fault.point or fault.way not in way:
            return
        seen += 1
        if seen == fault.occurrence:
            fault.act(folder)

    executor.run_batch = noting(executor.run_batch)
    executor.run_aside_batch = noting(executor.run_aside_batch)
    points.reached = reached


# -- processes, as the test sees them ----------------------------------------------------------------


class Run:
    """A command under way, or ended."""

    def __init__(self, folder: Path, name: str, process: ForkServerProcess) -> None:
        self.folder = folder
        self.name = name
        self.process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        """True while it has not ended."""
        return self.process.is_alive()

    def end(self) -> Outcome:
        """Wait for its end; what it printed and how it ended (negative: the signal)."""
        self.process.join(GIVE_UP + 10)
        assert self.process.exitcode is not None, "the process hangs"
        return Outcome(self.process.exitcode, self._read("out"), self._read("err"))

    def kill(self) -> None:
        """kill -9, from outside."""
        self.process.kill()
        self.process.join()

    def paused(self) -> None:
        """Wait until it stands at its point."""
        wait_until(lambda: (self.folder / "paused").exists() or not self.running)
        assert self.running, self.end()

    def go_on(self) -> None:
        """Let it go on from its point."""
        (self.folder / "go-on").touch()

    def points(self) -> list[str]:
        """The points it has reached, in order."""
        return [line.split()[0] for line in self._read("trace").splitlines()]

    def ways(self) -> set[str]:
        """The ways of erasing it has used."""
        return {line.split()[1] for line in self._read("trace").splitlines()}

    def again(self, rule: str) -> bool:
        """True where a batch of the rule began again, right after it had begun and got nowhere."""
        found = self._read("trace").splitlines()
        twice = [first for first, second in itertools.pairwise(found) if first == second]
        return any(line.split()[::2] == ["begun", rule] for line in twice)

    def _read(self, kind: str) -> str:
        path = self.folder / f"{self.name}.{kind}"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def start(
    project: Project,
    *arguments: str,
    fault: Fault | None = None,
    setting: Setting | None = None,
) -> Run:
    """Start a command over the project; `end()` waits for it."""
    name = f"process-{len(list(project.folder.glob('process-*.out')))}"
    (project.folder / f"{name}.out").touch()
    for flag in ("paused", "go-on"):
        if fault is not None:
            (project.folder / flag).unlink(missing_ok=True)
    full = [*arguments, "--config", str(project.config)]
    process = FORKS.Process(
        target=work, args=(full, project.folder, name, setting or Setting(), fault), daemon=True
    )
    process.start()
    return Run(project.folder, name, process)


def night(
    project: Project, fault: Fault | None = None, setting: Setting | None = None, at: str = AS_OF
) -> Run:
    """Start `retention run --all`."""
    return start(project, "run", "--all", "--at", at, fault=fault, setting=setting)


def succeed(project: Project, *arguments: str) -> str:
    """Run a command to its end, which must be a good one; what it printed."""
    outcome = start(project, *arguments).end()
    assert outcome.code == 0, outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    return outcome.out


@contextmanager
def paused_night(
    project: Project, point: str, occurrence: int = 1, way: str = "", setting: Setting | None = None
) -> Iterator[Run]:
    """A night that stands at a point for the length of the block, and is let go at its end."""
    run = night(project, Fault(point, pause, occurrence, way), setting)
    try:
        run.paused()
        yield run
    finally:
        run.go_on()


def wait_until(true: Callable[[], Any], pause: float = 0.02) -> None:
    """Ask again and again; fails after a long while."""
    for _ in range(int(GIVE_UP / pause)):
        if true():
            return
        time.sleep(pause)
    raise AssertionError("what was waited for did not come")


_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


def wait_for_a_waiter(project: Project, run: Run) -> None:
    """Wait until a session of the server waits for a lock; fails where the run ends first."""
    query = _WAITING[project.dialect]
    # MariaDB shows its locks from a cache that is not refreshed while it is read more often
    wait_until(lambda: project.value(query) or not run.running, pause=0.15)
    assert run.running, run.end()


# -- the ledger, read only -----------------------------------------------------------------------------


def ledger_of(project: Project) -> Ledger:
    """The project's ledger."""
    return open_ledger(sa.create_engine(f"sqlite:///{project.folder / 'ledger.db'}"))


@dataclass(frozen=True)
class Story:
    """What the ledger says of the batches: intents that committed, that did not, and are open."""

    committed: list[Entry]
    refuted: list[Entry]
    open: list[Entry]

    def counts(self) -> Counter[str]:
        """Rows by table over all committed intents."""
        total: Counter[str] = Counter()
        for intent in self.committed:
            counts = intent.body["counts"]
            assert isinstance(counts, dict)
            total.update(
                {name: int(str(n)) for name, n in counts.items() if not name.startswith("due ")}
            )
        return total


def story_of(project: Project) -> Story:
    """The intents of the ledger by their outcome."""
    ledger = ledger_of(project)
    intents = {entry.number: entry for entry in ledger.entries(kinds={Kind.INTENT})}
    found: dict[str, list[Entry]] = {Kind.COMMITTED: [], Kind.NOT_COMMITTED: []}
    for closing in ledger.entries(kinds=set(found)):
        number = closing.body["intent"]
        assert isinstance(number, int)
        found[closing.kind].append(intents.pop(number))
    refuted = found[Kind.NOT_COMMITTED]
    assert not any(ledger.tokens_of(intent.number) for intent in refuted)
    return Story(found[Kind.COMMITTED], refuted, list(intents.values()))


def story_by_marker(project: Project) -> Story:
    """The same, an open intent judged by the database's marker as the next run will do it."""
    story = story_of(project)
    assert len(story.open) <= 1
    sequence, head = project.rows("SELECT sequence, ledger_head FROM retention_marker")[0]
    done = [entry for entry in story.open if entry.body["sequence"] == sequence]
    assert all(entry.hash == head for entry in done)
    assert sequence == len(story.committed) + len(done)
    undone = [entry for entry in story.open if entry not in done]
    return Story(story.committed + done, story.refuted + undone, [])


# -- a shop with work for every way of erasing, and what must become of it ----------------------------

Row = tuple[Any, ...]
Contents = dict[str, dict[int, Row]]

_TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(40), closed_at {time} NULL,"
    " created_at {time} NOT NULL, filler VARCHAR(700) NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL,"
    " note VARCHAR(40), FOREIGN KEY (person_id) REFERENCES people (id))",
    "CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL,"
    " amount INTEGER, FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)",
    "CREATE TABLE tickets (id INTEGER PRIMARY KEY, person_id INTEGER NULL, name VARCHAR(40),"
    " subject VARCHAR(40) NOT NULL, closed_at {time} NULL, filler VARCHAR(700) NOT NULL,"
    " FOREIGN KEY (person_id) REFERENCES people (id))",
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL,"
    " body VARCHAR(40), FOREIGN KEY (ticket_id) REFERENCES tickets (id))",
    "CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at {time} NOT NULL, ip VARCHAR(40),"
    " agent VARCHAR(40), filler VARCHAR(700) NOT NULL)",
    "CREATE TABLE logs (id INTEGER PRIMARY KEY, logged_at {time} NULL,"
    " line VARCHAR(40), filler VARCHAR(700) NOT NULL)",
    "CREATE INDEX orders_person ON orders (person_id)",
    "CREATE INDEX lines_order ON order_lines (order_id)",
    "CREATE INDEX tickets_person ON tickets (person_id)",
    "CREATE INDEX messages_ticket ON messages (ticket_id)",
    "CREATE INDEX logs_logged ON logs (logged_at)",
)
COLUMNS = {
    "people": ("id", "name", "closed_at", "created_at", "filler"),
    "orders": ("id", "person_id", "note"),
    "order_lines": ("id", "order_id", "amount"),
    "tickets": ("id", "person_id", "name", "subject", "closed_at", "filler"),
    "messages": ("id", "ticket_id", "body"),
    "visits": ("id", "seen_at", "ip", "agent", "filler"),
    "logs": ("id", "logged_at", "line", "filler"),
}
STARTS = {"people": "closed_at", "tickets": "closed_at", "visits": "seen_at", "logs": "logged_at"}
_RULES = """
[rules.people]
table = "people"
start = "closed_at"
delete_after = "3 years"
guard = "created_at"
[rules.tickets]
table = "tickets"
start = "closed_at"
anonymize_after = "1 year"
[rules.tickets.anonymize]
name = "null"
subject = { text = "[erased]" }
"messages.body" = { text = "[erased]" }
[rules.visits]
table = "visits"
start = "seen_at"
anonymize_after = "1 year"
[rules.visits.anonymize]
ip = "null"
agent = { text = "[erased]" }
[rules.logs]
table = "logs"
start = "logged_at"
delete_after = "90 days"
[references]
"orders.person_id" = "delete"
"order_lines.order_id" = "delete"
"tickets.person_id" = "detach"
"messages.ticket_id" = "block"
"""
_FILLER = "x" * 400
_OLD, _LATELY, _FUTURE = "2021-02-03 04:05:06", "2026-05-20 00:00:00", "2031-01-01 00:00:00"
_STARTS = (_OLD, None, _LATELY, _OLD, _FUTURE, _OLD, "2023-05-31 23:59:59", "2023-06-01 00:00:00")


class Shop:
    """A few hundred rows, what they were, and what a night must leave of them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.before = _made()
        self.held: set[tuple[str, int]] = set()
        self.after = naively_erased(self.before, self.held)
        time = "TEXT" if project.dialect == "sqlite" else "TIMESTAMP"
        project.sql(*(statement.format(time=time) for statement in _TABLES))
        with project.engine.begin() as connection:
            for name, rows in self.before.items():
                table = sa.table(name, *map(sa.column, COLUMNS[name]))
                found = [dict(zip(COLUMNS[name], row, strict=True)) for row in rows.values()]
                connection.execute(sa.insert(table), found)
        project.policy(_RULES)
        succeed(project, "enroll", "--all")

    def now(self) -> Contents:
        """Every row of every table as it is."""
        return {
            name: {row[0]: row for row in map(_plain, self.project.rows(_select(name)))}
            for name in COLUMNS
        }

    def changes(self) -> Counter[str]:
        """Rows erased, masked and detached by table, as the ledger names them."""
        return changes(self.before, self.now())

    def last_due(self, name: str) -> int:
        """The last row of a table with work on it; it lies in another window than the first."""
        before, after = self.before[name], self.after[name]
        return max(key for key, row in before.items() if after.get(key) != row and not key % 4)

    def extend(self, connection: sa.Connection, name: str, key: int) -> None:
        """Give a row a start that is not due, in the caller's transaction."""
        self._write(connection, name, key, STARTS[name], _LATELY)

    def rewrite(self, connection: sa.Connection, name: str, key: int) -> None:
        """Write a row without changing when it is due, in the caller's transaction."""
        self._write(connection, name, key, "filler", "y" * 400)

    def _write(
        self, connection: sa.Connection, name: str, key: int, column: str, value: str
    ) -> None:
        connection.exec_driver_sql(f"UPDATE {name} SET {column} = '{value}' WHERE id = {key}")
        row = list(self.before[name][key])
        row[COLUMNS[name].index(column)] = value
        self.before[name][key] = tuple(row)
        self.after = naively_erased(self.before, self.held)

    def hold(self, name: str, key: int) -> None:
        """Expect a row, and all it needs, to stay."""
        self.held.add((name, key))
        self.after = naively_erased(self.before, self.held)

    def agree(self) -> None:
        """Ledger and database agree now, after the next run, and after one more."""
        self.agree_now()
        outcome = night(self.project).end()
        assert outcome.code == 0, outcome.out + outcome.err
        self.agree_at_the_end()
        last = story_of(self.project)
        outcome = night(self.project).end()
        assert outcome.code == 0, outcome.out + outcome.err
        assert story_of(self.project) == last
        assert self.now() == self.after
        succeed(self.project, "ledger", "verify")

    def agree_now(self) -> None:
        """What is gone is what the ledger counts, and nothing else was touched."""
        assert self.changes() == story_by_marker(self.project).counts()
        assert_only_due(self.before, self.now(), self.after)
        assert ledger_of(self.project).verify() == []

    def agree_at_the_end(self) -> None:
        """The night's work is done, to the row, and the ledger has closed every batch."""
        assert self.now() == self.after
        story = story_of(self.project)
        assert story.open == []
        assert story.counts() == changes(self.before, self.after)
        assert ledger_of(self.project).verify() == []


def changes(before: Contents, now: Contents) -> Counter[str]:
    """Rows erased, masked and detached by table, as the ledger names them."""
    found: Counter[str] = Counter()
    for name, rows in before.items():
        found[name] = len(rows.keys() - now[name].keys())
        for key, row in now[name].items():
            old = rows[key]
            detached = name == "tickets" and row[1] is None and old[1] is not None
            found[f"detached {name}"] += detached
            found[f"masked {name}"] += _without_owner(name, row) != _without_owner(name, old)
    return +found


def assert_only_due(before: Contents, now: Contents, after: Contents) -> None:
    """Each row is as it was or as it must become; rows that belong together left together."""
    for name, rows in before.items():
        assert now[name].keys() <= rows.keys()
        assert now[name].keys() >= after[name].keys()
        for key, row in now[name].items():
            goal = after[name].get(key, rows[key])
            assert _without_owner(name, row) in (
                _without_owner(name, rows[key]),
                _without_owner(name, goal),
            )
            assert row[1] in (rows[key][1], goal[1])
    for child, parent in (("orders", "people"), ("order_lines", "orders")):
        for key, row in before[child].items():
            assert (key in now[child]) == (row[1] in now[parent])
    for key, row in now["tickets"].items():
        owner = before["tickets"][key][1]
        assert row[1] == (owner if owner in now["people"] else None)


def naively_erased(before: Contents, held: Collection[tuple[str, int]]) -> Contents:
    """What a night leaves, worked out row by row, without the program."""
    kept = {row[1] for key, row in before["orders"].items() if ("orders", key) in held}
    people = {
        key: row
        for key, row in before["people"].items()
        if not _past(row[2], "2023-06-01") or key in kept or ("people", key) in held
    }
    orders = {key: row for key, row in before["orders"].items() if row[1] in people}
    lines = {key: row for key, row in before["order_lines"].items() if row[1] in orders}
    tickets = {}
    for key, (_, person, name, subject, closed, filler) in before["tickets"].items():
        owner = person if person in people else None
        if _past(closed, "2025-06-01") and ("tickets", key) not in held:
            name, subject = None, "[erased]"
        tickets[key] = (key, owner, name, subject, closed, filler)
    messages = {
        key: (*row[:2], "[erased]" if tickets[row[1]][3] == "[erased]" else row[2])
        for key, row in before["messages"].items()
    }
    visits = {
        key: (*row[:2], None, "[erased]", row[4])
        if _past(row[1], "2025-06-01") and ("visits", key) not in held
        else row
        for key, row in before["visits"].items()
    }
    logs = {
        key: row
        for key, row in before["logs"].items()
        if not _past(row[1], "2026-03-03") or ("logs", key) in held
    }
    return {
        "people": people,
        "orders": orders,
        "order_lines": lines,
        "tickets": tickets,
        "messages": messages,
        "visits": visits,
        "logs": logs,
    }


def _past(start: str | None, line: str) -> bool:
    return start is not None and start < line


def _without_owner(name: str, row: Row) -> Row:
    """The row less the column that a detachment changes."""
    return (row[0], *row[2:]) if name == "tickets" else row


def _made() -> Contents:
    def start(key: int) -> str | None:
        return _STARTS[key % len(_STARTS)]

    rows: Mapping[str, list[Row]] = {
        "people": [(n, f"person {n}", start(n), _OLD, _FILLER) for n in range(1, 61)],
        "orders": [(n, n % 60 + 1, f"order {n}") for n in range(1, 91)],
        "order_lines": [(n, n % 90 + 1, n) for n in range(1, 121)],
        "tickets": [
            (n, n % 60 + 1 if n % 4 else None, f"name {n}", f"subject {n}", start(n), _FILLER)
            for n in range(1, 49)
        ],
        "messages": [(n, n % 48 + 1, f"body {n}") for n in range(1, 65)],
        "visits": [
            (n, start(n) or _LATELY, f"192.0.2.{n}", f"agent {n}", _FILLER) for n in range(1, 49)
        ],
        "logs": [(n, start(n), f"line {n}", _FILLER) for n in range(1, 73)],
    }
    return {name: {row[0]: row for row in found} for name, found in rows.items()}


def _select(name: str) -> str:
    return f"SELECT {', '.join(COLUMNS[name])} FROM {name}"


def _plain(row: Row) -> Row:
    """Times as text, the same on every engine."""
    return tuple(
        value.isoformat(sep=" ") if hasattr(value, "isoformat") else value for value in row
    )
