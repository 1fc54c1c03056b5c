"""A database that is gone for good: leave is taken of it, and the ledger says who did and why."""

from __future__ import annotations

from datetime import datetime

from retention.errors import UsageError
from retention.ledger.entry import JSON, Entry, Kind
from retention.ledger.keys import KeyFolder
from retention.ledger.store import Ledger

_AT_WORK = (Kind.ENROLLED, Kind.INTENT, Kind.RECOUNT)
"""What the ledger notes of a database that is worked on: one that came back is not retired."""


def retire(
    ledger: Ledger, keys: KeyFolder, name: str, by: str, reason: str, at: datetime
) -> list[str]:
    """Write down that nobody waits for the database any more; sentences about what that leaves.

    Nothing that is owed for it ends. Raises UsageError for one the ledger does not know, or that
    was retired before.
    """
    known = [database_id for database_id, found in ledger.databases().items() if found == name]
    if not known:
        raise UsageError(f"the ledger knows no database {name}; nothing was written")
    left = [database_id for database_id in known if retirement(ledger, database_id) is None]
    if not left:
        before = retirement(ledger, known[-1])
        assert before is not None
        raise UsageError(f"{retired(name, before)}; nothing was written")
    told = []
    for database_id in left:
        holds = ledger.holds(database_id, keys.sealing_key())
        held = sum(hold.released_at is None for hold in holds)
        open_batch = ledger.state_of(database_id).open
        sequence = open_batch.sequence if open_batch else None
        body: dict[str, JSON] = {"name": name, "by": by, "reason": reason}
        body |= {"holds": held, "unsettled": sequence}
        entry = ledger.append(Kind.RETIRED, at, database_id=database_id, body=body)
        told.append(f"{name} is retired. Written down for {by} as entry {entry.number}.")
        told += _left_over(name, held, sequence)
    return told


def retirement(ledger: Ledger, database_id: str) -> Entry | None:
    """The entry by which leave was taken of a database; None where it was worked on since."""
    found = next(ledger.newest(Kind.RETIRED, 1, database_id), None)
    if found is None:
        return None
    later = (next(ledger.newest(kind, 1, database_id), None) for kind in _AT_WORK)
    return None if any(entry and entry.number > found.number for entry in later) else found


def retired(name: str, entry: Entry) -> str:
    """When leave was taken, and by whom; the reason stays in the ledger."""
    return f"{name} was retired on {entry.at:%Y-%m-%d} by {entry.body.get('by')}"


def _left_over(name: str, held: int, unsettled: int | None) -> list[str]:
    told = []
    if held:
        rows = "row" if held == 1 else "rows"
        told.append(
            f"{held:,} {rows} of {name} stood under a legal hold or a person's request, and no run "
            "keeps them any more"
        )
    if unsettled is not None:
        told.append(
            f"whether batch {unsettled} of {name} was committed is not known; copies of it are "
            "followed as if it was"
        )
    return told
