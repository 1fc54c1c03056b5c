"""Is the ledger what was written? The chain, and every column and side table beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from retention.errors import IntegrityError, StorageError
from retention.ledger import queries, tables
from retention.ledger.entry import (
    JSON,
    MOST_FAULTS,
    POLICY_FIELD,
    Entry,
    Kind,
    month_of,
    stamp,
    token_digest,
    verify,
)
from retention.ledger.transactions import is_damage, reading

_PAGE = 200
_HELD = 8
"""Entries whose tokens are read at a time: each may have some megabytes."""
_MOST_MONTHS = 100_000
_BEFORE_ALL = -(2**63)
_SQLITE_TYPES: dict[type, str] = {int: "integer", str: "text", bytes: "blob"}
_UNREADABLE = datetime(1, 1, 1, tzinfo=UTC)


def check(engine: Engine) -> list[str]:
    """Every fault of one moment of the ledger, a sentence each; it stops after about twenty."""
    try:
        with reading(engine) as connection, _any_text(connection):
            if not _is_whole(connection):
                return ["SQLite finds the ledger's file damaged"]
            return _Check(connection).faults_of_all()
    except StorageError as error:
        if is_damage(error):
            return ["SQLite finds the ledger's file damaged"]
        raise


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """Let SQLite hand over text that is no longer UTF-8: a fault to name, not an error."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = str


def _is_whole(connection: Connection) -> bool:
    if connection.dialect.name != "sqlite":
        return True
    if connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar() != "ok":
        return False
    there = set(sa.inspect(connection).get_table_names())
    kept = [table for table in tables.metadata.sorted_tables if table.name in there]
    return not any(map(connection.scalar, map(_other_types, kept)))


def _other_types(table: sa.Table) -> sa.Select[Any]:
    """Whether a table has a value of another type than its column's, which SQLite lets pass."""
    strange = (
        sa.func.typeof(column).not_in([_SQLITE_TYPES[column.type.python_type], "null"])
        for column in table.columns
    )
    return sa.select(sa.exists().where(sa.or_(*strange)))


class _Check:
    """One pass over the entries, and what it must remember to judge the tables beside them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.faults: list[str] = []
        self.first: Entry | None = None
        self.last_number = 0
        self.without_tokens: dict[str | None, int] = {}
        self.holds: dict[JSON, tuple[object, ...]] = {}
        self.sealed: dict[JSON, tuple[object, ...]] = {}
        self.dropped_months = {
            self._read(row).body.get("month")
            for row in queries.page(connection, 0, _MOST_MONTHS, kind=Kind.KEYS_DESTROYED)
        }
        self.policies = set(connection.scalars(sa.select(tables.policy.c.sha256)))

    def faults_of_all(self) -> list[str]:
        heads = list(self.connection.execute(tables.head.select()))
        expected = heads[0].hash if heads else ""
        faults = verify(self._entries(), expected)
        if len(faults) + len(self.faults) < MOST_FAULTS:
            self._check_head(heads)
            self._check_meta()
            self._check_token_owners()
            self._check_policies()
            self._check_holds()
            self._check_sealed()
        return [*faults, *self.faults]

    def _entries(self) -> Iterator[Entry]:
        after = _BEFORE_ALL
        while rows := queries.page(self.connection, after, _PAGE):
            after = rows[-1].number
            for index, row in enumerate(rows):
                if index % _HELD == 0:
                    some = rows[index : index + _HELD]
                    tokens = queries.tokens_of(self.connection, some[0].number, some[-1].number)
                entry = self._read(row)
                if len(self.faults) < MOST_FAULTS:
                    self._check_columns(row, entry)
                    self._check_beside(entry, tokens.get(entry.number, {}))
                self.first = self.first or entry
                self.last_number = entry.number
                yield entry
        self.faults.extend(map(_tokens_missing, self.without_tokens.values()))

    @staticmethod
    def _read(row: sa.Row[Any]) -> Entry:
        try:
            return queries.entry_of(row)
        except IntegrityError:
            # Content that was never written: the chain goes on, and this entry fails its hash.
            return Entry(row.number, _UNREADABLE, "", None, None, {}, row.previous, row.hash)

    def _check_columns(self, row: sa.Row[Any], entry: Entry) -> None:
        if entry.kind and row.sequence != queries.sequence_of(entry):
            self.faults.append(f"entry {entry.number}: its sequence is not that of its content")

    def _check_beside(self, entry: Entry, tokens: dict[str, tuple[int, bytes]]) -> None:
        if entry.kind in (Kind.INTENT, Kind.FILES_INTENT) and entry.body.get("sealed_sha256"):
            self.sealed[entry.number] = (entry.database_id, entry.body["sealed_sha256"])
        elif entry.kind == Kind.NOT_COMMITTED or entry.body.get("settled") is True:
            self.sealed.pop(entry.body.get("intent"), None)
        if entry.kind == Kind.INTENT:
            self._check_tokens(entry, tokens)
        elif entry.kind in (Kind.EVENTS_RECORDED, Kind.REAPPLIED):
            self._check_named(entry, tokens)
        elif entry.kind == Kind.NOT_COMMITTED:
            self.without_tokens.pop(entry.database_id, None)
        elif entry.kind == Kind.RUN_STARTED:
            named = entry.body.get(POLICY_FIELD)
            if named is not None and named not in self.policies:
                self.faults.append(f"entry {entry.number}: the policy it names is missing")
        elif entry.kind in (Kind.HOLD_PLACED, Kind.HOLD_RELEASED):
            self._remember_hold(entry)

    def _check_tokens(self, entry: Entry, tokens: dict[str, tuple[int, bytes]]) -> None:
        # The intent before had no tokens, and was not closed as never committed.
        earlier = self.without_tokens.pop(entry.database_id, None)
        if earlier is not None:
            self.faults.append(_tokens_missing(earlier))
        digest = entry.body.get("token_digest")
        if digest is not None and not tokens:
            if month_of(entry.at) not in self.dropped_months:
                self.without_tokens[entry.database_id] = entry.number
        elif _digest(tokens) != digest:
            self.faults.append(f"entry {entry.number}: its tokens are not those of its batch")

    def _check_named(self, entry: Entry, tokens: dict[str, tuple[int, bytes]]) -> None:
        gone = not tokens and month_of(entry.at) in self.dropped_months
        if not gone and _digest(tokens) != entry.body.get("token_digest"):
            self.faults.append(
                f"entry {entry.number}: the rows it names are not those it was written with"
            )

    def _remember_hold(self, entry: Entry) -> None:
        body, at = entry.body, stamp(entry.at)
        name = body.get("hold_id")
        if entry.kind == Kind.HOLD_RELEASED:
            self.holds[name] = (*self.holds.get(name, ())[:5], at)
            return
        plain = (body.get("table"), body.get("review_on"), body.get("sealed_sha256"))
        self.holds[name] = (entry.database_id, *plain, at, None)

    def _check_head(self, heads: list[sa.Row[Any]]) -> None:
        if len(heads) != 1 or heads[0].id != 1 or heads[0].number != self.last_number:
            self.faults.append(f"the head does not name entry {self.last_number}, the last one")

    def _check_meta(self) -> None:
        rows = [tuple(row) for row in self.connection.execute(tables.meta.select())]
        first = self.first
        if first is None or first.kind != Kind.CREATED:
            self.faults.append("the first entry does not say that the ledger was created")
        elif rows != [(first.body.get("ledger_id"), first.body.get("version"), stamp(first.at))]:
            self.faults.append("the ledger's id, version or date is not that of its first entry")

    def _check_token_owners(self) -> None:
        kinds = [str(kind) for kind in queries.WITH_TOKENS]
        intents = sa.select(tables.entry.c.number).where(tables.entry.c.kind.in_(kinds))
        query = sa.select(tables.token.c.entry_number).where(
            tables.token.c.entry_number.not_in(intents)
        )
        for number in self.connection.scalars(query.distinct().limit(MOST_FAULTS)):
            self.faults.append(f"there are tokens for entry {number}, which has none")

    def _check_policies(self) -> None:
        for row in self.connection.execute(tables.policy.select()):
            content = row.text.encode("utf-8", "surrogateescape")
            if hashlib.sha256(content).hexdigest() != row.sha256:
                self.faults.append(f"the text of policy {row.sha256[:12]!a} was changed")

    def _check_holds(self) -> None:
        rows = self.connection.execute(tables.hold.select())
        found = {row.hold_id: _hold_columns(row) for row in rows}
        for name in sorted({*found, *self.holds}, key=ascii):
            if found.get(name) != self.holds.get(name):
                self.faults.append(f"hold {name!a} is not as it was placed or released")

    def _check_sealed(self) -> None:
        found = {}
        if sa.inspect(self.connection).has_table(tables.file.name):
            for row in self.connection.execute(tables.file.select()):
                digest = hashlib.sha256(row.sealed).hexdigest()
                found[row.entry_number] = (row.database_id, digest)
        for number in sorted({*found, *self.sealed}, key=str):
            if found.get(number) != self.sealed.get(number):
                self.faults.append(f"entry {number}: the paths of its files are not as announced")


def _digest(tokens: dict[str, tuple[int, bytes]]) -> str | None:
    try:
        return token_digest(tokens)
    except ValueError:
        return ""  # a table's name that is no text: not what any batch was written with


def _tokens_missing(number: int) -> str:
    return f"entry {number}: its tokens are missing"


def _hold_columns(row: sa.Row[Any]) -> tuple[object, ...]:
    sealed = hashlib.sha256(row.sealed).hexdigest()
    return (row.database_id, row.table_name, row.review_on, sealed, row.placed_at, row.released_at)
