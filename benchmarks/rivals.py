"""Other ways to the same end: the bare statement, the usual loop, pt-archiver, a dropped partition."""

from __future__ import annotations

import shutil
import subprocess
import time
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy import make_url

from benchmarks.data import DAYS, NIGHT, Shape
from benchmarks.engines import Engine

LIMIT = 10_000
_LINES = {
    "sqlite": f"datetime('{NIGHT}', '-{DAYS} days')",
    "postgresql": f"timestamptz '{NIGHT} 00:00+00' - {DAYS} * interval '1 day'",
    "mariadb": f"TIMESTAMP('{NIGHT}') - INTERVAL {DAYS} DAY",
}


def due(engine: Engine, row: str = "") -> str:
    """The condition that a person would write."""
    return f"{row}at < {_LINES[engine.name]}"


def outcomes(engine: Engine) -> str:
    """The query for what is due, not due yet, without a date, and not to be read as one."""
    unreadable = "datetime(at) IS NULL" if engine.name == "sqlite" else "at < '1990-01-01'"
    conditions = (due(engine), "at IS NULL", f"at IS NOT NULL AND {unreadable}")
    counts = (f"count(CASE WHEN {condition} THEN 1 END)" for condition in conditions)
    return f"SELECT count(*), {', '.join(counts)} FROM events"


def bare(engine: Engine, url: str, shape: Shape, *, anonymize: bool = False) -> float:
    """Seconds of the single statement; with children of one statement for each level."""
    wanted = [_bare(engine, shape, level) for level in reversed(range(shape.children + 1))]
    if anonymize:
        wanted = [
            "UPDATE events SET email = NULL, note = 'gone'"
            f" WHERE {due(engine)} AND email IS NOT NULL"
        ]
    return _timed(engine, url, *wanted)


def loop(engine: Engine, url: str) -> float:
    """Seconds of the usual loop: so many rows at a time, until none is left."""
    statement = f"DELETE FROM events WHERE {due(engine)} LIMIT {LIMIT}"
    if engine.name != "mariadb":
        some = f"SELECT id FROM events WHERE {due(engine)} LIMIT {LIMIT}"
        statement = f"DELETE FROM events WHERE id IN ({some}) AND {due(engine)}"
    found = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with found.connect() as connection:
        if engine.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        started = time.perf_counter()
        while connection.exec_driver_sql(statement).rowcount:
            pass
        seconds = time.perf_counter() - started
    found.dispose()
    return seconds


def archiver_available() -> bool:
    """TRUE where Percona's pt-archiver is installed."""
    return shutil.which("pt-archiver") is not None


def archiver(engine: Engine, url: str, *, bulk: bool) -> float:
    """Seconds of pt-archiver (MariaDB), with `--bulk-delete` or row by row.

    It leaves the row with the highest key.
    """
    place = make_url(url)
    source = f"S={place.query['unix_socket']},u={place.username},D={place.database},t=events"
    command = ["pt-archiver", *(["--bulk-delete"] if bulk else []), "--source", source]
    command += ["--purge", "--where"]
    command += [due(engine), "--limit", str(LIMIT), "--commit-each", "--no-check-charset"]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def drop(engine: Engine, url: str) -> float:
    """Seconds of dropping the partition in which every row is due."""
    statement = {
        "postgresql": "DROP TABLE events_old",
        "mariadb": "ALTER TABLE events DROP PARTITION events_old",
    }[engine.name]
    return _timed(engine, url, statement)


def _bare(engine: Engine, shape: Shape, level: int) -> str:
    """DELETE of one level: rows whose parents, or whose parents' parents, are due."""
    if level == 0:
        return f"DELETE FROM events WHERE {due(engine)}"
    if engine.name == "mariadb":
        return _joined(engine, shape, level)
    found = f"SELECT id FROM events WHERE {due(engine)}"
    for table in shape.tables[1:level]:
        found = f"SELECT id FROM {table} WHERE parent_id IN ({found})"
    return f"DELETE FROM {shape.tables[level]} WHERE parent_id IN ({found})"


def _joined(engine: Engine, shape: Shape, level: int) -> str:
    """The same for MariaDB, which reads the children anew for every parent where it finds an IN."""
    tables = shape.tables[: level + 1]
    joined = "".join(
        f" JOIN {below} ON {below}.parent_id = {above}.id" for above, below in pairwise(tables)
    )
    return f"DELETE {tables[-1]} FROM events{joined} WHERE {due(engine, 'events.')}"


def _timed(engine: Engine, url: str, *statements: str) -> float:
    started = time.perf_counter()
    engine.run(url, *statements)
    return time.perf_counter() - started
