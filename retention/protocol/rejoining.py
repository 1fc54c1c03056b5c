"""Ledger and database no longer are a pair: the gap between them, written down in plain words."""

from __future__ import annotations

from dataclasses import replace

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.marker_repairs import other_markers, rejoin_marker
from retention.databases.state import (
    MarkerRow,
    Move,
    has_marker_table,
    read_marker,
)
from retention.errors import Busy, IntegrityError, UsageError
from retention.ledger.entry import JSON, Kind
from retention.ledger.settling import LedgerState, Outcome, settle
from retention.ledger.store import Ledger
from retention.protocol.leftovers import clear_asides
from retention.protocol.opening import Clock, known_place, marker_state


def rejoin(database: Database, connection: Connection, ledger: Ledger, by: str, now: Clock) -> str:
    """Let a database go on under a ledger that was lost, rolled back or changed; says what is lost.

    The gap is in the ledger before the marker stands at it. Raises UsageError where nothing is
    wrong, IntegrityError where this is no case for it.
    """
    database.require_primary(connection)
    found = _marker(database, connection, ledger)
    state = ledger.state_of(found.database_id)
    here = replace(found, ledger_id=ledger.ledger_id)
    verdict = settle(marker_state(here), state)
    is_new = found.ledger_id != ledger.ledger_id
    if not is_new and verdict.outcome not in (Outcome.LEDGER_BEHIND, Outcome.FORKED):
        if verdict.must_stop:
            raise IntegrityError(verdict.named(database.name))
        raise UsageError(f"{database.name} and the ledger are a pair; nothing was written")
    identity = database.identity(connection)
    known = known_place(ledger, found.database_id) or found.identity
    if known != identity:
        raise IntegrityError(
            f"{database.name} is not where it was seen last: it was moved, or is a copy. Nothing "
            f"was written. `retention enroll {database.name} --moved` or `--clone` first."
        )
    clear_asides(database, connection, ledger, found)
    if is_new:
        body: dict[str, JSON] = {"name": database.name, "identity": identity, "how": "rejoined"}
        ledger.append(Kind.ENROLLED, now(), database_id=found.database_id, body=body)
    if state.open is not None:
        ledger.close(state.open.sequence, found.database_id, Kind.NOT_COMMITTED, now())
    return _gap(database, connection, ledger, found, state, by, now)


def _marker(database: Database, connection: Connection, ledger: Ledger) -> MarkerRow:
    """The marker of this ledger, else the only one of a ledger that was lost."""
    found: MarkerRow | None = None
    others: list[MarkerRow] = []
    if has_marker_table(connection):
        with database_faults("reading the marker", database.name), connection.begin():
            found = read_marker(connection, ledger.ledger_id, lock=True)
            others = other_markers(connection, ledger.ledger_id)
    if found is None and len(others) == 1:
        return others[0]
    if found is None:
        several = "markers of several ledgers" if others else "no marker"
        raise IntegrityError(
            f"{database.name} has {several}, so nothing tells what was done to it. Nothing was "
            f"written. Run `retention enroll {database.name}`."
        )
    return found


def _gap(
    database: Database,
    connection: Connection,
    ledger: Ledger,
    found: MarkerRow,
    state: LedgerState,
    by: str,
    now: Clock,
) -> str:
    closed = state.last_closed if state.open is None else state.open.sequence
    is_ahead = found.sequence > closed
    to = max(found.sequence, closed)
    text = _words(database.name, found.sequence, state.last_closed, is_ahead)
    body: dict[str, JSON] = {"sequence": to, "by": by, "text": text}
    entry = ledger.append(Kind.GAP, now(), database_id=found.database_id, body=body)
    # of a fork nobody knows which batches reached the database: everything is looked at again
    complete = None if is_ahead and found.complete_to < found.sequence else to if is_ahead else 0
    move = Move(found.sequence, to, complete, entry.hash if to else "")
    with database_faults("writing the marker", database.name), connection.begin():
        if not rejoin_marker(connection, found, ledger.ledger_id, move, now()):
            raise Busy(f"{database.name}: another run moved the marker; it was not rejoined")
    return f"{text} Written down for {by} as entry {entry.number}."


def _words(name: str, marker: int, closed: int, is_ahead: bool) -> str:
    if not is_ahead:
        return (
            f"{name} and this ledger each tell another story up to batch {marker}. Which rows the "
            f"ledger's batches took from {name} nobody can say: `retention backups reapply {name}` "
            "looks at all of them, and no run starts before."
        )
    batches = f"Batch {marker}" if marker == closed + 1 else f"Batches {closed + 1} to {marker}"
    return (
        f"{batches} of {name} committed under entries that this ledger does not have: it was lost "
        "or rolled back. What they erased is proved by no entry here, and after a restore it cannot "
        "be erased again by token. Holds, requests and events placed meanwhile are not in the "
        "ledger either: place them again."
    )
