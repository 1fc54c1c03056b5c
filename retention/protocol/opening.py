"""Before the first batch: is this the database the ledger knows, and do they tell one story?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.state import MarkerRow, has_marker_table, read_marker
from retention.errors import Busy, DatabaseFailure, IntegrityError
from retention.ledger.entry import Kind
from retention.ledger.settling import MarkerState, Outcome, Verdict, settle
from retention.ledger.store import Ledger
from retention.protocol.leftovers import clear_asides, finish_marker

Clock = Callable[[], datetime]


@dataclass(slots=True)
class Opened:
    """A database whose marker and ledger agree; `sequence` is its last batch.

    `behind`: while a reapply is on its way, how many batches of the ledger the marker has not seen;
    its batches leave the marker's `complete_to` as it is.
    """

    database: Database
    connection: Connection
    ledger: Ledger
    database_id: str
    sequence: int
    notes: list[str]
    reapplying: bool = False
    behind: int = 0

    @property
    def next_sequence(self) -> int:
        """The number of the next batch: the ledger's, which a restore does not take back."""
        return self.sequence + self.behind + 1

    def moved_to(self, sequence: int) -> None:
        """The marker stands at that batch now, as the ledger does."""
        self.sequence, self.behind = sequence, 0


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
    verdict = settle(marker_state(marker), state)
    if marker is not None:
        require_place(database, connection, ledger, marker, verdict)
    notes = []
    if marker is not None and not verdict.must_stop:
        notes += clear_asides(database, connection, ledger, marker)
        finish_marker(database, connection, state, marker)
    if verdict.closing is not None and state.open is not None:
        ledger.close(state.open.sequence, database_id, verdict.closing, now())
        notes.append(verdict.named(database.name))
    if verdict.must_stop:
        raise IntegrityError(verdict.named(database.name))
    assert marker is not None
    return Opened(database, connection, ledger, database_id, marker.sequence, notes)


def require_place(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    marker: MarkerRow,
    verdict: Verdict | None,
) -> None:
    """IntegrityError where the database is not in the place where the ledger saw it last.

    The ledger's word counts, not the marker's: a marker is copied and restored with its database.
    """
    known = known_place(ledger, marker.database_id) or marker.identity
    if known == database.identity(connection):
        return
    back = verdict is not None and verdict.outcome is Outcome.WENT_BACK
    then = f", then `retention backups reapply {database.name}`" if back else ""
    raise IntegrityError(
        f"{database.name} is not where the ledger saw it last: it was moved, restored to another "
        "place, or this is a copy of it. Nothing was done. If the old place is gone, "
        f"`retention enroll {database.name} --moved`{then}; if this is a copy, "
        f"`retention enroll {database.name} --clone`."
    )


def known_place(ledger: Ledger, database_id: str) -> str | None:
    """The identity that the ledger noted last for a database, None where it never did."""
    found = [
        entry.body.get("identity")
        for entry in ledger.entries(kinds={Kind.ENROLLED})
        if entry.database_id == database_id
    ]
    return str(found[-1]) if found else None


def known_id(ledger: Ledger, name: str) -> str | None:
    """The id the ledger has for a database of that name; the last where a clone took the name."""
    entries = ledger.entries(kinds={Kind.ENROLLED})
    named = [entry.database_id for entry in entries if entry.body.get("name") == name]
    return named[-1] if named else None


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


def marker_state(marker: MarkerRow | None) -> MarkerState | None:
    """The marker as `settle` takes it."""
    if marker is None:
        return None
    return MarkerState(
        marker.ledger_id,
        marker.database_id,
        marker.sequence,
        marker.complete_to,
        marker.ledger_head,
    )
