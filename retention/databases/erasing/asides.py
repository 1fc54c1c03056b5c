"""Tables beside a partitioned one that take over a partition's rows while a batch takes them (MariaDB).

MariaDB commits its DDL by itself. So the rows are set aside, in one exchange of two tables' files:
they are erased when the table beside is dropped, and can be put back until then.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from retention.databases.state import ASIDE

_WAIT = 3
"""Seconds for which DDL waits for others, as every statement of ours waits for a lock."""

_TURNS = 5
_PAUSE = 0.05
"""How often, and after how many seconds, a lock is asked for: a queue would hold up everybody."""

_NAME = re.compile(rf"{ASIDE}([0-9a-f]{{12}})_([0-9]+)_[0-9a-f]{{8}}")
_TABLES = sa.text(
    "SELECT table_name, table_comment FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND LEFT(table_name, CHAR_LENGTH(:prefix)) = :prefix"
    " ORDER BY table_name"
)
_NEXT_ID = sa.text(
    "SELECT auto_increment FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = :name"
)
_COLUMNS = sa.text(
    "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
    " AND table_name = :name AND is_generated = 'NEVER' ORDER BY ordinal_position"
)


@dataclass(frozen=True, slots=True)
class Aside:
    """The table `name`, for the rows of one partition of `table`, in the batch `sequence`.

    `table` and `partition` are "" where somebody has changed what the table says of itself.
    """

    name: str
    sequence: int
    table: str
    partition: str


def new_aside(ledger_id: str, sequence: int, table: str, partition: str) -> Aside:
    """One that is not there yet; no other will ever have its name."""
    name = f"{_prefix(ledger_id)}{sequence}_{secrets.token_hex(4)}"
    return Aside(name, sequence, table, partition)


def asides_of(connection: sa.Connection, ledger_id: str) -> list[Aside]:
    """Those that runs under this ledger have left behind."""
    found = []
    for name, told in connection.execute(_TABLES, {"prefix": _prefix(ledger_id)}).all():
        if named := _NAME.fullmatch(name):
            table, partition = _told(str(told))
            found.append(Aside(name, int(named[2]), table, partition))
    return found


def _prefix(ledger_id: str) -> str:
    return f"{ASIDE}{ledger_id.replace('-', '')[:12]}_"


def _told(text: str) -> tuple[str, str]:
    try:
        found = json.loads(text)
        return str(found["table"]), str(found["partition"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def make_aside(connection: sa.Connection, aside: Aside) -> None:
    """An empty table of the form of the partitioned one. DBAPIError where there can be none."""
    beside = _quoted(connection, aside.name)
    # asks for the right to drop it, before it is there
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {beside}")
    connection.exec_driver_sql(f"CREATE TABLE {beside} LIKE {_quoted(connection, aside.table)}")
    told = json.dumps({"table": aside.table, "partition": aside.partition})
    connection.execute(
        sa.text(f"ALTER TABLE {beside} COMMENT = :told REMOVE PARTITIONING"), {"told": told}
    )


def drop_aside(connection: sa.Connection, aside: Aside) -> None:
    """Its rows are gone with it."""
    connection.exec_driver_sql(
        f"DROP TABLE IF EXISTS {_quoted(connection, aside.name)} WAIT {_WAIT}"
    )


def exchange(connection: sa.Connection, aside: Aside) -> None:
    """The rows of the partition for those of the table beside; both must be locked for writing."""
    beside, table = _quoted(connection, aside.name), _quoted(connection, aside.table)
    next_id = connection.execute(_NEXT_ID, {"name": aside.table}).scalar()
    if next_id is not None:
        # the partition's counter goes with its rows, and ids that were given out would come again
        connection.exec_driver_sql(f"ALTER TABLE {beside} AUTO_INCREMENT = {int(next_id)}")
    connection.exec_driver_sql(
        f"ALTER TABLE {table} EXCHANGE PARTITION {_quoted(connection, aside.partition)}"
        f" WITH TABLE {beside}"
    )


@contextmanager
def locked(connection: sa.Connection, aside: Aside) -> Iterator[bool]:
    """The two tables, locked against everybody; FALSE where others are at work.

    MariaDB exchanges nothing inside a transaction, nor where a third table is locked: the marker is
    for another connection.
    """
    tables = [f"{_quoted(connection, name)} WRITE" for name in (aside.table, aside.name)]
    connection.exec_driver_sql(f"SET SESSION autocommit = 1, lock_wait_timeout = {_WAIT}")
    try:
        statement = f"LOCK TABLES {', '.join(tables)} NOWAIT"
        yield any(_lock(connection, statement, turn) for turn in range(_TURNS))
    finally:
        connection.exec_driver_sql("UNLOCK TABLES")
        connection.exec_driver_sql("SET SESSION autocommit = 0, lock_wait_timeout = DEFAULT")


def _lock(connection: sa.Connection, statement: str, turn: int) -> bool:
    """Asked again where it is refused: the server's own housekeeping holds tables for moments."""
    time.sleep(_PAUSE if turn else 0)
    try:
        connection.exec_driver_sql(statement)
    except sa.exc.OperationalError as fault:
        if fault.connection_invalidated:
            raise
        return False
    return True


def put_back(connection: sa.Connection, aside: Aside) -> None:
    """Its rows where they belong, at once or not at all; DBAPIError where they cannot be.

    They keep the partition's files where nothing has been written there since.
    """
    with connection.begin():
        if not _has_rows(connection, aside.name):
            drop_aside(connection, aside)
            return
    with connection.begin(), locked(connection, aside) as got:
        back = got and _exchanged_back(connection, aside)
    with connection.begin():
        if not back:
            _move_back(connection, aside)
    with connection.begin():
        drop_aside(connection, aside)


def _exchanged_back(connection: sa.Connection, aside: Aside) -> bool:
    try:
        if _has_rows(connection, aside.table, aside.partition):
            return False
        exchange(connection, aside)
    except (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.ProgrammingError) as fault:
        if fault.connection_invalidated:
            raise
        return False
    return True


def _move_back(connection: sa.Connection, aside: Aside) -> None:
    """Row by row, in the caller's transaction."""
    beside, table = _quoted(connection, aside.name), _quoted(connection, aside.table)
    names = connection.execute(_COLUMNS, {"name": aside.name}).scalars()
    columns = ", ".join(_quoted(connection, name) for name in names)
    # an id of 0 is no wish for a new one
    mode = "SET STATEMENT sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO') FOR"
    connection.exec_driver_sql(
        f"{mode} INSERT INTO {table} ({columns}) SELECT {columns} FROM {beside}"
    )
    connection.exec_driver_sql(f"DELETE FROM {beside}")


def _has_rows(connection: sa.Connection, table: str, partition: str = "") -> bool:
    part = f" PARTITION ({_quoted(connection, partition)})" if partition else ""
    found = connection.exec_driver_sql(
        f"SELECT EXISTS (SELECT 1 FROM {_quoted(connection, table)}{part})"
    )
    return bool(found.scalar())


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
