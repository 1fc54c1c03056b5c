"""A database that went back: opened for a reapply, and closed by the batch that ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from retention.databases.database import Connection, Database
from retention.databases.faults import ConnectionLost, database_faults
from retention.databases.marker_repairs import reopen_marker
from retention.databases.state import (
    MarkerRow,
    Move,
    create_tables,
    move_marker,
    write_first_marker,
)
from retention.errors import IntegrityError, RetentionError
from retention.ledger.entry import Intent, Kind
from retention.ledger.settling import LedgerState, Outcome, Verdict, settle
from retention.ledger.store import Ledger
from retention.protocol import points
from retention.protocol.batch import DEADLINE, check_marker, moved
from retention.protocol.leftovers import clear_asides, finish_marker
from retention.protocol.opening import (
    Clock,
    Opened,
    known_id,
    locked_marker,
    marker_state,
    require_place,
)

REAPPLY = "reapply"
"""The action of the batch that ends a reapply; it takes no row."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """A database and from where on its erasures may be undone.

    `since`: the last batch whose effect is surely in it. `level`: marker and ledger agree, so only
    tables that were reloaded may hold erased people.
    """

    opened: Opened
    since: int
    level: bool


def open_for_reapply(
    database: Database, connection: Connection, ledger: Ledger, now: Clock, *, look_only: bool
) -> Reopened:
    """Open a database that a run refuses; unless `look_only`, an open intent is closed.

    Raises IntegrityError where it was never enrolled, is in another place, or where the ledger is
    the one that went back.
    """
    database.require_primary(connection)
    marker = locked_marker(database, connection, ledger)
    database_id = marker.database_id if marker else known_id(ledger, database.name)
    if database_id is None:
        raise IntegrityError(
            f"{database.name} has no marker of this ledger: it was never enrolled. Nothing was "
            f"done. Run `retention enroll {database.name}` first."
        )
    state = ledger.state_of(database_id)
    found = marker or MarkerRow(ledger.ledger_id, database_id, 0, 0, "", "")
    verdict = settle(marker_state(found), state)
    require_place(database, connection, ledger, found, verdict)
    if verdict.outcome in (Outcome.LEDGER_BEHIND, Outcome.FORKED):
        raise IntegrityError(verdict.named(database.name))
    notes = []
    if not look_only:
        notes += clear_asides(database, connection, ledger, found)
        if finish_marker(database, connection, state, found):
            found = replace(found, complete_to=found.sequence)
        notes += _settled(database, ledger, state, verdict, now)
    if marker is None and not look_only:
        _first_marker(database, connection, ledger, found, now)
    last = state.last_closed
    if state.open is not None and verdict.closing is Kind.COMMITTED:
        last = state.open.sequence
    opened = Opened(
        database,
        connection,
        ledger,
        database_id,
        found.sequence,
        notes,
        reapplying=True,
        behind=last - found.sequence,
    )
    level = marker is not None and verdict.outcome is not Outcome.WENT_BACK
    return Reopened(opened, 0 if level else found.complete_to, level)


def _settled(
    database: Database, ledger: Ledger, state: LedgerState, verdict: Verdict, now: Clock
) -> list[str]:
    if state.open is None:
        return []
    number = state.open.sequence
    # in doubt nobody was erased: the rules reach those rows, and tokens must not
    closing = verdict.closing or Kind.NOT_COMMITTED
    ledger.close(number, state.database_id, closing, now())
    if verdict.closing is not None and not verdict.must_stop:
        return [verdict.named(database.name)]
    if verdict.closing is None:
        return [
            f"Whether batch {number} of {database.name} committed before the restore, nobody can "
            "say; its rows are left to the rules."
        ]
    return []


def _first_marker(
    database: Database, connection: Connection, ledger: Ledger, found: MarkerRow, now: Clock
) -> None:
    """The marker of a database that was restored from before its enrolment."""
    identity = database.identity(connection)
    with database_faults("writing the marker", database.name), connection.begin():
        create_tables(connection)
        write_first_marker(connection, ledger.ledger_id, found.database_id, identity, now())


def begin_reapply(reopened: Reopened) -> None:
    """From now on a backup is dirty, and a run is refused, until `finish_reapply`."""
    if not reopened.level:
        return
    opened = reopened.opened
    name = opened.database.name
    with database_faults("writing the marker", name), opened.connection.begin():
        check_marker(opened)
        if not reopen_marker(opened.connection, opened.ledger.ledger_id, opened.sequence):
            raise moved(opened)


def finish_reapply(opened: Opened, run_id: str, as_of: datetime, now: Clock) -> None:
    """The batch that ends a reapply: it takes no row, and the marker is complete again."""
    sequence, ledger = opened.next_sequence, opened.ledger
    intent = Intent(
        opened.database_id,
        sequence,
        run_id,
        "",
        REAPPLY,
        "",
        (),
        {},
        None,
        as_of,
        now() + DEADLINE,
    )
    written = False
    try:
        with (
            database_faults("ending the reapply", opened.database.name),
            opened.connection.begin(),
        ):
            check_marker(opened)
            entry = ledger.append_intent(intent, {}, now())
            written = True
            points.reached(points.INTENT)
            move = Move(opened.sequence, sequence, sequence, entry.hash)
            if not move_marker(opened.connection, ledger.ledger_id, move, now()):
                raise moved(opened)
            points.reached(points.MARKED)
        points.reached(points.COMMITTED)
    except ConnectionLost:
        raise
    except RetentionError:
        if written:
            ledger.close(sequence, opened.database_id, Kind.NOT_COMMITTED, now())
        raise
    ledger.close(sequence, opened.database_id, Kind.COMMITTED, now())
    opened.moved_to(sequence)
    points.reached(points.CLOSED)
