"""Enrolment: our tables in the database, its id in the ledger, the first marker."""

from __future__ import annotations

import uuid

from retention.databases.database import Connection, Database
from retention.databases.faults import database_faults
from retention.databases.marker_repairs import other_markers
from retention.databases.state import (
    MarkerRow,
    create_tables,
    has_marker_table,
    read_marker,
    remove_markers,
    set_identity,
    write_first_marker,
)
from retention.errors import DatabaseFailure, IntegrityError
from retention.ledger.entry import Kind
from retention.ledger.store import Ledger
from retention.protocol.leftovers import clear_asides
from retention.protocol.opening import Clock, known_id, known_place, require_place


def enroll(database: Database, connection: Connection, ledger: Ledger, now: Clock) -> str:
    """Make our tables and the first marker; says what was done.

    Raises IntegrityError where the ledger knows the database but its marker is gone, or where another
    ledger has worked on it.
    """
    database.require_primary(connection)
    try:
        with database_faults("making our tables", database.name), connection.begin():
            create_tables(connection)
    except DatabaseFailure as failure:
        raise DatabaseFailure(
            f"{failure}. `retention enroll {database.name} --ddl` prints the statements for "
            "someone who may run them",
            sqlstate=failure.sqlstate,
        ) from failure
    identity = database.identity(connection)
    with database_faults("reading the marker", database.name), connection.begin():
        found = read_marker(connection, ledger.ledger_id)
        others = [] if found else other_markers(connection, ledger.ledger_id)
    if found is not None:
        require_place(database, connection, ledger, found, None)
        return f"{database.name} was enrolled before; nothing was changed"
    if known_id(ledger, database.name) is not None:
        raise IntegrityError(
            f"The ledger knows {database.name}, but its marker is gone: it was restored from a copy "
            "made before enrolment, or is another database. Nothing was done. "
            f"`retention backups reapply {database.name}` if it was restored, "
            f"`retention enroll {database.name} --clone` if it is another one."
        )
    if any(other.sequence and other.identity == identity for other in others):
        raise IntegrityError(
            f"{database.name} was worked on under another ledger, whose holds and proofs this one does "
            f"not have. Nothing was done. Bring that ledger back, or, if it is lost for good, "
            f"`retention ledger rejoin {database.name} --by NAME` goes on here and writes down the gap."
        )
    return _first(database, connection, ledger, identity, now)


def enroll_moved(database: Database, connection: Connection, ledger: Ledger, now: Clock) -> str:
    """The same database in a new place: it goes on under its id, its identity is noted anew.

    Without a marker it was restored from before its enrolment, and a reapply makes one.
    """
    found = _marker(database, connection, ledger)
    database_id = found.database_id if found else known_id(ledger, database.name)
    if database_id is None:
        raise IntegrityError(
            f"{database.name} is not known to this ledger, so it cannot be one that moved. Nothing "
            f"was done. Run `retention enroll {database.name}`."
        )
    identity = database.identity(connection)
    if identity == known_place(ledger, database_id):
        return f"{database.name} is where the ledger saw it last; nothing was changed"
    if found is not None:
        with database_faults("writing the marker", database.name), connection.begin():
            set_identity(connection, ledger.ledger_id, identity)
    _note(ledger, database.name, database_id, identity, now, "moved")
    return f"{database.name} goes on in its new place"


def enroll_clone(database: Database, connection: Connection, ledger: Ledger, now: Clock) -> str:
    """A copy that is to be a database of its own: a new id, a marker that starts anew.

    Raises IntegrityError where it is the original, in the place where the ledger saw it last.
    """
    found = _marker(database, connection, ledger)
    identity = database.identity(connection)
    if found is not None and identity == known_place(ledger, found.database_id):
        raise IntegrityError(
            f"{database.name} is the database that the ledger knows, in its own place, and no copy "
            "of it. Nothing was done. Name the copy's URL in a policy of its own."
        )
    if found is not None:
        clear_asides(database, connection, ledger, found)
    with database_faults("removing the old marker", database.name):
        if has_marker_table(connection):
            with connection.begin():
                remove_markers(connection)
        with connection.begin():
            create_tables(connection)
    return _first(database, connection, ledger, identity, now)


def _marker(database: Database, connection: Connection, ledger: Ledger) -> MarkerRow | None:
    if not has_marker_table(connection):
        return None
    with database_faults("reading the marker", database.name), connection.begin():
        return read_marker(connection, ledger.ledger_id)


def _first(
    database: Database, connection: Connection, ledger: Ledger, identity: str, now: Clock
) -> str:
    database_id = str(uuid.uuid4())
    with database_faults("writing the marker", database.name), connection.begin():
        write_first_marker(connection, ledger.ledger_id, database_id, identity, now())
        _note(ledger, database.name, database_id, identity, now, "enrolled")
    return f"{database.name} is enrolled"


def _note(ledger: Ledger, name: str, database_id: str, identity: str, now: Clock, how: str) -> None:
    ledger.append(
        Kind.ENROLLED,
        now(),
        database_id=database_id,
        body={"name": name, "identity": identity, "how": how},
    )
