"""The SQLite file: who may read it, what is on the disk after an append, and a disk that fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from retention.errors import StorageError
from retention.ledger.entry import Intent, Kind
from retention.ledger.store import Ledger, open_ledger

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_file_and_its_new_folders_are_private(tmp_path: Path) -> None:
    """0600 and 0700 whatever the umask, for the write-ahead log too; an old folder stays."""
    tmp_path.chmod(0o755)
    path = tmp_path / "state" / "retention" / "ledger.sqlite"
    engine = sa.create_engine(f"sqlite:///{path}")
    before = os.umask(0)
    try:
        open_ledger(engine, create=True, at=NIGHT)
    finally:
        os.umask(before)
    assert {file.name: _mode(file) for file in path.parent.iterdir()} == {
        "ledger.sqlite": 0o600,
        "ledger.sqlite-wal": 0o600,
        "ledger.sqlite-shm": 0o600,
    }
    assert _mode(path.parent) == _mode(path.parent.parent) == 0o700
    assert _mode(tmp_path) == 0o755
    engine.dispose()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_others_can_read_is_not_opened(sqlite_ledger: Ledger, mode: int) -> None:
    """The sentence says how to close it."""
    path = Path(sqlite_ledger.engine.url.database or "")
    path.chmod(mode)
    with pytest.raises(StorageError, match="chmod 600"):
        open_ledger(sqlite_ledger.engine)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
def test_a_ledger_in_memory_is_refused(url: str) -> None:
    """A ledger that ends with the program proves nothing."""
    with pytest.raises(StorageError, match="plain file"):
        open_ledger(sa.create_engine(url), create=True, at=NIGHT)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Neither a text file nor another database is taken for a ledger."""
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text("not a database, but long enough to be looked at as if it were one\n" * 20)
    sqlite3.connect(other).execute("CREATE TABLE t (x)").close()
    for path in (text, other):
        path.chmod(0o600)
        with pytest.raises(StorageError):
            open_ledger(sa.create_engine(f"sqlite:///{path}"))


def test_each_commit_has_the_flush_it_was_asked_for(sqlite_ledger: Ledger) -> None:
    """FULL for a durable append, NORMAL for another one, and FULL again after it."""
    seen: list[str] = []
    sa.event.listen(
        sqlite_ledger.engine, "before_cursor_execute", lambda *call: seen.append(call[2])
    )
    for durable in (True, False):
        seen.clear()
        sqlite_ledger.append(Kind.RECOUNT, NIGHT, durable=durable)
        levels = [
            statement
            for statement in seen
            if "synchronous" in statement or statement in ("BEGIN IMMEDIATE", "COMMIT")
        ]
        level = "FULL" if durable else "NORMAL"
        expected = [f"PRAGMA synchronous = {level}", "BEGIN IMMEDIATE", "COMMIT"]
        assert levels == expected + ([] if durable else ["PRAGMA synchronous = FULL"])


def test_dropped_tokens_leave_the_file(
    sqlite_ledger: Ledger, make_intent: Callable[..., Intent]
) -> None:
    """Tokens of people who were not erased are overwritten, not only unlinked."""
    mark = b"these tokens must not stay in a free page" * 200
    sqlite_ledger.append_intent(make_intent(1), {"customers": (16, mark)}, NIGHT)
    sqlite_ledger.close(1, "shop", Kind.NOT_COMMITTED, NIGHT)
    sqlite_ledger.engine.dispose()
    assert mark[:41] not in Path(sqlite_ledger.engine.url.database or "").read_bytes()


def test_readers_do_not_stop_an_append(sqlite_ledger: Ledger) -> None:
    """An append goes through while somebody reads, and the reader keeps its moment."""
    reading = sqlite_ledger.entries()
    next(reading)
    database = sqlite3.connect(sqlite_ledger.engine.url.database or "")
    database.execute("BEGIN")
    assert database.execute("SELECT number FROM ledger_head").fetchone() == (1,)
    assert sqlite_ledger.append(Kind.RECOUNT, NIGHT).number == 2
    assert database.execute("SELECT number FROM ledger_head").fetchone() == (1,)
    database.close()


def test_an_append_waits_for_another_writer(sqlite_ledger: Ledger) -> None:
    """A writer that holds the file for a moment delays an append and does not fail it."""
    database = sqlite3.connect(
        sqlite_ledger.engine.url.database or "", check_same_thread=False, isolation_level=None
    )
    database.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.5, database.execute, ("ROLLBACK",))
    release.start()
    assert sqlite_ledger.append(Kind.RECOUNT, NIGHT).number == 2
    release.join()
    database.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of the user nobody, reachable for everybody."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, 65534, 65534)
        yield Path(name)


CHILD = """
import os, resource, sys
from datetime import UTC, datetime
import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from retention.errors import StorageError
from retention.ledger.entry import Kind
from retention.ledger.store import open_ledger
path, how = sys.argv[1:]
ledger = open_ledger(sa.create_engine("sqlite:///" + path, poolclass=NullPool))
if how == "full":
    size = os.path.getsize(path) + 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
elif how == "read-only":
    os.chmod(path, 0o400)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
written = 0
try:
    while written < 500:
        ledger.append(Kind.RECOUNT, datetime(2026, 11, 22, tzinfo=UTC), body={"x": "y" * 3000})
        written += 1
        if how == "kill":
            print(written, flush=True)
except StorageError as error:
    print(written, type(error).__name__, error)
"""


def _child(path: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(path), how]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)


def test_a_full_disk_fails_the_append(sqlite_ledger: Ledger) -> None:
    """What was answered is in the ledger, what did not fit is an error, and the chain is whole."""
    path = Path(sqlite_ledger.engine.url.database or "")
    sqlite_ledger.engine.dispose()
    answer = _child(path, "full").communicate(timeout=60)[0]
    written, kind, *words = answer.split()
    assert kind == "StorageError"
    assert "SQLITE_" in " ".join(words)
    assert sqlite_ledger.head()[0] == 1 + int(written) < 500
    assert sqlite_ledger.verify() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_read_only_file_fails_the_append(open_folder: Path) -> None:
    """Nothing is answered as written where nothing can be written."""
    path = open_folder / "ledger.sqlite"
    ledger = open_ledger(sa.create_engine(f"sqlite:///{path}"), create=True, at=NIGHT)
    ledger.engine.dispose()
    os.chown(path, 65534, 65534)
    answer = _child(path, "read-only").communicate(timeout=60)[0]
    assert answer.startswith("0 StorageError The ledger could not be used (SQLITE_READONLY")


def test_a_killed_writer_leaves_a_whole_chain(sqlite_ledger: Ledger) -> None:
    """Killed at any moment, everything that was answered is there, and no half entry."""
    path = Path(sqlite_ledger.engine.url.database or "")
    child = _child(path, "kill")
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    answered = len(child.stdout.read().split()) + 1
    child.wait()
    assert answered <= sqlite_ledger.head()[0] - 1 <= answered + 1
    assert sqlite_ledger.verify() == []
