"""Files about to be removed, as the ledger keeps them: their paths sealed, until each is gone."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention.errors import StorageError
from retention.ledger import queries, tables, writes
from retention.ledger.entry import JSON, Entry, Kind, month_of
from retention.ledger.keys import KeyFolder, derive
from retention.ledger.store import Ledger
from retention.ledger.transactions import reading, writing

_NONCE_BYTES = 12
_LABEL = "files"
_UNDONE = "nothing is known to be written; no file may be removed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Files that an entry announced and that are not known to be gone."""

    entry: Entry
    sealed: bytes


def seal(content: JSON, keys: KeyFolder, at: datetime, database_id: str | None) -> bytes:
    """Paths, or what leads to them, under the month's key (AES-GCM)."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    # names of files may hold letters that are no Unicode: JSON escapes them
    secret = json.dumps(content).encode("ascii")
    return nonce + AESGCM(_key(keys, month_of(at), database_id)).encrypt(nonce, secret, None)


def opened(waiting: Waiting, keys: KeyFolder) -> JSON:
    """What was sealed; StorageError where the month's key is gone, or the content was changed."""
    month = month_of(waiting.entry.at)
    key = _key(keys, month, waiting.entry.database_id, create=False)
    nonce, secret = waiting.sealed[:_NONCE_BYTES], waiting.sealed[_NONCE_BYTES:]
    try:
        content: JSON = json.loads(AESGCM(key).decrypt(nonce, secret, None))
    except InvalidTag as error:
        raise StorageError(
            f"The paths of entry {waiting.entry.number} cannot be opened: they were sealed with "
            "another key, or changed. No file was removed for it."
        ) from error
    return content


def _key(keys: KeyFolder, month: str, database_id: str | None, create: bool = True) -> bytes:
    return derive(keys.key(month, create), month, database_id or "", _LABEL)


def sealed_digest(sealed: bytes) -> str:
    """What the chain says of sealed paths: SHA-256 in hex."""
    return hashlib.sha256(sealed).hexdigest()


class FileLedger:
    """What a ledger says of files: announced before, sealed until gone, their end written down."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.engine = ledger.engine

    def prepare(self) -> None:
        """Make the table of sealed paths in a ledger that was made before there was one."""
        if not self._is_ready():
            with writing(self.engine, "no table was made") as connection:
                queries.lock_head(connection)
                tables.file.create(connection, checkfirst=True)

    def _is_ready(self) -> bool:
        with reading(self.engine) as connection:
            return sa.inspect(connection).has_table(tables.file.name)

    def announce(self, body: Mapping[str, JSON], sealed: bytes, at: datetime, run_id: str) -> Entry:
        """Write, durably, that files of a rule are about to be removed."""
        full = {**body, "sealed_sha256": sealed_digest(sealed)}
        with writing(self.engine, _UNDONE) as connection:
            queries.lock_head(connection)
            entry = writes.append(connection, Kind.FILES_INTENT, at, run_id, None, full)
            writes.keep_sealed(connection, entry.number, None, sealed)
        return entry

    def close(
        self, waiting: Entry, body: Mapping[str, JSON], at: datetime, run_id: str, *, settled: bool
    ) -> Entry:
        """Write down what became of announced files; once `settled`, their paths are dropped.

        Not flushed: lost in a crash, the next run looks again.
        """
        full = {**body, "intent": waiting.number, "settled": settled}
        with writing(self.engine, _UNDONE, durable=False) as connection:
            queries.lock_head(connection)
            if settled:
                writes.drop_sealed(connection, [waiting.number])
            return writes.append(connection, Kind.FILES_DONE, at, run_id, waiting.database_id, full)

    def waiting(self, database_id: str | None) -> list[Waiting]:
        """What was announced for a database's rows (None: by rules over files) and not settled."""
        if not self._is_ready():
            return []
        owner = tables.file.c.database_id
        mine = owner.is_(None) if database_id is None else owner == database_id
        both = tables.file.join(tables.entry, tables.entry.c.number == tables.file.c.entry_number)
        query = sa.select(tables.entry, tables.file.c.sealed).select_from(both).where(mine)
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(tables.entry.c.number)).all()
        return [Waiting(queries.entry_of(row), row.sealed) for row in rows]
