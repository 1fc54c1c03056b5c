"""How the ledger's store begins, commits and fails: the differences between the three engines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from retention.errors import StorageError

WAIT_MS = 60_000
"""How long an append waits for another one on SQLite."""


@contextmanager
def storage_errors(undone: str) -> Iterator[None]:
    """Turn a driver's or the system's error into a StorageError; `undone` says what did not happen.

    The driver's text may quote values, so only its error code is told.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"The ledger could not be used{_code(error)}: {undone}. "
            "See to its disk, its permissions or its server, then run again."
        ) from error


def _code(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return f" ({os.strerror(error.errno)})"
    if not isinstance(error, DBAPIError):
        return ""
    cause = error.orig
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    if code is None and cause is not None and cause.args and isinstance(cause.args[0], int):
        code = cause.args[0]
    return f" ({code})" if code else ""


@contextmanager
def writing(engine: Engine, undone: str, durable: bool = True) -> Iterator[Connection]:
    """One write transaction, committed at the end; after a durable one the disk has it.

    One that is not durable is on the disk with the next durable one.
    """
    begin = _writing_sqlite if engine.dialect.name == "sqlite" else _writing_server
    with storage_errors(undone), engine.connect() as connection, begin(connection, durable):
        yield connection


@contextmanager
def _writing_sqlite(connection: Connection, durable: bool) -> Iterator[None]:
    _configure_sqlite(connection)
    # Cannot be changed inside a transaction.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        # Returned to the pool, a connection is rolled back; this one may be past that.
        connection.invalidate()
        raise
    if not durable:
        connection.exec_driver_sql("PRAGMA synchronous = FULL")


def _configure_sqlite(connection: Connection) -> None:
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {WAIT_MS}")
    # Dropped tokens name people; without this they stay in the file's free pages.
    connection.exec_driver_sql("PRAGMA secure_delete = ON")


@contextmanager
def _writing_server(connection: Connection, durable: bool) -> Iterator[None]:
    # The head is read after its lock is granted: an older snapshot would be refused or stale.
    connection.execution_options(isolation_level="READ COMMITTED")
    with connection.begin():
        if connection.dialect.name == "postgresql":
            level = "on" if durable else "off"
            connection.exec_driver_sql(f"SET LOCAL synchronous_commit = {level}")
        yield


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction that sees a single moment of the ledger, however long it takes."""
    undone = "nothing was read, nothing was changed"
    with storage_errors(undone), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            _configure_sqlite(connection)
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.exec_driver_sql("COMMIT")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection


@contextmanager
def kept_open(engine: Engine) -> Iterator[None]:
    """While it lasts, a file's write-ahead log stays: each connection that closes as the last one
    writes it back and flushes both, and an append is to cost one flush. On a server, nothing.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    with ExitStack() as stack:
        with storage_errors("nothing was opened"):
            connection = stack.enter_context(engine.connect())
            # the log is taken up with the first read, and no lock is kept after it
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
            connection.rollback()
        yield


def sqlite_file(engine: Engine) -> Path | None:
    """The ledger's file, None on a server; StorageError where SQLite keeps it in memory."""
    if engine.dialect.name != "sqlite":
        return None
    database = engine.url.database or ":memory:"
    if database == ":memory:" or database.startswith("file:"):
        raise StorageError(
            "The ledger must be a plain file path, so that it outlives the program; "
            "nothing was opened."
        )
    return Path(database)


def make_file(path: Path) -> None:
    """An empty file (0600), and the folders above it (0700) where they are missing."""
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def check_private(path: Path) -> None:
    """StorageError where others may read the ledger's file."""
    if path.stat().st_mode & 0o077:
        raise StorageError(
            f"The ledger {path} can be read by others; it was not opened. "
            f"Close it with `chmod 600 {path}`."
        )


def keep_write_ahead_log(engine: Engine) -> None:
    """Put a SQLite file into WAL mode, in which a reader never stops an append."""
    with engine.connect() as connection:
        _configure_sqlite(connection)
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar()
    if mode != "wal":
        raise StorageError("The ledger's file system cannot keep SQLite's write-ahead log.")


def is_damage(error: StorageError) -> bool:
    """True where SQLite says that the file itself is broken, not that it could not be reached."""
    cause = error.__cause__
    name = getattr(cause.orig, "sqlite_errorname", "") if isinstance(cause, DBAPIError) else ""
    return name.startswith("SQLITE_CORRUPT") or name == "SQLITE_NOTADB"
