"""Legal holds as the ledger keeps them: whom they name and why is sealed, the rest is plain."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention.errors import StorageError
from retention.ledger import tables
from retention.ledger.entry import JSON, read_stamp, render, stamp

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Hold:
    """A row that may not be erased: `key` names it, {column: value}, `reason` is for people.

    `placed_at` and `released_at` come from the ledger; None while it was not placed or released.
    """

    hold_id: str
    database_id: str
    table: str
    key: Mapping[str, JSON]
    reason: str
    review_on: date | None = None
    placed_at: datetime | None = None
    released_at: datetime | None = None


def seal(hold: Hold, sealing_key: bytes) -> bytes:
    """Key and reason under AES-GCM (16 or 32 bytes of key), tied to the hold's plain columns."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    secret = render({"key": hold.key, "reason": hold.reason}).encode()
    bound = _bound(hold.hold_id, hold.database_id, hold.table)
    return nonce + AESGCM(sealing_key).encrypt(nonce, secret, bound)


def opened(row: sa.Row[Any], sealing_key: bytes) -> Hold:
    """The hold in a row of `ledger_hold`; StorageError where the key does not open it."""
    nonce, secret = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
    bound = _bound(row.hold_id, row.database_id, row.table_name)
    try:
        content = json.loads(AESGCM(sealing_key).decrypt(nonce, secret, bound))
    except InvalidTag as error:
        raise StorageError(
            f"Hold {row.hold_id} cannot be opened: it was sealed with another key, or changed. "
            "Nothing was read from it."
        ) from error
    return Hold(
        row.hold_id,
        row.database_id,
        row.table_name,
        content["key"],
        content["reason"],
        date.fromisoformat(row.review_on) if row.review_on else None,
        read_stamp(row.placed_at),
        read_stamp(row.released_at) if row.released_at else None,
    )


def _bound(hold_id: str, database_id: str, table: str) -> bytes:
    return render([hold_id, database_id, table]).encode()


def insert(connection: sa.Connection, hold: Hold, sealed: bytes, at: datetime) -> None:
    """Keep a sealed hold."""
    connection.execute(
        tables.hold.insert().values(
            hold_id=hold.hold_id,
            database_id=hold.database_id,
            table_name=hold.table,
            sealed=sealed,
            review_on=hold.review_on.isoformat() if hold.review_on else None,
            placed_at=stamp(at),
        )
    )


def placed_body(hold: Hold, sealed: bytes) -> dict[str, JSON]:
    """What the chain says of a hold: enough to notice a change, nothing about a person."""
    return {
        "hold_id": hold.hold_id,
        "table": hold.table,
        "review_on": hold.review_on.isoformat() if hold.review_on else None,
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
    }


def find(connection: sa.Connection, hold_id: str) -> sa.Row[Any] | None:
    """The hold of that name, None if there is none."""
    return connection.execute(
        tables.hold.select().where(tables.hold.c.hold_id == hold_id)
    ).one_or_none()


def release(connection: sa.Connection, hold_id: str, at: datetime) -> None:
    """Write down when a hold ended; the row stays."""
    connection.execute(
        tables.hold.update().where(tables.hold.c.hold_id == hold_id).values(released_at=stamp(at))
    )


def of(connection: sa.Connection, database_id: str) -> list[sa.Row[Any]]:
    """The rows of a database's holds, oldest first."""
    query = tables.hold.select().where(tables.hold.c.database_id == database_id)
    return list(connection.execute(query.order_by(tables.hold.c.placed_at, tables.hold.c.hold_id)))
