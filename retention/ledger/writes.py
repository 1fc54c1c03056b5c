"""What the store changes in its tables: one connection in, inside a transaction of the store."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from retention.errors import IntegrityError
from retention.ledger import queries, tables
from retention.ledger.entry import GENESIS, JSON, Entry, Intent, Kind, chained, render, stamp

# These have a side table or a state that goes with them, and a method that keeps both.
NOT_BY_APPEND = frozenset(
    {
        Kind.CREATED,
        Kind.INTENT,
        Kind.COMMITTED,
        Kind.NOT_COMMITTED,
        Kind.HOLD_PLACED,
        Kind.HOLD_RELEASED,
        Kind.KEYS_DESTROYED,
        Kind.EVENTS_RECORDED,
        Kind.REAPPLIED,
        Kind.FILES_INTENT,
        Kind.FILES_DONE,
    }
)


def create(connection: Connection, at: datetime) -> None:
    """Make the tables and the first entry where they are missing."""
    tables.metadata.create_all(connection)
    if connection.execute(tables.head.select()).first() is not None:
        return
    ledger_id = str(uuid.uuid4())
    connection.execute(tables.head.insert().values(id=1, number=0, hash=GENESIS))
    connection.execute(
        tables.meta.insert().values(
            ledger_id=ledger_id, version=tables.VERSION, created_at=stamp(at)
        )
    )
    body: dict[str, JSON] = {"ledger_id": ledger_id, "version": tables.VERSION}
    append(connection, Kind.CREATED, at, None, None, body)


def append(
    connection: Connection,
    kind: Kind,
    at: datetime,
    run_id: str | None,
    database_id: str | None,
    body: Mapping[str, JSON],
) -> Entry:
    """Write the entry that follows the head, and move the head."""
    number, previous = queries.lock_head(connection)
    entry = chained(previous, number + 1, at, kind, run_id, database_id, body)
    connection.execute(
        tables.entry.insert().values(
            number=entry.number,
            at=stamp(at),
            kind=entry.kind,
            run_id=run_id,
            database_id=database_id,
            sequence=queries.sequence_of(entry),
            body=render(body),
            previous=previous,
            hash=entry.hash,
        )
    )
    connection.execute(tables.head.update().values(number=entry.number, hash=entry.hash))
    return entry


def keep_tokens(
    connection: Connection, number: int, tokens: Mapping[str, tuple[int, bytes]]
) -> None:
    """Keep the tokens of the intent with that number."""
    for table, (width, blob) in tokens.items():
        connection.execute(
            tables.token.insert().values(
                entry_number=number, table_name=table, width=width, tokens=blob
            )
        )


def drop_tokens(connection: Connection, numbers: Any) -> int:
    """Delete the tokens of these intents; returns how many tables' worth."""
    query = tables.token.delete().where(tables.token.c.entry_number.in_(numbers))
    return connection.execute(query).rowcount


def keep_sealed(
    connection: Connection, number: int, database_id: str | None, sealed: bytes
) -> None:
    """Keep the sealed paths of files that the entry with that number announces."""
    connection.execute(
        tables.file.insert().values(entry_number=number, database_id=database_id, sealed=sealed)
    )


def drop_sealed(connection: Connection, numbers: list[int]) -> None:
    """Forget the sealed paths of these entries."""
    connection.execute(tables.file.delete().where(tables.file.c.entry_number.in_(numbers)))


def keep_policy(connection: Connection, sha256: str, text: str) -> None:
    """Keep the text of a policy."""
    connection.execute(tables.policy.insert().values(sha256=sha256, text=text))


def check_next(connection: Connection, intent: Intent) -> None:
    """IntegrityError unless the intent is the next of its database, and none is open."""
    expected = queries.last_closed(connection, intent.database_id) + 1
    open_row = queries.open_intent(connection, intent.database_id)
    if open_row is not None or intent.sequence != expected:
        found = f"batch {open_row.sequence} is still open" if open_row else f"{expected} is next"
        raise IntegrityError(
            f"Batch {intent.sequence} may not begin: {found}. Nothing was written; "
            "the next run settles it by the marker."
        )
