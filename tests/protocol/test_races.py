"""Other sessions at work while a batch runs: nothing is lost, nothing goes unlogged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from harness import (
    GIVE_UP,
    STARTS,
    Contents,
    Fault,
    Row,
    Run,
    Setting,
    Shop,
    kill,
    ledger_of,
    night,
    pause,
    paused_night,
    start,
    story_of,
    succeed,
    wait_for_a_waiter,
    wait_until,
)
from project import Outcome, Project

from retention.protocol import points

TABLES = ("people", "tickets", "visits", "logs")


def of_tables(*chosen: str) -> pytest.MarkDecorator:
    """A test for each table; in the suite only for those chosen."""
    slow = pytest.mark.faults
    return pytest.mark.parametrize(
        "table", [name if name in chosen else pytest.param(name, marks=slow) for name in TABLES]
    )


NEW_CHILD = 999
ITS_PARENT = 31
IN_THE_SUITE = (points.TAKEN, points.MARKED, points.CLOSED)
DECLARED = pytest.mark.parametrize(
    ("then", "on_delete"),
    [
        ("delete", "ON DELETE CASCADE"),
        ("block", ""),
        pytest.param("delete", "", marks=pytest.mark.faults),
        pytest.param("block", "ON DELETE CASCADE", marks=pytest.mark.faults),
    ],
)
DECISIONS = pytest.mark.parametrize(
    ("then", "declared"),
    [
        ("delete", False),
        ("block", False),
        pytest.param("delete", True, marks=pytest.mark.faults),
        pytest.param("block", True, marks=pytest.mark.faults),
    ],
)


def assert_good(outcome: Outcome) -> None:
    """The run ended well."""
    assert outcome.code == 0, outcome.out + outcome.err


def assert_told(outcome: Outcome, code: int, *words: str) -> None:
    """The run ended with that code and a message with these words, never with a traceback."""
    told = outcome.out + outcome.err
    assert outcome.code == code, told
    assert "Traceback" not in told
    for word in words:
        assert word in told


@contextmanager
def application(project: Project) -> Iterator[sa.Connection]:
    """A session of the application; its transaction commits at the end of the block."""
    with project.engine.connect() as connection, connection.begin():
        yield connection


# -- children that come while a batch is under way --------------------------------------------------


class Family:
    """Parents, every second of them due, every third with a child; and the one decision on them."""

    def __init__(self, project: Project, then: str, *, declared: bool, on_delete: str = "") -> None:
        self.project = project
        self.then = then
        time = "TEXT" if project.dialect == "sqlite" else "TIMESTAMP"
        key = f", FOREIGN KEY (parent_id) REFERENCES parents (id) {on_delete}" if declared else ""
        project.sql(
            f"CREATE TABLE parents (id INTEGER PRIMARY KEY, closed_at {time} NULL, note VARCHAR(9),"
            " filler VARCHAR(700))",
            f"CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL{key})",
            "CREATE INDEX children_parent ON children (parent_id)",
        )
        self.parents = set(range(1, 61))
        self.children = {100 + parent: parent for parent in self.parents if parent % 3 == 0}
        due = "'2021-02-03 04:05:06'"
        project.sql(
            *(
                f"INSERT INTO parents VALUES ({key}, {due if key % 2 else 'NULL'}, '', '{'x' * 400}')"
                for key in sorted(self.parents)
            ),
            *(f"INSERT INTO children VALUES ({key}, {of})" for key, of in self.children.items()),
        )
        decision = f'"{then}"' if declared else f'{{ to = "parents.id", then = "{then}" }}'
        project.policy(
            '[rules.parents]\ntable = "parents"\nstart = "closed_at"\ndelete_after = "3 years"\n'
            f'[references]\n"children.parent_id" = {decision}\n'
        )
        succeed(project, "enroll", "--all")

    def add_child(self, connection: sa.Connection) -> None:
        """A child of a parent that is due, in the caller's transaction."""
        connection.exec_driver_sql(f"INSERT INTO children VALUES ({NEW_CHILD}, {ITS_PARENT})")

    def dangling(self) -> list[int]:
        """Children without their parent."""
        query = (
            "SELECT id FROM children WHERE parent_id NOT IN (SELECT id FROM parents) ORDER BY id"
        )
        return [row[0] for row in self.project.rows(query)]

    def left(self, table: str) -> set[int]:
        """The rows that are there."""
        return {row[0] for row in self.project.rows(f"SELECT id FROM {table}")}

    def judge(self, *, seen: bool) -> None:
        """What left is what had to leave, and the ledger counts it; `seen`: the new child was."""
        children = {**self.children, NEW_CHILD: ITS_PARENT} if seen else self.children
        stay = set(children.values()) if self.then == "block" else set()
        gone = {parent for parent in self.parents if parent % 2} - stay
        assert self.left("parents") == self.parents - gone
        left = {child for child, parent in children.items() if parent not in gone}
        assert self.left("children") - {NEW_CHILD} == left - {NEW_CHILD}
        counts = story_of(self.project).counts()
        assert counts["parents"] == len(gone)
        assert counts["children"] == len(children) - len(left)
        if seen:
            assert (NEW_CHILD in self.left("children")) == (NEW_CHILD in left)
            assert self.dangling() == []
        assert ledger_of(self.project).verify() == []


@DECLARED
def test_a_declared_child_that_was_not_yet_committed(
    server_project: Project, then: str, on_delete: str
) -> None:
    """The batch waits for it: the child goes counted with its parent, or the parent stays."""
    family = Family(server_project, then, declared=True, on_delete=on_delete)
    with application(server_project) as session:
        family.add_child(session)
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    family.judge(seen=True)


@DECLARED
def test_a_declared_child_that_comes_too_late(
    server_project: Project, then: str, on_delete: str
) -> None:
    """Once the batch has its parent, the child waits for the batch and is then refused."""
    family = Family(server_project, then, declared=True, on_delete=on_delete)
    with paused_night(server_project, points.MARKED, batch_of_the_parent(family)) as run:
        refused = in_background(lambda: _added(family))
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    assert refused() == "IntegrityError"
    family.judge(seen=False)
    assert family.dangling() == []


def batch_of_the_parent(family: Family) -> int:
    """Which batch takes the parent of the new child: rows of a window lie together."""
    if family.project.dialect == "mysql":
        return (ITS_PARENT - 1) // Setting().window + 1
    page = int(family.project.value(_PAGE.format(ITS_PARENT)))
    pages = {int(family.project.value(_PAGE.format(key))) for key in range(1, ITS_PARENT, 2)}
    return len(pages | {page})


_PAGE = "SELECT (ctid::text::point)[0]::int FROM parents WHERE id = {}"


def _added(family: Family) -> str:
    try:
        with application(family.project) as session:
            family.add_child(session)
    except sa.exc.DBAPIError as error:
        return type(error).__name__
    return ""


def in_background(action: Callable[[], str]) -> Callable[[], str]:
    """Start an action in a thread; the result waits for its end."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(action()), daemon=True)
    thread.start()

    def result() -> str:
        thread.join(GIVE_UP)
        return found[0]

    return result


@pytest.mark.parametrize("then", ["delete", "block"])
def test_an_undeclared_child_whose_writer_locked_the_parent(
    server_project: Project, then: str
) -> None:
    """A session that locks the parent first is waited for, as with a declared key."""
    family = Family(server_project, then, declared=False)
    with application(server_project) as session:
        session.exec_driver_sql(f"SELECT id FROM parents WHERE id = {ITS_PARENT} FOR UPDATE")
        family.add_child(session)
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    family.judge(seen=True)


def test_an_undeclared_child_that_nobody_waits_for(server_project: Project) -> None:
    """Without a lock on its parent, an uncommitted undeclared child is not seen, and dangles.

    It is the documented case, and the only one: a reference that the database does not declare and
    for which no lock was asked. MariaDB's locking read of children that go meets it and waits.
    """
    family = Family(server_project, "delete", declared=False)
    with application(server_project) as session:
        family.add_child(session)
        run = night(server_project)
        if server_project.dialect == "mysql":
            wait_for_a_waiter(server_project, run)
        else:
            assert_good(run.end())
    assert_good(run.end())
    seen = server_project.dialect == "mysql"
    family.judge(seen=seen)
    assert family.dangling() == ([] if seen else [NEW_CHILD])


def test_an_undeclared_child_that_should_block(server_project: Project) -> None:
    """The same where the child blocks: unseen, it does not keep its parent, and dangles."""
    family = Family(server_project, "block", declared=False)
    with application(server_project) as session:
        family.add_child(session)
        assert_good(night(server_project).end())
    family.judge(seen=False)
    assert family.dangling() == [NEW_CHILD]


@DECISIONS
def test_a_child_that_comes_between_two_batches(
    project: Project, then: str, declared: bool
) -> None:
    """The next batch sees it, declared or not: it goes counted, or its parent stays."""
    family = Family(project, then, declared=declared)
    with paused_night(project, points.CLOSED) as run, application(project) as session:
        family.add_child(session)
    assert_good(run.end())
    family.judge(seen=True)


@DECISIONS
def test_a_child_in_a_file_that_another_session_writes(
    tmp_path: Path, then: str, declared: bool
) -> None:
    """On SQLite a batch waits for any writer, so that an uncommitted child is always seen."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    family = Family(project, then, declared=declared)
    with paused_night(project, points.CLOSED) as run, application(project) as session:
        family.add_child(session)
        run.go_on()
        time.sleep(0.3)
    assert_good(run.end())
    family.judge(seen=True)


# -- rows whose date is extended ---------------------------------------------------------------------


def test_a_start_extended_after_the_plan(project: Project) -> None:
    """Rows counted as due, extended before their batch, stay as they are."""
    shop = Shop(project)
    with paused_night(project, points.CLOSED) as run, application(project) as session:
        for table in TABLES:
            shop.extend(session, table, shop.last_due(table))
    assert_good(run.end())
    shop.agree_at_the_end()


@of_tables("people", "logs")
def test_a_start_extended_while_the_batch_waits(server_project: Project, table: str) -> None:
    """A row extended by a session that the batch waits for stays as it is."""
    shop = Shop(server_project)
    with application(server_project) as session:
        shop.extend(session, table, shop.last_due(table))
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    shop.agree_at_the_end()


@of_tables()
def test_an_extension_that_is_taken_back(server_project: Project, table: str) -> None:
    """A row whose extension is rolled back while the batch waits goes as it was due."""
    shop = Shop(server_project)
    with server_project.engine.connect() as session:
        session.exec_driver_sql(
            f"UPDATE {table} SET {STARTS[table]} = '2031-01-01' WHERE id = {shop.last_due(table)}"
        )
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
        session.rollback()
    assert_good(run.end())
    shop.agree_at_the_end()


@of_tables()
def test_a_due_row_that_is_written_while_the_batch_waits(
    server_project: Project, table: str
) -> None:
    """A row that stays due goes, this night or, where it was moved past the walk, the next."""
    shop = Shop(server_project)
    with application(server_project) as session:
        shop.rewrite(session, table, shop.last_due(table))
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
    assert_good(run.end())
    shop.agree()


# -- holds ------------------------------------------------------------------------------------------


def test_holds_placed_between_two_batches(project: Project) -> None:
    """Held rows, and the rows they belong to, survive the batches that were still to come."""
    shop = Shop(project)
    with paused_night(project, points.CLOSED) as run:
        for table in (*TABLES, "orders"):
            key = shop.last_due(table)
            succeed(project, "hold", "add", table, str(key), "--reason", "a claim")
            shop.hold(table, key)
    assert_good(run.end())
    shop.agree_at_the_end()
    shop.agree()


@pytest.mark.parametrize(
    "point", [points.TAKEN, pytest.param(points.MARKED, marks=pytest.mark.faults)]
)
def test_a_hold_placed_while_a_batch_is_open(server_project: Project, point: str) -> None:
    """Placing a hold waits for the open batch, and the held row survives all later ones."""
    shop = Shop(server_project)
    key = shop.last_due("people")
    with paused_night(server_project, point) as run:
        hold = start(server_project, "hold", "add", "people", str(key), "--reason", "a claim")
        wait_for_a_waiter(server_project, hold)
        shop.hold("people", key)
    assert_good(hold.end())
    assert_good(run.end())
    shop.agree_at_the_end()
    shop.agree()


def test_a_hold_that_a_restore_took_away(project: Project) -> None:
    """The ledger's holds count: one that is gone from the database is back before the first batch."""
    shop = Shop(project)
    key = shop.last_due("people")
    succeed(project, "hold", "add", "people", str(key), "--reason", "a claim")
    shop.hold("people", key)
    project.sql("DELETE FROM retention_hold")
    shop.agree()
    assert project.value("SELECT count(*) FROM retention_hold") == 1


# -- a client that is gone while its COMMIT is in flight ---------------------------------------------


def _slow_commits(project: Project) -> None:
    """PostgreSQL: a COMMIT that has moved the marker waits for a lock that the test holds."""
    project.sql(
        "CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql"
        " SET lock_timeout = 0 AS $$ BEGIN"
        " PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON retention_marker"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()",
    )


@contextmanager
def commit_in_flight(project: Project) -> Iterator[tuple[Run, int]]:
    """A night whose third COMMIT has reached the server and is held there; the server's session."""
    fault = Fault(points.MARKED, pause, 3)
    run = night(project, fault)
    run.paused()
    query, held, freed = _HOLDING[project.dialect]
    with project.engine.connect() as connection:
        for statement in held:
            connection.exec_driver_sql(statement)
        run.go_on()
        wait_until(lambda: project.rows(query) or not run.running)
        assert run.running, run.end()
        try:
            yield run, int(project.value(query))
        finally:
            connection.exec_driver_sql(freed)


_HOLDING = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'retention' AND query = 'COMMIT' AND wait_event = 'advisory'",
        ["SELECT pg_advisory_lock(42)"],
        "SELECT pg_advisory_unlock(42)",
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
        " AND info = 'COMMIT' AND state LIKE '%%backup lock%%'",
        [f"BACKUP STAGE {stage}" for stage in ("START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT")],
        "BACKUP STAGE END",
    ),
}


def sessions_of_runs(project: Project) -> list[int]:
    """Sessions in the server that belong to a run."""
    query = {
        "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'retention'",
        "mysql": "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
        " AND info = 'COMMIT'",
    }
    return [row[0] for row in project.rows(query[project.dialect])]


@pytest.mark.parametrize("fate", ["commits", "is rolled back"])
def test_a_client_killed_while_its_commit_is_in_flight(server_project: Project, fate: str) -> None:
    """The next night waits for it (75) and then settles: never done twice, never lost."""
    shop = Shop(server_project)
    if server_project.dialect == "postgresql":
        _slow_commits(server_project)
    with commit_in_flight(server_project) as (run, session):
        run.kill()
        assert_told(night(server_project, setting=Setting(hasty=True)).end(), 75)
        story = story_of(server_project)
        assert (len(story.committed), len(story.open)) == (2, 1)
        if fate == "is rolled back":
            end_session(server_project, session)
            wait_until(lambda: session not in sessions_of_runs(server_project))
    wait_until(lambda: not sessions_of_runs(server_project))
    shop.agree()
    refuted = story_of(server_project).refuted
    assert len(refuted) == (fate == "is rolled back")


def end_session(project: Project, session: int) -> None:
    """What an administrator does to a session that hangs."""
    words = "SELECT pg_terminate_backend({})" if project.dialect == "postgresql" else "KILL {}"
    project.sql(words.format(session))


def test_a_marker_that_stays_locked(server_project: Project) -> None:
    """While another session holds the marker, a night ends with 75 and has done nothing."""
    shop = Shop(server_project)
    with application(server_project) as session:
        session.exec_driver_sql("SELECT * FROM retention_marker FOR UPDATE")
        assert_told(night(server_project, setting=Setting(hasty=True)).end(), 75)
        assert shop.now() == shop.before
    shop.agree()


# -- a connection that is lost ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        point if point in IN_THE_SUITE else pytest.param(point, marks=pytest.mark.faults)
        for point in points.ALL
    ],
)
def test_a_connection_the_server_ends(server_project: Project, point: str) -> None:
    """The night ends with 1 and a sentence, whatever it was doing, and the next one settles."""
    shop = Shop(server_project)
    with paused_night(server_project, point, 3) as run:
        for session in working_sessions(server_project):
            end_session(server_project, session)
        wait_until(lambda: not working_sessions(server_project))
    assert_told(run.end(), 1, "connection")
    shop.agree_now()
    shop.agree()


def working_sessions(project: Project) -> list[int]:
    """Sessions of the run, not those of the test."""
    query = {
        "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'retention'",
        "mysql": "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
        " AND id = IS_USED_LOCK(CONCAT('retention-', MD5(DATABASE())))",
    }
    return [row[0] for row in project.rows(query[project.dialect])]


# -- deadlocks and time-outs --------------------------------------------------------------------------


def test_a_deadlock_with_the_application(server_project: Project) -> None:
    """The batch is the victim, is done again, and the night loses nothing."""
    shop = Shop(server_project)
    low, high = due_of_one_window(shop)
    server_project.sql("CREATE TABLE scratch (id INTEGER PRIMARY KEY)")
    with application(server_project) as session:
        outweigh(session)
        session.exec_driver_sql(f"SELECT id FROM people WHERE id = {high} FOR UPDATE")
        run = night(server_project)
        wait_for_a_waiter(server_project, run)
        session.exec_driver_sql(f"SELECT id FROM people WHERE id = {low} FOR UPDATE")
    assert_good(run.end())
    assert run.again("people")
    shop.agree_at_the_end()


def due_of_one_window(shop: Shop) -> tuple[int, int]:
    """Two people of the first window, both due, so that a batch locks one and then the other."""
    due = sorted(shop.before["people"].keys() - shop.after["people"].keys())
    return due[0], due[3]


def outweigh(session: sa.Connection) -> None:
    """Make the server choose the other side as the victim."""
    if session.dialect.name == "postgresql":
        session.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
    else:
        values = ", ".join(f"({n})" for n in range(2000))
        session.exec_driver_sql(f"INSERT INTO scratch VALUES {values}")


@of_tables("people", "logs")
def test_a_row_that_stays_locked(server_project: Project, table: str) -> None:
    """The rule of that table fails with a sentence, the others finish, and nothing is lost."""
    shop = Shop(server_project)
    key = shop.last_due(table)
    with application(server_project) as session:
        session.exec_driver_sql(f"SELECT id FROM {table} WHERE id = {key} FOR UPDATE")
        run = night(server_project, setting=Setting(hasty=True))
        assert_told(run.end(), 1, table)
        assert run.again(table)
        shop.agree_now()
        assert unfinished(shop) == {table}
    shop.agree()


def unfinished(shop: Shop) -> set[str]:
    """Tables on which a night's own rules have left work."""
    now = shop.now()
    return {
        name for name in TABLES if without_owners(name, now) != without_owners(name, shop.after)
    }


def without_owners(name: str, contents: Contents) -> list[Row]:
    """The rows of a table less what the end of their owner changes."""
    rows = contents[name].values()
    return sorted(((row[0], *row[2:]) if name == "tickets" else row for row in rows), key=str)


def test_a_file_that_stays_locked(tmp_path: Path) -> None:
    """On SQLite a writer that does not end fails the rules with a sentence, and nothing is lost."""
    (tmp_path / "data.db").touch()
    project = Project(tmp_path, f"sqlite:///{tmp_path / 'data.db'}")
    shop = Shop(project)
    hasty = Setting(hasty=True)
    with paused_night(project, points.CLOSED, 2, setting=hasty) as run, application(project) as app:
        app.exec_driver_sql("UPDATE people SET name = name")
        run.go_on()
        assert_told(run.end(), 1)
    shop.agree()


# -- a marker and a ledger that are not a pair --------------------------------------------------------


def test_a_marker_moved_by_somebody_else(project: Project) -> None:
    """A night that meets a marker it did not write stops with 75, and its batch is not done."""
    shop = Shop(project)
    with paused_night(project, points.CLOSED, 2) as run:
        project.sql("UPDATE retention_marker SET sequence = sequence + 1")
        there = shop.now()
    assert_told(run.end(), 75, "marker")
    assert shop.now() == there


def done_and_more_due(project: Project) -> Shop:
    """A shop after a whole night, with one more log line that is due."""
    shop = Shop(project)
    assert_good(night(project).end())
    project.sql("INSERT INTO logs VALUES (5000, '2021-01-01 00:00:00', 'due', '')")
    return shop


def assert_stopped(project: Project, shop: Shop, *words: str) -> None:
    """A night stops with 4 and these words, and nothing has changed."""
    there = shop.now()
    batches = len(story_of(project).committed)
    assert_told(night(project).end(), 4, *words)
    assert shop.now() == there
    assert len(story_of(project).committed) == batches
    assert ledger_of(project).verify() == []


def test_a_database_that_went_back(project: Project) -> None:
    """A marker older than the ledger is a restore: exit 4, and the message says what leads out."""
    shop = done_and_more_due(project)
    for back_to in (5, 1, 0):
        head = story_of(project).committed[back_to - 1].hash if back_to else ""
        project.sql(
            f"UPDATE retention_marker SET sequence = {back_to}, complete_to = {back_to},"
            f" ledger_head = '{head}'"
        )
        words = ("retention backups reapply main", f"before batch {back_to + 1}")
        assert_stopped(project, shop, *words)


@pytest.mark.parametrize(
    "settled", [points.COMMITTED, pytest.param(points.INTENT, marks=pytest.mark.faults)]
)
def test_a_database_that_went_back_with_a_batch_open(project: Project, settled: str) -> None:
    """The same where the last night was killed: the restore is still seen."""
    shop = Shop(project)
    assert night(project, Fault(settled, kill, 4)).end().code == -9
    first = story_of(project).committed[0]
    project.sql(
        f"UPDATE retention_marker SET sequence = 1, complete_to = 1, ledger_head = '{first.hash}'"
    )
    assert_stopped(project, shop, "retention backups reapply main")


def test_a_ledger_that_is_not_the_databases(project: Project) -> None:
    """A marker that is ahead, or has another hash: exit 4, and the message says what leads out."""
    shop = done_and_more_due(project)
    for change in (
        f"ledger_head = '{'0' * 64}'",
        "sequence = sequence + 1, complete_to = complete_to + 1",
        "sequence = sequence + 8, complete_to = complete_to + 8",
    ):
        project.sql(f"UPDATE retention_marker SET {change}")
        assert_stopped(project, shop, "retention ledger rejoin")


def test_a_ledger_that_was_rolled_back(project: Project) -> None:
    """An older copy of the ledger is not continued: the database knows a later batch."""
    shop = Shop(project)
    ledger = project.folder / "ledger.db"
    with paused_night(project, points.CLOSED, 3) as run:
        copy = ledger_copy(ledger)
    assert_good(run.end())
    ledger.write_bytes(copy)
    there = shop.now()
    assert_told(night(project).end(), 4, "retention ledger rejoin")
    assert shop.now() == there


def ledger_copy(ledger: Path) -> bytes:
    """A whole copy of the ledger's file, as a backup takes it."""
    target = ledger.with_name("copy.db")
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return target.read_bytes()


def test_a_database_without_its_marker(project: Project) -> None:
    """Where the row or the whole table is gone: exit 4, and the message names reapply."""
    shop = done_and_more_due(project)
    for change in ("DELETE FROM retention_marker", "DROP TABLE retention_marker"):
        project.sql(change)
        assert_stopped(project, shop, "retention backups reapply")
