"""hold, over lake tables: rows are named by their values, and the ledger alone keeps the holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from retention.cli import console
from retention.cli.context import Context, known_lake_table, now

if TYPE_CHECKING:
    from retention.ledger.holds import Hold


def add_lake_hold(
    context: Context, address: str, words: Sequence[str], reason: str, review_on: date | None
) -> str:
    """Hold the rows with these values; the hold's name."""
    from retention.lake.table import LakeTable
    from retention.scheduler.nightly import key_folder, ledger_of
    from retention.subjects.lake_holds import place_lake_hold

    known_lake_table(context, address)
    ledger = ledger_of(context.policy, context.folder)
    keys = key_folder(context.policy, context.folder)
    table = LakeTable(address, context.folder)
    hold, rows = place_lake_hold(table, ledger, keys, words, reason, review_on, now)
    if rows > 1:
        console.message(f"{rows:,} rows have these values, and all of them are held")
    return hold.hold_id


def lake_holds_of(context: Context, address: str = "") -> list[Hold]:
    """The holds in force on one lake table, or on all that the ledger knows."""
    from retention.scheduler.nightly import key_folder, ledger_of
    from retention.subjects.lake_holds import lake_holds

    keys = key_folder(context.policy, context.folder)
    return lake_holds(ledger_of(context.policy, context.folder), keys, address)


def release_if_lake(context: Context, hold_id: str) -> bool:
    """End a hold on rows of a lake table; FALSE where it is none of those."""
    from retention.scheduler.nightly import ledger_of

    if not any(hold.hold_id == hold_id for hold in lake_holds_of(context)):
        return False
    ledger_of(context.policy, context.folder).release_hold(hold_id, now())
    return True
