"""hold and restriction, over lake tables: rows are named by values, and the ledger alone keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from retention.cli import console
from retention.cli.context import Context, known_lake_table, now

if TYPE_CHECKING:
    from retention.ledger.holds import Hold
    from retention.ledger.keys import KeyFolder
    from retention.ledger.store import Ledger


def add_lake_hold(
    context: Context, address: str, words: Sequence[str], reason: str, review_on: date | None
) -> str:
    """Hold the rows with these values; the hold's name."""
    from retention.subjects.holds import PREFIX

    return _place(context, address, words, reason, review_on, PREFIX, "held")


def add_lake_request(context: Context, address: str, words: Sequence[str], reason: str) -> str:
    """Restrict the rows with these values at a person's own request; the request's name."""
    from retention.subjects.restrictions import PREFIX

    return _place(context, address, words, reason, None, PREFIX, "restricted")


def _place(
    context: Context,
    address: str,
    words: Sequence[str],
    reason: str,
    review_on: date | None,
    prefix: str,
    told: str,
) -> str:
    from retention.lake.table import LakeTable
    from retention.subjects.lake_holds import place_lake_hold

    known_lake_table(context, address)
    ledger, keys = _books(context)
    table = LakeTable(address, context.folder)
    hold, rows = place_lake_hold(table, ledger, keys, words, reason, review_on, now, prefix)
    if rows > 1:
        console.message(f"{rows:,} rows have these values, and all of them are {told}")
    return hold.hold_id


def lake_holds_of(context: Context, address: str = "") -> list[Hold]:
    """The holds in force on one lake table, or on all that the ledger knows."""
    from retention.subjects.lake_holds import lake_holds

    return lake_holds(*_books(context), address)


def lake_requests_of(context: Context, address: str = "") -> list[Hold]:
    """The requests in force on one lake table, or on all that the ledger knows."""
    from retention.subjects.lake_holds import lake_holds
    from retention.subjects.restrictions import PREFIX

    return lake_holds(*_books(context), address, PREFIX)


def lift_lake_request(context: Context, address: str, words: Sequence[str]) -> list[str]:
    """End requests on rows of a lake table, by name or values; their names."""
    from retention.subjects.lake_holds import lift_lake_requests

    return lift_lake_requests(address, *_books(context), words, now)


def release_if_lake(context: Context, hold_id: str) -> bool:
    """End a hold on rows of a lake table; FALSE where it is none of those."""
    if not any(hold.hold_id == hold_id for hold in lake_holds_of(context)):
        return False
    ledger, _ = _books(context)
    ledger.release_hold(hold_id, now())
    return True


def _books(context: Context) -> tuple[Ledger, KeyFolder]:
    from retention.scheduler.nightly import key_folder, ledger_of

    return ledger_of(context.policy, context.folder), key_folder(context.policy, context.folder)
