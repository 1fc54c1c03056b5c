"""Events as the ledger keeps them: whom they name is sealed under the key of their month."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention.errors import StorageError
from retention.ledger.entry import read_stamp, render, stamp
from retention.ledger.keys import derive

_NONCE_BYTES = 12
_PURPOSE = "\0events"  # no table has this name


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """One event of one row: `guard` is the row's, as the database spelled it, '' without one."""

    event_id: str
    name: str
    row_key: str
    happened_at: datetime
    guard: str


def seal_events(
    events: Sequence[KeptEvent], master: bytes, month: str, database_id: str, table: str
) -> bytes:
    """Events of one table under AES-GCM, tied to month, database and table."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    lines = [
        [event.event_id, event.name, event.row_key, stamp(event.happened_at), event.guard]
        for event in events
    ]
    key, bound = _key(master, month, database_id), _bound(month, database_id, table)
    return nonce + AESGCM(key).encrypt(nonce, render(lines).encode(), bound)


def open_events(
    sealed: bytes, master: bytes, month: str, database_id: str, table: str
) -> list[KeptEvent]:
    """The events; StorageError where the key does not open them."""
    key, bound = _key(master, month, database_id), _bound(month, database_id, table)
    try:
        content = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
    except InvalidTag as error:
        raise StorageError(
            f"Events of {month} cannot be opened: they were sealed with another key, or changed. "
            "Nothing was read from them."
        ) from error
    return [
        KeptEvent(event_id, name, row_key, read_stamp(happened), guard)
        for event_id, name, row_key, happened, guard in json.loads(content)
    ]


def _key(master: bytes, month: str, database_id: str) -> bytes:
    return derive(master, month, database_id, _PURPOSE)


def _bound(month: str, database_id: str, table: str) -> bytes:
    return render([month, database_id, table]).encode()
