"""The ledger on SQLite (one host), PostgreSQL or MariaDB (several): append-only, one chain."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Engine

from retention.errors import IntegrityError, UsageError
from retention.ledger import checking, holds, queries, tables, writes
from retention.ledger.entry import JSON, Entry, Intent, Kind, token_digest
from retention.ledger.existing import existing_id, no_ledger
from retention.ledger.holds import Hold
from retention.ledger.settling import LedgerState
from retention.ledger.transactions import (
    check_private,
    keep_write_ahead_log,
    kept_open,
    make_file,
    reading,
    sqlite_file,
    storage_errors,
    writing,
)

_PAGE = 100
_UNDONE = "nothing is known to be written; no batch may commit"

TokenBlobs = Mapping[str, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger tells it; `finished` is None while it runs, or if it was killed."""

    run_id: str
    started: Entry
    finished: Entry | None


def open_ledger(engine: Engine, create: bool = False, at: datetime | None = None) -> Ledger:
    """The ledger behind an engine; with `create` (and the time `at`) made where it is missing.

    StorageError where it is missing, cannot be reached, is of another version, or, as a file,
    can be read by others.
    """
    if create and at is None:
        raise ValueError("a new ledger needs the time of its first entry")
    path = sqlite_file(engine)
    with storage_errors("nothing was opened"):
        if path is not None and create:
            make_file(path)
            keep_write_ahead_log(engine)
        elif path is not None:
            if not path.exists():
                raise no_ledger()
            check_private(path)
    if create and at is not None:
        with writing(engine, "no ledger was made") as connection:
            writes.create(connection, at)
    return Ledger(engine, existing_id(engine))


class Ledger:
    """Every write is one transaction under the lock of the head; every failure a StorageError.

    Times go in with a zone and come out in UTC. Nothing here holds a personal value, except
    sealed: tokens and holds.
    """

    def __init__(self, engine: Engine, ledger_id: str) -> None:
        self.engine = engine
        self.ledger_id = ledger_id

    def kept_open(self) -> AbstractContextManager[None]:
        """For many entries in a row: on SQLite each costs one flush, and none where not durable."""
        return kept_open(self.engine)

    def append(
        self,
        kind: Kind,
        at: datetime,
        *,
        run_id: str | None = None,
        database_id: str | None = None,
        body: Mapping[str, JSON] | None = None,
        durable: bool = True,
    ) -> Entry:
        """Write one entry; unless `durable`, it reaches the disk with the next durable one.

        A gap with a `sequence` in its body is where its database's batches go on from. ValueError
        for a kind that has a method of its own.
        """
        if kind in writes.NOT_BY_APPEND:
            raise ValueError(f"{kind} is written by a method of its own")
        with writing(self.engine, _UNDONE, durable) as connection:
            return writes.append(connection, kind, at, run_id, database_id, body or {})

    def append_intent(
        self, intent: Intent, tokens: TokenBlobs, at: datetime, sealed: bytes | None = None
    ) -> Entry:
        """Write an intent and its tokens, {table: (width, tokens)}, durably; sets `token_digest`.

        `sealed` holds the paths of the rows' files.

        IntegrityError where a batch of the database is still open or the sequence is not the next.
        """
        body = replace(intent, token_digest=token_digest(tokens)).to_body()
        with writing(self.engine, _UNDONE) as connection:
            queries.lock_head(connection)
            writes.check_next(connection, intent)
            run_id, database_id = intent.run_id, intent.database_id
            entry = writes.append(connection, Kind.INTENT, at, run_id, database_id, body)
            writes.keep_tokens(connection, entry.number, tokens)
            if sealed is not None:
                writes.keep_sealed(connection, entry.number, intent.database_id, sealed)
        return entry

    def close(
        self,
        sequence: int,
        database_id: str,
        kind: Kind,
        at: datetime,
        body: Mapping[str, JSON] | None = None,
    ) -> Entry:
        """Close the open intent as committed or not_committed, which drops its tokens.

        Not flushed: lost in a crash, it is settled again by the marker. IntegrityError where
        another batch, or none, is open.
        """
        if kind not in (Kind.COMMITTED, Kind.NOT_COMMITTED):
            raise ValueError(f"{kind} does not close an intent")
        with writing(self.engine, _UNDONE, durable=False) as connection:
            queries.lock_head(connection)
            row = queries.open_intent(connection, database_id)
            if row is None or row.sequence != sequence:
                raise IntegrityError(
                    f"Batch {sequence} is not open in the ledger; nothing was written. "
                    "Look at it with `retention ledger verify`."
                )
            if kind is Kind.NOT_COMMITTED:
                writes.drop_tokens(connection, [row.number])
                if queries.entry_of(row).body.get("files"):
                    writes.drop_sealed(connection, [row.number])
            full: dict[str, JSON] = {**(body or {}), "sequence": sequence, "intent": row.number}
            return writes.append(connection, kind, at, row.run_id, database_id, full)

    def append_with_tokens(
        self,
        kind: Kind,
        at: datetime,
        tokens: Mapping[str, tuple[int, bytes]],
        *,
        run_id: str | None = None,
        database_id: str,
        body: Mapping[str, JSON],
    ) -> Entry:
        """Write an entry that is no batch and names rows: by tokens, or sealed (width 0)."""
        full: dict[str, JSON] = {**body, "token_digest": token_digest(tokens)}
        with writing(self.engine, _UNDONE) as connection:
            queries.lock_head(connection)
            entry = writes.append(connection, kind, at, run_id, database_id, full)
            writes.keep_tokens(connection, entry.number, tokens)
        return entry

    def drop_tokens(self, month: str, at: datetime) -> Entry:
        """Delete the tokens and sealed events of a month's entries (`2026-11`), and say so.

        Call it when the month's key is destroyed: `verify` accepts their absence from then on.
        """
        with writing(self.engine, "no token was dropped") as connection:
            queries.lock_head(connection)
            dropped = writes.drop_tokens(connection, queries.entries_with_tokens(month))
            body: dict[str, JSON] = {"month": month, "tables": dropped}
            return writes.append(connection, Kind.KEYS_DESTROYED, at, None, None, body)

    def state_of(self, database_id: str) -> LedgerState:
        """What the ledger knows of a database's batches, to settle with its marker."""
        with reading(self.engine) as connection:
            row = queries.open_intent(connection, database_id)
            closed = queries.last_closed(connection, database_id)
        intent = None if row is None else Intent.from_body(queries.entry_of(row).body)

        def hash_of(sequence: int) -> str | None:
            with reading(self.engine) as connection:
                return queries.hash_of(connection, database_id, sequence)

        return LedgerState(self.ledger_id, database_id, closed, intent, hash_of)

    def entry_at(self, database_id: str, sequence: int) -> Entry | None:
        """The intent or gap of a database's batch; None for batch 0 and for one it does not know."""
        with reading(self.engine) as connection:
            return queries.entry_at(connection, database_id, sequence)

    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry; in a report they anchor everything before."""
        with reading(self.engine) as connection:
            row = connection.execute(sa.select(tables.head.c.number, tables.head.c.hash)).one()
        return row.number, row.hash

    def entries(
        self,
        run_id: str | None = None,
        kinds: Collection[str] | None = None,
        after: int = 0,
    ) -> Iterator[Entry]:
        """Entries in order, numbers above `after`, a page at a time; IntegrityError if changed.

        Those appended after the call are not among them.
        """
        with reading(self.engine) as connection:
            last = queries.last_number(connection)
        # One stream a kind: each follows the index, where a list of kinds is sorted every page.
        chosen = [None] if kinds is None else sorted(set(kinds))
        streams = [self._stream(after, last, run_id, kind) for kind in chosen]
        return heapq.merge(*streams, key=lambda entry: entry.number)

    def _stream(
        self, after: int, last: int, run_id: str | None, kind: str | None
    ) -> Iterator[Entry]:
        while True:
            with reading(self.engine) as connection:
                rows = queries.page(connection, after, _PAGE, last, run_id, kind)
            yield from map(queries.entry_of, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1].number

    def newest(self, kind: Kind, limit: int, database_id: str | None = None) -> Iterator[Entry]:
        """The last entries of one kind, of one database where it is named, newest first."""
        with reading(self.engine) as connection:
            rows = queries.newest(connection, kind, limit, database_id)
        return map(queries.entry_of, rows)

    def runs(self, limit: int) -> list[Run]:
        """The last runs, newest first."""
        return [self._run(entry) for entry in self.newest(Kind.RUN_STARTED, limit) if entry.run_id]

    def _run(self, started: Entry) -> Run:
        run_id = started.run_id or ""
        finished = list(self.entries(run_id, {Kind.RUN_FINISHED}, started.number))
        return Run(run_id, started, finished[-1] if finished else None)

    def databases(self) -> dict[str, str]:
        """The enrolled databases: id and the `name` last given in an `enrolled` entry."""
        entries = self.entries(kinds={Kind.ENROLLED})
        return {e.database_id: str(e.body.get("name", "")) for e in entries if e.database_id}

    def tokens_of(self, number: int) -> dict[str, tuple[int, bytes]]:
        """The tokens of the intent with that number, {table: (width, tokens)}; empty if dropped."""
        with reading(self.engine) as connection:
            return queries.tokens_of(connection, number, number).get(number, {})

    def token_counts(self) -> list[tuple[str, str, int, int]]:
        """(month, database, rows that tokens name, sealed documents) over all that is kept."""
        with reading(self.engine) as connection:
            return queries.token_counts(connection)

    def save_policy(self, sha256: str, text: str) -> None:
        """Keep a policy's text, once; ValueError where the hash (hex, of UTF-8) is not its own."""
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise ValueError("the hash is not that of the text")
        with writing(self.engine, "the policy was not kept") as connection:
            queries.lock_head(connection)
            if queries.policy(connection, sha256) is None:
                writes.keep_policy(connection, sha256, text)

    def policy(self, sha256: str) -> str | None:
        """The text of a policy that was in force, None where it was never kept."""
        with reading(self.engine) as connection:
            return queries.policy(connection, sha256)

    def place_hold(self, hold: Hold, at: datetime, sealing_key: bytes) -> Entry:
        """Keep a hold, its key and reason sealed; UsageError where its name is taken."""
        sealed = holds.seal(hold, sealing_key)
        with writing(self.engine, "no hold was placed") as connection:
            queries.lock_head(connection)
            if holds.find(connection, hold.hold_id) is not None:
                raise UsageError(f"Hold {hold.hold_id} exists already; nothing was placed.")
            holds.insert(connection, hold, sealed, at)
            body = holds.placed_body(hold, sealed)
            return writes.append(connection, Kind.HOLD_PLACED, at, None, hold.database_id, body)

    def release_hold(self, hold_id: str, at: datetime) -> Entry:
        """End a hold; UsageError where there is none of that name, or it has ended already."""
        with writing(self.engine, "no hold was released") as connection:
            queries.lock_head(connection)
            row = holds.find(connection, hold_id)
            if row is None or row.released_at is not None:
                raise UsageError(f"There is no hold {hold_id} in force; nothing was released.")
            holds.release(connection, hold_id, at)
            body: dict[str, JSON] = {"hold_id": hold_id}
            return writes.append(connection, Kind.HOLD_RELEASED, at, None, row.database_id, body)

    def holds(self, database_id: str, sealing_key: bytes) -> list[Hold]:
        """Every hold of a database, released ones too, oldest first; StorageError: wrong key."""
        with reading(self.engine) as connection:
            return [holds.opened(row, sealing_key) for row in holds.of(connection, database_id)]

    def verify(self) -> list[str]:
        """What was changed in the ledger since it was written, a sentence each; empty: nothing."""
        return checking.check(self.engine)
