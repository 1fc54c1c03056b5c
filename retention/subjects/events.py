"""Events: what happened to a row and is written in no column of it, such as "account_closed"."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import put_event
from retention.databases.statements.row_keys import canonical_key
from retention.errors import UsageError
from retention.ledger.store import Ledger
from retention.planning.paths import PathFault, known_table
from retention.subjects.holds import enrolled_id


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of one row: its key as a person writes it, and when."""

    key: tuple[str, ...]
    at: datetime


def record_events(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    name: str,
    table: str,
    events: Sequence[Happened],
) -> int:
    """Record `name` for each row, all or none; how many.

    Raises UsageError for a table or a row that is not there, IntegrityError before enrolment.
    """
    enrolled_id(database, connection, ledger)
    try:
        found = known_table(database.schema(connection), table)
    except PathFault as fault:
        raise UsageError(f"{fault}; no event was recorded") from fault
    with database_faults("recording events", database.name), connection.begin():
        for event in events:
            key = canonical_key(connection, database.dialect, found, event.key)
            put_event(connection, str(uuid.uuid4()), name, table, key, event.at)
    return len(events)


def read_events(lines: Iterable[str], at: datetime, file: str) -> list[Happened]:
    """Events from CSV with a header: the key's columns in the key's order, and `at` if it varies.

    Raises UsageError with the line of the first mistake; an event without a key is one.
    """
    rows = csv.reader(lines)
    header = next(rows, None)
    if not header or header == ["at"]:
        raise UsageError(f"{file}: the first line names the key's columns; no event was recorded")
    when = header.index("at") if "at" in header else None
    events = []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise UsageError(f"{file}:{number}: {len(header)} values are due; nothing was recorded")
        key = tuple(value for index, value in enumerate(row) if index != when)
        if not all(part.strip() for part in key):
            raise UsageError(f"{file}:{number}: an event needs a key; nothing was recorded")
        events.append(Happened(key, at if when is None else _moment(row[when], file, number)))
    return events


def _moment(text: str, file: str, number: int) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{file}:{number}: `at` is no instant; nothing was recorded") from None
    if found.tzinfo is None:
        raise UsageError(f"{file}:{number}: `at` needs a zone (…+01:00 or Z); nothing was recorded")
    return found
