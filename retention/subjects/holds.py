"""Legal holds: placed in the ledger first, then beside the data, where every statement tests them."""

from __future__ import annotations

import secrets
from datetime import date

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import (
    has_marker_table,
    put_hold,
    read_marker,
    stamp,
    stored_holds,
)
from retention.databases.statements.row_keys import canonical_key
from retention.errors import IntegrityError, SchemaError, UsageError
from retention.ledger.holds import Hold
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger
from retention.planning.paths import PathFault, known_table
from retention.planning.schema import Schema
from retention.protocol.opening import Clock, Opened

PREFIX = "H-"
"""How the names of holds begin."""


def place_hold(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    keys: KeyFolder,
    table: str,
    key: tuple[str, ...],
    reason: str,
    review_on: date | None,
    now: Clock,
) -> Hold:
    """Hold one row. When this returns, no later batch takes it; a batch under way is waited for.

    Raises UsageError where there is no such table or row, IntegrityError before enrolment.
    """
    database_id = enrolled_id(database, connection, ledger)
    schema = database.schema(connection)
    try:
        found = known_table(schema, table)
    except PathFault as fault:
        raise UsageError(f"{fault}; no hold was placed") from fault
    with database_faults("looking up the row", database.name), connection.begin():
        row_key = canonical_key(connection, database.dialect, found, key)
    hold = Hold(
        f"{PREFIX}{now():%Y%m%d}-{secrets.token_hex(3)}",
        database_id,
        table,
        {"row_key": row_key},
        reason,
        review_on,
    )
    ledger.place_hold(hold, now(), keys.sealing_key())
    with database_faults("placing the hold", database.name), connection.begin():
        # the marker's row is locked: a batch that has begun ends first
        read_marker(connection, ledger.ledger_id, lock=True)
        put_hold(connection, hold.hold_id, table, row_key, stamp(now()), None)
    return hold


def release_hold(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    hold: Hold,
    now: Clock,
) -> None:
    """End a hold; UsageError where it is not in force."""
    enrolled_id(database, connection, ledger)
    ledger.release_hold(hold.hold_id, now())
    with database_faults("releasing the hold", database.name), connection.begin():
        read_marker(connection, ledger.ledger_id, lock=True)
        key = str(hold.key["row_key"])
        put_hold(
            connection, hold.hold_id, hold.table, key, stamp(hold.placed_at or now()), stamp(now())
        )


def bring_holds_together(opened: Opened, keys: KeyFolder) -> None:
    """The ledger's holds are the ones that count: a restore rolled the database's copy back."""
    wanted = {}
    for hold in opened.ledger.holds(opened.database_id, keys.sealing_key()):
        if not hold.hold_id.startswith(PREFIX):
            continue
        placed = stamp(hold.placed_at) if hold.placed_at else ""
        released = stamp(hold.released_at) if hold.released_at else None
        wanted[hold.hold_id] = (hold.table, str(hold.key["row_key"]), placed, released)
    connection = opened.connection
    with database_faults("reading the holds", opened.database.name), connection.begin():
        there = stored_holds(connection)
        for hold_id, (table, key, placed, released) in wanted.items():
            known = there.get(hold_id)
            # a released hold is not brought back: it may have gone with its row
            lost = known is None and released is None
            if lost or (known is not None and (known[2] is None) != (released is None)):
                put_hold(connection, hold_id, table, key, placed, released)


def require_held_tables(database: Database, connection: Connection, schema: Schema) -> None:
    """SchemaError where a hold in force is on a table that is not there: renamed, its rows would go."""
    if not schema.enrolled:
        return
    with database_faults("reading the holds", database.name), connection.begin():
        stored = stored_holds(connection)
    for hold_id, (table, _, released) in sorted(stored.items()):
        if released is None and table not in schema.tables:
            raise SchemaError(
                f'{database.name}: the hold {hold_id} is on a row of "{table}", and there is no such '
                "table; nothing was done. Place it anew where the row is now, and end this one with "
                f"`retention hold release {hold_id}`"
            )


def enrolled_id(database: Database, connection: Connection, ledger: Ledger) -> str:
    """The database's id in the ledger; IntegrityError where it was never enrolled."""
    marker = None
    if has_marker_table(connection):
        with database_faults("reading the marker", database.name), connection.begin():
            marker = read_marker(connection, ledger.ledger_id)
    if marker is None:
        raise IntegrityError(
            f"{database.name} has no marker of this ledger. Nothing was done. "
            f"Run `retention enroll {database.name}` first."
        )
    return marker.database_id
