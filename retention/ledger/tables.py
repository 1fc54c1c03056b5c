"""The ledger's own tables: plain text, whole numbers and bytes, the same on every engine."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

VERSION = 1
"""The layout of these tables; a ledger of another version is not opened."""

metadata = sa.MetaData()

# MariaDB compares text without regard to case and trailing spaces, and keeps 64 kB, unless told.
_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_nopad_bin"),
    )
}
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
_NAME = sa.String(255)
_HASH = sa.String(64)
_TIME = sa.String(27)

meta = sa.Table(
    "ledger_meta",
    metadata,
    sa.Column("ledger_id", sa.String(36), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    **_OPTIONS,
)

# One row, locked by whoever appends; kept apart from the entries so that a missing tail shows.
head = sa.Table(
    "ledger_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", _NUMBER, nullable=False),
    sa.Column("hash", _HASH, nullable=False),
    **_OPTIONS,
)

entry = sa.Table(
    "ledger_entry",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("run_id", _NAME),
    sa.Column("database_id", _NAME),
    sa.Column("sequence", _NUMBER),
    sa.Column("body", _TEXT, nullable=False),
    sa.Column("previous", _HASH, nullable=False),
    sa.Column("hash", _HASH, nullable=False),
    sa.Index("ledger_entry_run", "run_id", "number"),
    sa.Index("ledger_entry_kind", "kind", "number"),
    sa.Index("ledger_entry_database", "database_id", "number"),
    sa.Index("ledger_entry_sequence", "database_id", "sequence"),
    **_OPTIONS,
)

# Beside the chain, which holds their digest: tokens go with their key, the chain stays.
token = sa.Table(
    "ledger_token",
    metadata,
    sa.Column("entry_number", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("table_name", _NAME, primary_key=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("tokens", _BYTES, nullable=False),
    **_OPTIONS,
)

policy = sa.Table(
    "ledger_policy",
    metadata,
    sa.Column("sha256", _HASH, primary_key=True),
    sa.Column("text", _TEXT, nullable=False),
    **_OPTIONS,
)

hold = sa.Table(
    "ledger_hold",
    metadata,
    sa.Column("hold_id", _NAME, primary_key=True),
    sa.Column("database_id", _NAME, nullable=False),
    sa.Column("table_name", _NAME, nullable=False),
    sa.Column("sealed", _BYTES, nullable=False),
    sa.Column("review_on", sa.String(10)),
    sa.Column("placed_at", _TIME, nullable=False),
    sa.Column("released_at", _TIME),
    **_OPTIONS,
)

# Paths of files about to go, sealed; a row goes when its files are gone.
file = sa.Table(
    "ledger_file",
    metadata,
    sa.Column("entry_number", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("database_id", _NAME),
    sa.Column("sealed", _BYTES, nullable=False),
    **_OPTIONS,
)
