"""Events: what happened to a row and is written in no column of it, such as "account_closed"."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import put_event, stored_event_ids
from retention.databases.statements.row_keys import canonical_row, guard_at
from retention.errors import UsageError
from retention.ledger.entry import JSON, Entry, Kind, month_of
from retention.ledger.events import KeptEvent, open_events, seal_events
from retention.ledger.keys import KeyFolder, KeyLost
from retention.ledger.store import Ledger
from retention.planning.paths import PathFault, known_table
from retention.planning.schema import Schema, Table
from retention.policies.policy import Policy
from retention.protocol.opening import Clock, Opened
from retention.subjects.holds import enrolled_id

PORTION = 500
"""Events in one entry of the ledger."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of one row: its key as a person writes it, and when."""

    key: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where events are kept: the table, the guard its rules declare, if any, and the keys."""

    table: str
    guard: str | None
    keys: KeyFolder


def record_events(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    name: str,
    place: EventPlace,
    events: Sequence[Happened],
    now: Clock,
) -> int:
    """Record `name` for each row, all or none; how many. The ledger keeps them sealed.

    Raises UsageError for a table or a row that is not there, IntegrityError before enrolment.
    """
    database_id = enrolled_id(database, connection, ledger)
    try:
        found = known_table(database.schema(connection), place.table)
    except PathFault as fault:
        raise UsageError(f"{fault}; no event was recorded") from fault
    guard = place.guard if place.guard in found.columns else None
    with database_faults("recording events", database.name), connection.begin():
        kept = []
        for event in events:
            row = canonical_row(connection, database.dialect, found, event.key, guard)
            kept.append(KeptEvent(str(uuid.uuid4()), name, row[0], event.at, row[1]))
        for some in _portions(kept):
            for one in some:
                put_event(connection, one.event_id, name, place.table, one.row_key, one.happened_at)
            _keep(ledger, database_id, place, name, some, now())
    return len(events)


def _portions(events: Sequence[KeptEvent]) -> Iterator[list[KeptEvent]]:
    return (list(events[start : start + PORTION]) for start in range(0, len(events), PORTION))


def _keep(
    ledger: Ledger,
    database_id: str,
    place: EventPlace,
    name: str,
    events: list[KeptEvent],
    at: datetime,
) -> None:
    """In the ledger before the database commits, as everything is."""
    month = month_of(at)
    sealed = seal_events(events, place.keys.key(month), month, database_id, place.table)
    body: dict[str, JSON] = {"event": name, "table": place.table, "count": len(events)}
    ledger.append_with_tokens(
        Kind.EVENTS_RECORDED,
        at,
        {place.table: (0, sealed)},
        database_id=database_id,
        body=body,
    )


def bring_events_back(
    opened: Opened, policy: Policy, schema: Schema, keys: KeyFolder, since: int
) -> tuple[int, int]:
    """Put back what was recorded after batch `since` and is not in the database.

    Returns how many came back, and how many did not: their month's key is gone, their row is not
    there, or is another one by its guard. An older event that is missing went with its row.
    """
    start = opened.ledger.entry_at(opened.database_id, since)
    entries = opened.ledger.entries(
        kinds={Kind.EVENTS_RECORDED}, after=start.number if start else 0
    )
    back = lost = 0
    for entry in entries:
        if entry.database_id != opened.database_id:
            continue
        table = str(entry.body.get("table"))
        found = schema.tables.get(table)
        events = _kept(opened, keys, entry, table)
        if events is None or found is None:
            lost += int(str(entry.body.get("count", 0)))
            continue
        guard = guard_of(policy, table)
        put, missing = _put_back(opened, found, guard, events)
        back, lost = back + put, lost + missing
    return back, lost


def guard_of(policy: Policy, table: str) -> str | None:
    """The column that a rule on the table declares never to change."""
    rules = (rule for rule in policy.rules.values() if rule.table == table)
    return next((rule.guard for rule in rules if rule.guard), None)


def _kept(opened: Opened, keys: KeyFolder, entry: Entry, table: str) -> list[KeptEvent] | None:
    month = month_of(entry.at)
    found = opened.ledger.tokens_of(entry.number).get(table)
    try:
        master = keys.key(month, create=False)
    except KeyLost:
        return None
    if found is None:
        return None
    return open_events(found[1], master, month, opened.database_id, table)


def _put_back(
    opened: Opened, table: Table, guard: str | None, events: list[KeptEvent]
) -> tuple[int, int]:
    connection, dialect = opened.connection, opened.database.dialect
    column = guard if guard in table.columns else None
    with database_faults("bringing events back", opened.database.name), connection.begin():
        known = stored_event_ids(connection, [event.event_id for event in events])
        missing = [event for event in events if event.event_id not in known]
        put = 0
        for event in missing:
            there = guard_at(connection, dialect, table, event.row_key, column)
            if there is None or (event.guard and column and there != event.guard):
                continue
            put_event(
                connection, event.event_id, event.name, table.name, event.row_key, event.happened_at
            )
            put += 1
    return put, len(missing) - put


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
