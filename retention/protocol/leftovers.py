"""Rows that an interrupted run left set aside (MariaDB): dropped where their batch committed, else
put back. Before anything else is done to the database, and never dropped on a name's word alone.
"""

from __future__ import annotations

from retention.databases.database import Connection, Database
from retention.databases.erasing.asides import Aside, asides_of, drop_aside, put_back
from retention.databases.faults import ConnectionLost, database_faults
from retention.databases.state import MarkerRow, complete_marker
from retention.errors import DatabaseFailure, IntegrityError
from retention.ledger.settling import LedgerState
from retention.ledger.store import Ledger


def clear_asides(
    database: Database, connection: Connection, ledger: Ledger, marker: MarkerRow
) -> list[str]:
    """Leave no table beside of this marker's ledger; a sentence for each that held rows.

    Raises IntegrityError where rows can neither be dropped nor put back.
    """
    if database.dialect.name != "mysql":
        return []
    with database_faults("looking for rows set aside", database.name), connection.begin():
        found = asides_of(connection, marker.ledger_id)
    return [_cleared(database, connection, ledger, marker, aside) for aside in found]


def finish_marker(
    database: Database, connection: Connection, state: LedgerState, marker: MarkerRow
) -> bool:
    """The marker is complete, where its batch had set rows aside and they are gone; FALSE elsewhere."""
    begun = state.open
    at_it = begun is not None and begun.aside is not None and begun.sequence == marker.sequence
    if not at_it or marker.complete_to >= marker.sequence:
        return False
    with database_faults("writing the marker", database.name), connection.begin():
        complete_marker(connection, marker.ledger_id, marker.sequence)
    return True


def _cleared(
    database: Database, connection: Connection, ledger: Ledger, marker: MarkerRow, aside: Aside
) -> str:
    if _is_erased(ledger, marker, aside):
        what = "dropping rows set aside"
        with database_faults(what, database.name), connection.begin():
            drop_aside(connection, aside)
        return f"Rows that batch {aside.sequence} of {database.name} had set aside are dropped."
    try:
        with database_faults("putting rows back", database.name):
            put_back(connection, aside)
    except ConnectionLost:
        raise
    except DatabaseFailure as failure:
        raise IntegrityError(_stuck(database.name, aside, failure)) from failure
    return f"Rows that batch {aside.sequence} of {database.name} had set aside are back."


def _is_erased(ledger: Ledger, marker: MarkerRow, aside: Aside) -> bool:
    """TRUE where the marker has seen the batch whose intent names this very table."""
    if aside.sequence > marker.sequence:
        return False
    entry = ledger.entry_at(marker.database_id, aside.sequence)
    return entry is not None and entry.body.get("aside") == aside.name


def _stuck(name: str, aside: Aside, failure: DatabaseFailure) -> str:
    table = f'"{aside.table}"' if aside.table else "the table it names"
    return (
        f"Rows of {table} in {name} stand in {aside.name}, where an interrupted run had set them "
        f"aside, and could not be put back ({failure.sqlstate}). None is lost, and nothing was "
        f"done. Put them back by hand, or drop {aside.name} if they are in {table} already; then "
        "run again."
    )
