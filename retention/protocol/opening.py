"""Before the first batch: is this the database the ledger knows, and do they tell one story?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import MarkerRow, has_marker_table, read_marker
from retention.errors import Busy, DatabaseFailure, IntegrityError
from retention.ledger.settling import MarkerState, settle
from retention.ledger.store import Ledger

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Opened:
    """A database whose marker and ledger agree; `sequence` is its last batch."""

    database: Database
    connection: Connection
    ledger: Ledger
    database_id: str
    sequence: int
    notes: list[str]


def open_for_work(database: Database, connection: Connection, ledger: Ledger, now: Clock) -> Opened:
    """Settle what a killed run left open. Raises IntegrityError (exit 4) where they disagree."""
    database.require_primary(connection)
    marker = locked_marker(database, connection, ledger)
    database_id = marker.database_id if marker else known_id(ledger, database.name)
    if database_id is None:
        raise IntegrityError(
            f"{database.name} has no marker of this ledger: it was never enrolled. Nothing was "
            f"done. Run `retention enroll {database.name}` first."
        )
    state = ledger.state_of(database_id)
    verdict = settle(_state(marker), state)
    notes = []
    if verdict.closing is not None and state.open is not None:
        ledger.close(state.open.sequence, database_id, verdict.closing, now())
        notes.append(verdict.named(database.name))
    if verdict.must_stop:
        raise IntegrityError(verdict.named(database.name))
    assert marker is not None
    if marker.identity != database.identity(connection):
        raise IntegrityError(
            f"{database.name} is not where the ledger saw it last: it was moved, or this is a copy "
            f"of it. Nothing was done. `retention enroll {database.name} --moved` if it was moved, "
            f"`retention enroll {database.name} --clone` if this is a copy."
        )
    return Opened(database, connection, ledger, database_id, marker.sequence, notes)


def known_id(ledger: Ledger, name: str) -> str | None:
    """The id the ledger has for a database of that name."""
    return next((known for known, given in ledger.databases().items() if given == name), None)


def locked_marker(database: Database, connection: Connection, ledger: Ledger) -> MarkerRow | None:
    """The marker, read under its lock: a COMMIT of a killed run may still be in flight."""
    if not has_marker_table(connection):
        return None
    try:
        with database_faults("reading the marker", database.name), connection.begin():
            return read_marker(connection, ledger.ledger_id, lock=True)
    except DatabaseFailure as failure:
        if failure.transient:
            raise Busy(f"{database.name}: another run works on this database") from failure
        raise


def _state(marker: MarkerRow | None) -> MarkerState | None:
    if marker is None:
        return None
    return MarkerState(
        marker.ledger_id,
        marker.database_id,
        marker.sequence,
        marker.complete_to,
        marker.ledger_head,
    )
