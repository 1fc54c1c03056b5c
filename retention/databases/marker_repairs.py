"""Markers that no longer fit their ledger: reopened for a reapply, or put under another ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from retention.databases.state import MarkerRow, Move, marker, stamp


def reopen_marker(connection: sa.Connection, ledger_id: str, sequence: int) -> bool:
    """Note that erased people may be back although the marker stands where the ledger does."""
    here = sa.and_(marker.c.ledger_id == ledger_id, marker.c.sequence == sequence)
    return connection.execute(sa.update(marker).where(here).values(complete_to=0)).rowcount == 1


def other_markers(connection: sa.Connection, ledger_id: str) -> list[MarkerRow]:
    """The markers of other ledgers, in force or lost."""
    query = sa.select(
        marker.c.ledger_id,
        marker.c.database_id,
        marker.c.sequence,
        marker.c.complete_to,
        marker.c.ledger_head,
        marker.c.identity,
    ).where(marker.c.ledger_id != ledger_id)
    return [MarkerRow(*found) for found in connection.execute(query)]


def rejoin_marker(
    connection: sa.Connection, found: MarkerRow, ledger_id: str, move: Move, at: datetime
) -> bool:
    """Put the marker of `found` under a ledger's gap; False where another runner has moved it."""
    here = sa.and_(marker.c.ledger_id == found.ledger_id, marker.c.sequence == move.expected)
    values: dict[str, Any] = {
        "ledger_id": ledger_id,
        "sequence": move.to,
        "ledger_head": move.head,
        "updated_at": stamp(at),
    }
    if move.complete_to is not None:
        values["complete_to"] = move.complete_to
    return connection.execute(sa.update(marker).where(here).values(**values)).rowcount == 1
