"""Our four small tables in the user's database: marker, holds, events, restrictions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

ASIDE = "retention_aside_"
"""How the tables begin in which rows of a partition stand for a moment of a batch (MariaDB)."""

marker = sa.Table(
    "retention_marker",
    metadata,
    sa.Column("ledger_id", sa.String(36), primary_key=True),
    sa.Column("database_id", sa.String(36), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("complete_to", sa.BigInteger, nullable=False),
    sa.Column("ledger_head", sa.String(64), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sa.Column("identity", sa.String(255), nullable=False),
    mysql_engine="InnoDB",
)
hold = sa.Table(
    "retention_hold",
    metadata,
    sa.Column("hold_id", sa.String(36), primary_key=True),
    sa.Column("table_name", sa.String(128), nullable=False),
    sa.Column("row_key", sa.String(255), nullable=False),
    sa.Column("placed_at", sa.String(32), nullable=False),
    sa.Column("released_at", sa.String(32)),
    sa.Index("retention_hold_row", "table_name", "row_key"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_nopad_bin",
)
event = sa.Table(
    "retention_event",
    metadata,
    sa.Column("event_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("table_name", sa.String(128), nullable=False),
    sa.Column("row_key", sa.String(255), nullable=False),
    sa.Column("happened_at", sa.String(32), nullable=False),
    sa.Index("retention_event_row", "table_name", "row_key", "name"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_nopad_bin",
)
restriction = sa.Table(
    "retention_restriction",
    metadata,
    sa.Column("table_name", sa.String(128), primary_key=True),
    sa.Column("row_key", sa.String(255), primary_key=True),
    sa.Column("rule", sa.String(128), primary_key=True),
    sa.Column("restricted_at", sa.String(32), nullable=False),
    sa.Column("at_request", sa.Integer, nullable=False),
    sa.Column("lifted_at", sa.String(32)),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_nopad_bin",
)


@dataclass(frozen=True, slots=True)
class MarkerRow:
    """The marker as it stands in the database."""

    ledger_id: str
    database_id: str
    sequence: int
    complete_to: int
    ledger_head: str
    identity: str


def stamp(moment: datetime) -> str:
    """An instant as our tables keep it: ISO text in UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def create_tables(connection: sa.Connection) -> None:
    """Make our tables where they are missing."""
    metadata.create_all(connection, checkfirst=True)


def read_marker(
    connection: sa.Connection, ledger_id: str | None, *, lock: bool = False
) -> MarkerRow | None:
    """The marker of this ledger; None where there is none. `lock` takes the row FOR UPDATE."""
    query = sa.select(
        marker.c.ledger_id,
        marker.c.database_id,
        marker.c.sequence,
        marker.c.complete_to,
        marker.c.ledger_head,
        marker.c.identity,
    )
    if ledger_id is not None:
        query = query.where(marker.c.ledger_id == ledger_id)
    if lock:
        query = query.with_for_update()
    found = connection.execute(query).first()
    return None if found is None else MarkerRow(*found)


def has_marker_table(connection: sa.Connection) -> bool:
    """TRUE where `enroll` has been here."""
    with connection.begin():
        return sa.inspect(connection).has_table(marker.name)


def remove_markers(connection: sa.Connection) -> None:
    """Forget every marker: this database is a copy that starts anew."""
    connection.execute(sa.delete(marker))


def write_first_marker(
    connection: sa.Connection, ledger_id: str, database_id: str, identity: str, at: datetime
) -> None:
    """The marker before the first batch."""
    connection.execute(
        sa.insert(marker).values(
            ledger_id=ledger_id,
            database_id=database_id,
            sequence=0,
            complete_to=0,
            ledger_head="",
            updated_at=stamp(at),
            identity=identity,
        )
    )


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the marker: from batch `expected` to batch `to`, whose entry has the hash `head`.

    `complete_to` None: it stays, because people who were erased may still be back (reapply).
    """

    expected: int
    to: int
    complete_to: int | None
    head: str


def move_marker(connection: sa.Connection, ledger_id: str, move: Move, at: datetime) -> bool:
    """Move the marker on; False where another runner has moved it before us."""
    values = {"sequence": move.to, "ledger_head": move.head, "updated_at": stamp(at)}
    if move.complete_to is not None:
        values["complete_to"] = move.complete_to
    here = sa.and_(marker.c.ledger_id == ledger_id, marker.c.sequence == move.expected)
    return connection.execute(sa.update(marker).where(here).values(**values)).rowcount == 1


def complete_marker(connection: sa.Connection, ledger_id: str, sequence: int) -> None:
    """Note that the rows of the marker's batch are gone, after those that were set aside are."""
    here = sa.and_(marker.c.ledger_id == ledger_id, marker.c.sequence == sequence)
    connection.execute(sa.update(marker).where(here).values(complete_to=sequence))


def set_identity(connection: sa.Connection, ledger_id: str, identity: str) -> None:
    """Note where the database lives now (`enroll --moved`)."""
    connection.execute(
        sa.update(marker).where(marker.c.ledger_id == ledger_id).values(identity=identity)
    )


def put_hold(
    connection: sa.Connection, hold_id: str, table: str, key: str, placed: str, released: str | None
) -> None:
    """Write a hold, or bring it to what the ledger says of it."""
    values: dict[str, Any] = {
        "table_name": table,
        "row_key": key,
        "placed_at": placed,
        "released_at": released,
    }
    known = connection.execute(sa.select(hold.c.hold_id).where(hold.c.hold_id == hold_id)).first()
    if known is None:
        connection.execute(sa.insert(hold).values(hold_id=hold_id, **values))
    else:
        connection.execute(sa.update(hold).where(hold.c.hold_id == hold_id).values(**values))


def stored_holds(connection: sa.Connection) -> dict[str, tuple[str, str, str | None]]:
    """Every hold in the database: table, key, released."""
    query = sa.select(hold.c.hold_id, hold.c.table_name, hold.c.row_key, hold.c.released_at)
    return {found[0]: (found[1], found[2], found[3]) for found in connection.execute(query)}


def put_event(
    connection: sa.Connection, event_id: str, name: str, table: str, key: str, happened: datetime
) -> None:
    """Record that something happened to a row."""
    connection.execute(
        sa.insert(event).values(
            event_id=event_id,
            name=name,
            table_name=table,
            row_key=key,
            happened_at=stamp(happened),
        )
    )


def stored_event_ids(connection: sa.Connection, event_ids: Collection[str]) -> set[str]:
    """Those of the events that are in the database."""
    query = sa.select(event.c.event_id).where(event.c.event_id.in_(list(event_ids)))
    return set(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Restricted:
    """An entry of retention_restriction: `rule` is a rule's name, or a request's."""

    table: str
    key: str
    rule: str
    since: str
    at_request: bool
    lifted: bool


def stored_restrictions(connection: sa.Connection) -> list[Restricted]:
    """Every restriction in the database, lifted ones too, oldest first."""
    found = restriction.c
    query = sa.select(
        found.table_name,
        found.row_key,
        found.rule,
        found.restricted_at,
        found.at_request,
        found.lifted_at,
    ).order_by(found.restricted_at, found.table_name, found.row_key)
    return [
        Restricted(table, key, rule, since, bool(at_request), lifted is not None)
        for table, key, rule, since, at_request, lifted in connection.execute(query)
    ]


def put_request(connection: sa.Connection, name: str, table: str, key: str, since: str) -> None:
    """A restriction at the person's own request."""
    entry = {"table_name": table, "row_key": key, "rule": name}
    connection.execute(sa.insert(restriction).values(**entry, restricted_at=since, at_request=1))


def lift_entry(connection: sa.Connection, table: str, key: str, rule: str, at: str) -> None:
    """End a restriction; the entry stays, so that the rule does not restrict the row again."""
    found = restriction.c
    named = sa.and_(found.table_name == table, found.row_key == key, found.rule == rule)
    lifted = sa.update(restriction).where(named).values(lifted_at=at)
    if connection.execute(lifted).rowcount == 0:
        entry = {"table_name": table, "row_key": key, "rule": rule, "at_request": 0}
        connection.execute(sa.insert(restriction).values(**entry, restricted_at=at, lifted_at=at))


def tables_named(connection: sa.Connection) -> set[str]:
    """Tables of the user's that our own tables speak of, row by row."""
    found: set[str] = set()
    for table in (hold, event, restriction):
        found |= set(connection.execute(sa.select(table.c.table_name).distinct()).scalars())
    return found


def forget_rows(connection: sa.Connection, table: str, keys: list[str]) -> None:
    """Drop what our tables say of rows that are gone: their ids may be issued again."""
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for ours in (hold, event, restriction):
            gone = sa.delete(ours).where(ours.c.table_name == table, ours.c.row_key.in_(some))
            connection.execute(gone)


def rename_rows(connection: sa.Connection, table: str, to: str, keys: list[str]) -> None:
    """What our tables say of rows of `table` that were moved goes on under their new table."""
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for ours in (hold, event, restriction):
            here = sa.and_(ours.c.table_name == table, ours.c.row_key.in_(some))
            connection.execute(sa.update(ours).where(here).values(table_name=to))
