"""What the store asks its tables: one connection in, entries and rows out."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from retention.errors import IntegrityError
from retention.ledger import tables
from retention.ledger.entry import Entry, Kind, read_stamp, render

_CLOSED = (Kind.COMMITTED, Kind.GAP)
WITH_TOKENS = (Kind.INTENT, Kind.EVENTS_RECORDED, Kind.REAPPLIED)
_WITH_SEQUENCE = (Kind.INTENT, Kind.COMMITTED, Kind.NOT_COMMITTED, Kind.GAP)


def sequence_of(entry: Entry) -> int | None:
    """What the column `sequence` holds for an entry."""
    value = entry.body.get("sequence") if entry.kind in _WITH_SEQUENCE else None
    return value if isinstance(value, int) else None


def entry_of(row: sa.Row[Any]) -> Entry:
    """The entry in a row of `ledger_entry`; IntegrityError where it is not as it was written."""
    try:
        body, at = json.loads(row.body), read_stamp(row.at)
        intact = isinstance(body, dict) and render(body) == row.body
    except (TypeError, ValueError) as error:
        raise _unreadable(row.number) from error
    if not intact:
        raise _unreadable(row.number)
    return Entry(
        row.number, at, row.kind, row.run_id, row.database_id, body, row.previous, row.hash
    )


def _unreadable(number: int) -> IntegrityError:
    return IntegrityError(
        f"Entry {number} of the ledger was changed and cannot be read; nothing was done. "
        "See all that is wrong with `retention ledger verify`."
    )


def lock_head(connection: sa.Connection) -> tuple[int, str]:
    """Number and hash of the last entry, held against other writers until the commit."""
    query = sa.select(tables.head.c.number, tables.head.c.hash).with_for_update()
    row = connection.execute(query).one()
    return row.number, row.hash


def page(
    connection: sa.Connection,
    after: int,
    size: int,
    last: int | None = None,
    run_id: str | None = None,
    kind: str | None = None,
) -> list[sa.Row[Any]]:
    """The next rows of `ledger_entry` by number, at most `size`, up to number `last`."""
    query = tables.entry.select().where(tables.entry.c.number > after)
    if last is not None:
        query = query.where(tables.entry.c.number <= last)
    if run_id is not None:
        query = query.where(tables.entry.c.run_id == run_id)
    if kind is not None:
        query = query.where(tables.entry.c.kind == str(kind))
    return list(connection.execute(query.order_by(tables.entry.c.number).limit(size)))


def last_number(connection: sa.Connection) -> int:
    """The number of the last entry there is, 0 for none."""
    return connection.scalar(sa.select(sa.func.max(tables.entry.c.number))) or 0


def newest(
    connection: sa.Connection, kind: Kind, limit: int, database_id: str | None = None
) -> list[sa.Row[Any]]:
    """The last rows of one kind, of one database where it is named, newest first."""
    query = tables.entry.select().where(tables.entry.c.kind == str(kind))
    if database_id is not None:
        query = query.where(tables.entry.c.database_id == database_id)
    return list(connection.execute(query.order_by(tables.entry.c.number.desc()).limit(limit)))


def open_intent(connection: sa.Connection, database_id: str) -> sa.Row[Any] | None:
    """The row of the database's open intent, None if its last batch is closed."""
    query = (
        tables.entry.select()
        .where(tables.entry.c.database_id == database_id, tables.entry.c.sequence.is_not(None))
        .order_by(tables.entry.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return row if row is not None and row.kind == Kind.INTENT else None


def last_closed(connection: sa.Connection, database_id: str) -> int:
    """The sequence of the database's last committed batch (or gap), 0 if there is none."""
    query = (
        sa.select(tables.entry.c.sequence)
        .where(tables.entry.c.database_id == database_id)
        .where(tables.entry.c.kind.in_([str(kind) for kind in _CLOSED]))
        .where(tables.entry.c.sequence.is_not(None))
        .order_by(tables.entry.c.number.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or 0


def hash_of(connection: sa.Connection, database_id: str, sequence: int) -> str | None:
    """The hash of the intent (or gap) that carries a sequence; one that never committed does not."""
    if sequence == 0:
        return ""
    row = _carrying(connection, database_id, sequence)
    return None if row is None else str(row.hash)


def entry_at(connection: sa.Connection, database_id: str, sequence: int) -> Entry | None:
    """The intent (or gap) that carries a sequence, None for 0 and for one that is not known."""
    row = _carrying(connection, database_id, sequence) if sequence else None
    return None if row is None else entry_of(row)


def _carrying(connection: sa.Connection, database_id: str, sequence: int) -> sa.Row[Any] | None:
    columns = tables.entry.c
    query = tables.entry.select().where(
        columns.database_id == database_id, columns.sequence == sequence
    )
    refuted = False
    for row in connection.execute(query.order_by(columns.number.desc())):
        if row.kind == Kind.NOT_COMMITTED:
            refuted = True
        elif row.kind == Kind.INTENT and refuted:
            refuted = False
        elif row.kind in (Kind.INTENT, Kind.GAP):
            return row
    return None


def tokens_of(
    connection: sa.Connection, first: int, last: int
) -> dict[int, dict[str, tuple[int, bytes]]]:
    """The tokens of the intents from entry `first` to entry `last`, by entry and table."""
    found: dict[int, dict[str, tuple[int, bytes]]] = {}
    query = tables.token.select().where(tables.token.c.entry_number.between(first, last))
    for row in connection.execute(query):
        found.setdefault(row.entry_number, {})[row.table_name] = (row.width, row.tokens)
    return found


def entries_with_tokens(month: str) -> Any:
    """The numbers of a month's entries that may have tokens or sealed events, as a subquery."""
    columns = tables.entry.c
    kinds = [str(kind) for kind in WITH_TOKENS]
    return sa.select(columns.number).where(
        columns.kind.in_(kinds), columns.at.startswith(f"{month}-")
    )


def token_counts(connection: sa.Connection) -> list[tuple[str, str, int, int]]:
    """(month, database, rows that tokens name, sealed documents) over all that is kept."""
    kept, entry = tables.token.c, tables.entry.c
    month = sa.func.substr(entry.at, 1, 7)
    # added up here: to group them, SQLite would hold all that they are lengths of
    query = sa.select(month, entry.database_id, kept.width, sa.func.length(kept.tokens)).join_from(
        tables.token, tables.entry, kept.entry_number == entry.number
    )
    found: dict[tuple[str, str, int], tuple[int, int]] = {}
    for when, name, width, size in connection.execute(query):
        place = (str(when), str(name), int(width))
        count, total = found.get(place, (0, 0))
        found[place] = (count + 1, total + int(size))
    # a blob begins with the block that proves its key
    return [
        (when, name, total // width - count if width else 0, 0 if width else count)
        for (when, name, width), (count, total) in sorted(found.items())
    ]


def policy(connection: sa.Connection, sha256: str) -> str | None:
    """The text of the policy with that hash."""
    query = sa.select(tables.policy.c.text).where(tables.policy.c.sha256 == sha256)
    return connection.execute(query).scalar_one_or_none()
